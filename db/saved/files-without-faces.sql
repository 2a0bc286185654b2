-- title: Files in which no face was found.
-- param job = latest: The job: an id, a unique end of one, a name, or latest.
-- column path: The file.
-- column kind: photo or video.
-- column duration_s: Its length in seconds.
-- column frames: Frames that were sampled.
-- column faces_dropped: Faces that were found but are smaller than asked for: --min-face takes them.
-- column frames_missing: Frames that could not be decoded.
SELECT jf.path, m.kind, m.duration_s, ma.frames, ma.faces_dropped, ma.frames_missing
FROM job_file AS jf
JOIN media AS m ON m.id = jf.media_id
JOIN media_analysis AS ma ON ma.id = jf.media_analysis_id
WHERE jf.job_id = :job AND ma.state = 'complete' AND ma.faces = 0
ORDER BY jf.path
