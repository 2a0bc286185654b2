-- title: The emotions of one file, second by second.
-- param job = latest: The job: an id, a unique end of one, a name, or latest.
-- param path: The file, as the results call it.
-- column second: From this second of the recording to the next.
-- column faces: Faces in the frames sampled in it; empty where none could be decoded.
-- column mean_valence: Mean valence of those faces; empty where none has scores.
-- column mean_...: Mean probability of each emotion, likewise.
SELECT CAST(round(fr.time_s * 1000000) AS BIGINT) / 1000000 AS second,
       CASE WHEN count(*) > count(*) FILTER (WHERE fr.status = 'missing') THEN count(f.face) END AS faces,
       avg(f.valence) AS mean_valence,
       avg(f.neutral) AS mean_neutral,
       avg(f.happiness) AS mean_happiness,
       avg(f.surprise) AS mean_surprise,
       avg(f.sadness) AS mean_sadness,
       avg(f.anger) AS mean_anger,
       avg(f.disgust) AS mean_disgust,
       avg(f.fear) AS mean_fear,
       avg(f.contempt) AS mean_contempt
-- As the view job_timeline has it; there, SQLite would read the whole job.
FROM job_file AS jf
JOIN frame AS fr ON fr.media_analysis_id = jf.media_analysis_id
LEFT JOIN face AS f ON f.media_analysis_id = fr.media_analysis_id AND f.pts = fr.pts
WHERE jf.job_id = :job AND jf.path = :path
GROUP BY CAST(round(fr.time_s * 1000000) AS BIGINT) / 1000000
ORDER BY second
