-- title: Who saw what: participants, recordings and faces of each stimulus.
-- param job = latest: The job: an id, a unique end of one, a name, or latest.
-- column stimulus: The tag stimulus; empty where there is none.
-- column participants: Participants who saw it; without the tag participant each file is one.
-- column recordings: Their readable files.
-- column without_face: Those in which no face was found.
-- column frames: Frames sampled.
-- column faces: Faces found.
SELECT stimulus, count(DISTINCT participant) AS participants, count(*) AS recordings,
       count(*) FILTER (WHERE faces = 0) AS without_face, CAST(sum(frames) AS BIGINT) AS frames,
       CAST(sum(faces) AS BIGINT) AS faces
FROM (
    SELECT s.value AS stimulus, coalesce('tag ' || p.value, 'file ' || jf.id) AS participant, ma.frames, ma.faces
    FROM job_file AS jf
    JOIN media_analysis AS ma ON ma.id = jf.media_analysis_id
    LEFT JOIN tag AS p ON p.job_file_id = jf.id AND p.key = 'participant'
    LEFT JOIN tag AS s ON s.job_file_id = jf.id AND s.key = 'stimulus'
    WHERE jf.job_id = :job
) AS recording
GROUP BY stimulus
ORDER BY stimulus NULLS LAST
