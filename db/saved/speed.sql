-- title: How fast a job went, minute by minute, whoever worked on it.
-- param job = latest: The job: an id, a unique end of one, a name, or latest.
-- column minute: The minute, in UTC.
-- column segments: Segments that were done in it.
-- column frames: Frames sampled in those.
-- column media_s: Seconds of video in those.
-- column frames_per_s: Frames a second over that minute.
SELECT minute, count(*) AS segments, sum(targets) AS frames, sum(end_s - start_s) AS media_s,
       sum(targets) / 60.0 AS frames_per_s
FROM (
    SELECT substr(CAST(updated_at AS TEXT), 1, 16) AS minute, targets, start_s, end_s
    FROM segment
    WHERE state = 'done' AND media_analysis_id IN (SELECT media_analysis_id FROM job_file WHERE job_id = :job)
) AS done
GROUP BY minute
ORDER BY minute
