-- The views that people query; the same on SQLite and PostgreSQL. Columns a person reads first come first.
-- They are dropped before a migration and made again after it, in this order.

-- One row per face per frame. A recording analysed in several ways has rows for each: `analysis` tells them apart.
CREATE VIEW emotions AS
SELECT m.path, f.time_s, f.track, f.box_x, f.box_y, f.box_width, f.box_height, f.confidence, f.dominant,
       f.neutral, f.happiness, f.surprise, f.sadness, f.anger, f.disgust, f.fear, f.contempt, f.valence,
       f.face, m.id AS media, ma.analysis_id AS analysis, f.pts
FROM face AS f
JOIN media_analysis AS ma ON ma.id = f.media_analysis_id
JOIN media AS m ON m.id = ma.media_id;

-- One row per sampled frame, with or without a face in it.
CREATE VIEW frames AS
SELECT m.path, fr.time_s, fr.faces, fr.faces_dropped, fr.status,
       m.id AS media, ma.analysis_id AS analysis, fr.pts
FROM frame AS fr
JOIN media_analysis AS ma ON ma.id = fr.media_analysis_id
JOIN media AS m ON m.id = ma.media_id;

-- The rows of `emotions` for each job file that asked for them, with its tags as a JSON object.
CREATE VIEW job_emotions AS
SELECT jf.path, f.time_s, f.track, f.box_x, f.box_y, f.box_width, f.box_height, f.confidence, f.dominant,
       f.neutral, f.happiness, f.surprise, f.sadness, f.anger, f.disgust, f.fear, f.contempt, f.valence,
       jf.tags_json AS tags, j.name AS job_name, f.face, jf.media_id AS media, ma.analysis_id AS analysis, f.pts,
       jf.id AS job_file, jf.job_id AS job
FROM job_file AS jf
JOIN face AS f ON f.media_analysis_id = jf.media_analysis_id
JOIN media_analysis AS ma ON ma.id = jf.media_analysis_id
JOIN job AS j ON j.id = jf.job_id;

-- The rows of `frames` for each job file that asked for them.
CREATE VIEW job_frames AS
SELECT jf.path, fr.time_s, fr.faces, fr.faces_dropped, fr.status,
       jf.tags_json AS tags, j.name AS job_name, jf.media_id AS media, ma.analysis_id AS analysis, fr.pts,
       jf.id AS job_file, jf.job_id AS job
FROM job_file AS jf
JOIN frame AS fr ON fr.media_analysis_id = jf.media_analysis_id
JOIN media_analysis AS ma ON ma.id = jf.media_analysis_id
JOIN job AS j ON j.id = jf.job_id;

-- One row per recording and analysis: how much was seen, and what.
CREATE VIEW media_summary AS
SELECT m.path, m.kind, m.duration_s, ma.state, ma.frames, ma.frames_with_face, ma.faces,
       avg(f.valence) AS mean_valence,
       CAST(count(*) FILTER (WHERE f.dominant = 'neutral') AS DOUBLE PRECISION) / nullif(count(f.dominant), 0) AS share_neutral,
       CAST(count(*) FILTER (WHERE f.dominant = 'happiness') AS DOUBLE PRECISION) / nullif(count(f.dominant), 0) AS share_happiness,
       CAST(count(*) FILTER (WHERE f.dominant = 'surprise') AS DOUBLE PRECISION) / nullif(count(f.dominant), 0) AS share_surprise,
       CAST(count(*) FILTER (WHERE f.dominant = 'sadness') AS DOUBLE PRECISION) / nullif(count(f.dominant), 0) AS share_sadness,
       CAST(count(*) FILTER (WHERE f.dominant = 'anger') AS DOUBLE PRECISION) / nullif(count(f.dominant), 0) AS share_anger,
       CAST(count(*) FILTER (WHERE f.dominant = 'disgust') AS DOUBLE PRECISION) / nullif(count(f.dominant), 0) AS share_disgust,
       CAST(count(*) FILTER (WHERE f.dominant = 'fear') AS DOUBLE PRECISION) / nullif(count(f.dominant), 0) AS share_fear,
       CAST(count(*) FILTER (WHERE f.dominant = 'contempt') AS DOUBLE PRECISION) / nullif(count(f.dominant), 0) AS share_contempt,
       avg(f.neutral) AS mean_neutral,
       avg(f.happiness) AS mean_happiness,
       avg(f.surprise) AS mean_surprise,
       avg(f.sadness) AS mean_sadness,
       avg(f.anger) AS mean_anger,
       avg(f.disgust) AS mean_disgust,
       avg(f.fear) AS mean_fear,
       avg(f.contempt) AS mean_contempt,
       count(f.dominant) AS faces_scored, ma.faces_dropped, ma.frames_damaged, ma.frames_missing, m.width, m.height, m.codec,
       m.id AS media, ma.analysis_id AS analysis
FROM media_analysis AS ma
JOIN media AS m ON m.id = ma.media_id
LEFT JOIN face AS f ON f.media_analysis_id = ma.id
-- Whatever a person narrows it by is a key, or SQLite would narrow it down only at the end.
GROUP BY ma.id, m.id, m.path, ma.analysis_id;

