-- The views that people query; the same on SQLite and PostgreSQL. Columns a person reads first come first.
-- They are dropped before a migration and made again after it, in this order.

-- One row per face per frame. A recording analysed in several ways has rows for each: `analysis` tells them apart.
CREATE VIEW emotions AS
SELECT m.path, fr.time_s, f.track, f.box_x, f.box_y, f.box_width, f.box_height, f.confidence, f.dominant,
       f.neutral, f.happiness, f.surprise, f.sadness, f.anger, f.disgust, f.fear, f.contempt, f.valence,
       f.face, m.id AS media, ma.analysis_id AS analysis, f.pts
FROM face AS f
JOIN frame AS fr ON fr.media_analysis_id = f.media_analysis_id AND fr.pts = f.pts
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
SELECT jf.path, fr.time_s, f.track, f.box_x, f.box_y, f.box_width, f.box_height, f.confidence, f.dominant,
       f.neutral, f.happiness, f.surprise, f.sadness, f.anger, f.disgust, f.fear, f.contempt, f.valence,
       jf.tags_json AS tags, j.name AS job_name, f.face, ma.media_id AS media, ma.analysis_id AS analysis, f.pts,
       jf.id AS job_file, j.id AS job
FROM job AS j
JOIN job_file AS jf ON jf.job_id = j.id
JOIN media_analysis AS ma ON ma.id = jf.media_analysis_id
JOIN face AS f ON f.media_analysis_id = ma.id
JOIN frame AS fr ON fr.media_analysis_id = f.media_analysis_id AND fr.pts = f.pts;

-- The rows of `frames` for each job file that asked for them.
CREATE VIEW job_frames AS
SELECT jf.path, fr.time_s, fr.faces, fr.faces_dropped, fr.status,
       jf.tags_json AS tags, j.name AS job_name, ma.media_id AS media, ma.analysis_id AS analysis, fr.pts,
       jf.id AS job_file, j.id AS job
FROM job AS j
JOIN job_file AS jf ON jf.job_id = j.id
JOIN media_analysis AS ma ON ma.id = jf.media_analysis_id
JOIN frame AS fr ON fr.media_analysis_id = ma.id;

-- One row per recording and analysis: how much was seen, and what.
CREATE VIEW media_summary AS
SELECT m.path, m.kind, m.duration_s, ma.state, ma.frames, coalesce(s.frames_with_face, 0) AS frames_with_face, ma.faces,
       s.mean_valence,
       s.share_neutral, s.share_happiness, s.share_surprise, s.share_sadness,
       s.share_anger, s.share_disgust, s.share_fear, s.share_contempt,
       s.mean_neutral, s.mean_happiness, s.mean_surprise, s.mean_sadness,
       s.mean_anger, s.mean_disgust, s.mean_fear, s.mean_contempt,
       ma.faces_dropped, ma.frames_damaged, ma.frames_missing, m.width, m.height, m.codec,
       m.id AS media, ma.analysis_id AS analysis
FROM media_analysis AS ma
JOIN media AS m ON m.id = ma.media_id
LEFT JOIN (
    SELECT media_analysis_id,
           count(DISTINCT pts) AS frames_with_face,
           avg(valence) AS mean_valence,
           CAST(avg(CASE WHEN dominant = 'neutral' THEN 1.0 WHEN dominant IS NOT NULL THEN 0.0 END) AS DOUBLE PRECISION) AS share_neutral,
           CAST(avg(CASE WHEN dominant = 'happiness' THEN 1.0 WHEN dominant IS NOT NULL THEN 0.0 END) AS DOUBLE PRECISION) AS share_happiness,
           CAST(avg(CASE WHEN dominant = 'surprise' THEN 1.0 WHEN dominant IS NOT NULL THEN 0.0 END) AS DOUBLE PRECISION) AS share_surprise,
           CAST(avg(CASE WHEN dominant = 'sadness' THEN 1.0 WHEN dominant IS NOT NULL THEN 0.0 END) AS DOUBLE PRECISION) AS share_sadness,
           CAST(avg(CASE WHEN dominant = 'anger' THEN 1.0 WHEN dominant IS NOT NULL THEN 0.0 END) AS DOUBLE PRECISION) AS share_anger,
           CAST(avg(CASE WHEN dominant = 'disgust' THEN 1.0 WHEN dominant IS NOT NULL THEN 0.0 END) AS DOUBLE PRECISION) AS share_disgust,
           CAST(avg(CASE WHEN dominant = 'fear' THEN 1.0 WHEN dominant IS NOT NULL THEN 0.0 END) AS DOUBLE PRECISION) AS share_fear,
           CAST(avg(CASE WHEN dominant = 'contempt' THEN 1.0 WHEN dominant IS NOT NULL THEN 0.0 END) AS DOUBLE PRECISION) AS share_contempt,
           avg(neutral) AS mean_neutral, avg(happiness) AS mean_happiness, avg(surprise) AS mean_surprise,
           avg(sadness) AS mean_sadness, avg(anger) AS mean_anger, avg(disgust) AS mean_disgust,
           avg(fear) AS mean_fear, avg(contempt) AS mean_contempt
    FROM face
    GROUP BY media_analysis_id
) AS s ON s.media_analysis_id = ma.id;

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
