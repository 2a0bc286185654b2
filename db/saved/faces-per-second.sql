-- title: How many faces each file shows in each second.
-- param job = latest: The job: an id, a unique end of one, a name, or latest.
-- column path: The file.
-- column second: From this second of the recording to the next.
-- column frames: Frames sampled in it.
-- column faces: Faces in them; empty where none could be decoded.
-- column faces_per_frame: Faces in a frame, on average.
SELECT path, second, frames, faces,
       CAST(faces AS DOUBLE PRECISION) / nullif(frames - frames_missing, 0) AS faces_per_frame
FROM job_timeline
WHERE job = :job
ORDER BY path, second