-- One row per track: one continuous appearance of one person in one recording; no identity. Where two emotions have the
-- same mean, the first of them dominates.
CREATE VIEW track_summary AS
SELECT m.path, f.track, min(f.time_s) AS start_s, max(f.time_s) AS end_s, max(f.time_s) - min(f.time_s) AS duration_s,
       count(*) AS frames, CAST(count(*) AS DOUBLE PRECISION) / nullif(ma.frames, 0) AS share,
       CASE WHEN avg(f.neutral) IS NULL THEN NULL
            WHEN avg(f.neutral) >= avg(f.happiness) AND avg(f.neutral) >= avg(f.surprise) AND avg(f.neutral) >= avg(f.sadness) AND avg(f.neutral) >= avg(f.anger) AND avg(f.neutral) >= avg(f.disgust) AND avg(f.neutral) >= avg(f.fear) AND avg(f.neutral) >= avg(f.contempt) THEN 'neutral'
            WHEN avg(f.happiness) >= avg(f.surprise) AND avg(f.happiness) >= avg(f.sadness) AND avg(f.happiness) >= avg(f.anger) AND avg(f.happiness) >= avg(f.disgust) AND avg(f.happiness) >= avg(f.fear) AND avg(f.happiness) >= avg(f.contempt) THEN 'happiness'
            WHEN avg(f.surprise) >= avg(f.sadness) AND avg(f.surprise) >= avg(f.anger) AND avg(f.surprise) >= avg(f.disgust) AND avg(f.surprise) >= avg(f.fear) AND avg(f.surprise) >= avg(f.contempt) THEN 'surprise'
            WHEN avg(f.sadness) >= avg(f.anger) AND avg(f.sadness) >= avg(f.disgust) AND avg(f.sadness) >= avg(f.fear) AND avg(f.sadness) >= avg(f.contempt) THEN 'sadness'
            WHEN avg(f.anger) >= avg(f.disgust) AND avg(f.anger) >= avg(f.fear) AND avg(f.anger) >= avg(f.contempt) THEN 'anger'
            WHEN avg(f.disgust) >= avg(f.fear) AND avg(f.disgust) >= avg(f.contempt) THEN 'disgust'
            WHEN avg(f.fear) >= avg(f.contempt) THEN 'fear'
            ELSE 'contempt' END AS dominant,
       avg(f.valence) AS mean_valence,
       avg(f.neutral) AS mean_neutral,
       avg(f.happiness) AS mean_happiness,
       avg(f.surprise) AS mean_surprise,
       avg(f.sadness) AS mean_sadness,
       avg(f.anger) AS mean_anger,
       avg(f.disgust) AS mean_disgust,
       avg(f.fear) AS mean_fear,
       avg(f.contempt) AS mean_contempt,
       avg(f.box_x) AS mean_box_x, avg(f.box_y) AS mean_box_y,
       avg(f.box_width) AS mean_box_width, avg(f.box_height) AS mean_box_height,
       m.id AS media, ma.analysis_id AS analysis
FROM media_analysis AS ma
JOIN media AS m ON m.id = ma.media_id
JOIN face AS f ON f.media_analysis_id = ma.id
WHERE f.track IS NOT NULL
GROUP BY ma.id, m.id, m.path, ma.frames, ma.analysis_id, f.track;

-- Everything that went wrong, by job file. `scope` says how much of the file is concerned.
CREATE VIEW problems AS
SELECT jf.path, jf.error_code AS code, jf.error_reason AS reason, jf.error_hint AS hint, 'file' AS scope,
       CAST(NULL AS DOUBLE PRECISION) AS start_s, CAST(NULL AS DOUBLE PRECISION) AS end_s,
       jf.media_id AS media, jf.job_id AS job
FROM job_file AS jf
WHERE jf.error_code IS NOT NULL
UNION ALL
SELECT jf.path, s.error_code, s.error_reason, s.error_hint, 'segment', s.start_s, s.end_s, jf.media_id, jf.job_id
FROM segment AS s
JOIN job_file AS jf ON jf.media_analysis_id = s.media_analysis_id
WHERE s.state = 'failed'
UNION ALL
SELECT jf.path, m.error_code, m.error_reason, m.error_hint, 'partial', 0.0, m.duration_s, jf.media_id, jf.job_id
FROM media AS m
JOIN job_file AS jf ON jf.media_id = m.id
WHERE m.error_code IS NOT NULL
UNION ALL
SELECT jf.path, 'media.damaged_frames',
       ma.frames_missing || ' sampled frames could not be decoded, ' || ma.frames_damaged || ' only in part',
       'copy it again from its source; the frames view shows which ones', 'frames', 0.0, m.duration_s,
       jf.media_id, jf.job_id
FROM media_analysis AS ma
JOIN job_file AS jf ON jf.media_analysis_id = ma.id
JOIN media AS m ON m.id = ma.media_id
WHERE ma.frames_missing + ma.frames_damaged > 0;
