-- title: How much of each file shows a face: what the other answers rest on.
-- param job = latest: The job: an id, a unique end of one, a name, or latest.
-- column path: The file.
-- column state: open: some of it is still to be analysed; complete: all is done.
-- column frames: Frames sampled.
-- column frames_with_face: Those that show at least one face.
-- column share_with_face: Their share of the frames that could be decoded.
-- column faces: Faces found.
-- column segments_failed: Stretches that failed: @problems says why.
SELECT jf.path, ma.state, ma.frames, ma.frames_with_face,
       CAST(ma.frames_with_face AS DOUBLE PRECISION) / nullif(ma.frames - ma.frames_missing, 0) AS share_with_face,
       ma.faces, ma.segments_failed
FROM job_file AS jf
JOIN media_analysis AS ma ON ma.id = jf.media_analysis_id
WHERE jf.job_id = :job
ORDER BY share_with_face NULLS LAST, jf.path
