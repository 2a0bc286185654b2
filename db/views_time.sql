-- The views over time, made after those of views.sql: what was seen in each second, of a recording, of a participant,
-- of a group of participants. A second begins at a whole number of seconds from the recording's start; times are
-- rounded to the microsecond first, as both databases do alike. A second in which no frame was sampled has no row.

-- One row per recording, analysis and second.
CREATE VIEW timeline AS
SELECT m.path, CAST(round(fr.time_s * 1000000) AS BIGINT) / 1000000 AS second,
       -- A frame has one row without a face, or one for its face 0.
       count(*) FILTER (WHERE coalesce(f.face, 0) = 0) AS frames,
       CASE WHEN count(*) > count(*) FILTER (WHERE fr.status = 'missing') THEN count(f.face) END AS faces,
       avg(f.valence) AS mean_valence,
       avg(f.neutral) AS mean_neutral,
       avg(f.happiness) AS mean_happiness,
       avg(f.surprise) AS mean_surprise,
       avg(f.sadness) AS mean_sadness,
       avg(f.anger) AS mean_anger,
       avg(f.disgust) AS mean_disgust,
       avg(f.fear) AS mean_fear,
       avg(f.contempt) AS mean_contempt,
       count(*) FILTER (WHERE f.face = 0) AS frames_with_face,
       count(*) FILTER (WHERE fr.status = 'missing') AS frames_missing,
       count(f.dominant) AS faces_scored,
       m.id AS media, ma.analysis_id AS analysis
FROM media_analysis AS ma
JOIN media AS m ON m.id = ma.media_id
JOIN frame AS fr ON fr.media_analysis_id = ma.id
LEFT JOIN face AS f ON f.media_analysis_id = fr.media_analysis_id AND f.pts = fr.pts
-- Whatever a person narrows it by is a key, or SQLite would narrow it down only at the end.
GROUP BY ma.id, CAST(round(fr.time_s * 1000000) AS BIGINT) / 1000000, m.id, m.path, ma.analysis_id;

-- The rows of `timeline` for each file of each job, with who was recorded and what they saw, where tags say so.
CREATE VIEW job_timeline AS
SELECT jf.path, x.second, x.frames, x.faces, x.mean_valence, x.mean_neutral, x.mean_happiness, x.mean_surprise,
       x.mean_sadness, x.mean_anger, x.mean_disgust, x.mean_fear, x.mean_contempt, x.frames_with_face,
       x.frames_missing, x.faces_scored, coalesce(p.value, jf.path) AS participant, s.value AS stimulus,
       jf.tags_json AS tags, j.name AS job_name, x.media, ma.analysis_id AS analysis, x.job_file, x.job
FROM (
    -- Names and tags are joined afterwards: what is sorted by second stays small.
    SELECT jf.id AS job_file, jf.job_id AS job, jf.media_id AS media,
           CAST(round(fr.time_s * 1000000) AS BIGINT) / 1000000 AS second,
           count(*) FILTER (WHERE coalesce(f.face, 0) = 0) AS frames,
           CASE WHEN count(*) > count(*) FILTER (WHERE fr.status = 'missing') THEN count(f.face) END AS faces,
           avg(f.valence) AS mean_valence,
           avg(f.neutral) AS mean_neutral,
           avg(f.happiness) AS mean_happiness,
           avg(f.surprise) AS mean_surprise,
           avg(f.sadness) AS mean_sadness,
           avg(f.anger) AS mean_anger,
           avg(f.disgust) AS mean_disgust,
           avg(f.fear) AS mean_fear,
           avg(f.contempt) AS mean_contempt,
           count(*) FILTER (WHERE f.face = 0) AS frames_with_face,
           count(*) FILTER (WHERE fr.status = 'missing') AS frames_missing,
           count(f.dominant) AS faces_scored
    FROM job_file AS jf
    JOIN frame AS fr ON fr.media_analysis_id = jf.media_analysis_id
    LEFT JOIN face AS f ON f.media_analysis_id = fr.media_analysis_id AND f.pts = fr.pts
    GROUP BY jf.id, CAST(round(fr.time_s * 1000000) AS BIGINT) / 1000000, jf.job_id, jf.media_id
) AS x
JOIN job_file AS jf ON jf.id = x.job_file
JOIN media_analysis AS ma ON ma.id = jf.media_analysis_id
JOIN job AS j ON j.id = jf.job_id
LEFT JOIN tag AS p ON p.job_file_id = jf.id AND p.key = 'participant'
LEFT JOIN tag AS s ON s.job_file_id = jf.id AND s.key = 'stimulus';

-- The rows of `job_timeline` for each tag of the file.
CREATE VIEW tag_timeline AS
SELECT t.key AS tag, t.value, jt.stimulus, jt.participant, jt.second, jt.frames, jt.faces, jt.mean_valence,
       jt.mean_neutral, jt.mean_happiness, jt.mean_surprise, jt.mean_sadness, jt.mean_anger, jt.mean_disgust,
       jt.mean_fear, jt.mean_contempt, jt.path, jt.job_name, jt.job_file, jt.job
FROM job_timeline AS jt
JOIN tag AS t ON t.job_file_id = jt.job_file;

-- One row per tag, stimulus, second and measure: the mean over participants, with the 95 % confidence band of Student's
-- t. First the recordings of a participant are averaged, then the participants: each counts once. `n` counts those of
-- whom the measure is known; a band takes two. The quantiles of t are tabulated up to 9 degrees of freedom; beyond, the
-- expansion of Abramowitz and Stegun 26.7.5 is right to 5 digits.
CREATE VIEW group_timeline AS
SELECT tag, value, stimulus, second, measure, n, mean, mean - half_width AS low, mean + half_width AS high, sd,
       participants, job_name, job
FROM (
    SELECT tag, value, stimulus, second, measure, n, mean, sd, participants, job_name, job,
           sd / sqrt(n) * CASE n
               WHEN 2 THEN 12.706205 WHEN 3 THEN 4.302653 WHEN 4 THEN 3.182446 WHEN 5 THEN 2.776445 WHEN 6 THEN 2.570582
               WHEN 7 THEN 2.446912 WHEN 8 THEN 2.364624 WHEN 9 THEN 2.306004 WHEN 10 THEN 2.262157
               ELSE 1.959964 + (2.372271 + (2.822499 + (2.555850 + 1.589534 / df) / df) / df) / df
           END AS half_width
    FROM (
        SELECT tag, value, stimulus, second, measure, n, mean, participants,
               -- What rounding leaves below 0 is 0.
               CASE WHEN n > 1 THEN sqrt(CASE WHEN squares > n * mean * mean
                   THEN (squares - n * mean * mean) / (n - 1) ELSE 0 END) END AS sd,
               nullif(CAST(n - 1 AS DOUBLE PRECISION), 0) AS df, job_name, job
        FROM (
            SELECT g.tag, g.value, g.stimulus, g.second, q.column1 AS measure, g.participants, g.job_name, g.job,
                   CASE q.column1
                       WHEN 'valence' THEN g.n_valence WHEN 'neutral' THEN g.n_neutral WHEN 'happiness' THEN g.n_happiness
                       WHEN 'surprise' THEN g.n_surprise WHEN 'sadness' THEN g.n_sadness WHEN 'anger' THEN g.n_anger
                       WHEN 'disgust' THEN g.n_disgust WHEN 'fear' THEN g.n_fear WHEN 'contempt' THEN g.n_contempt
                   END AS n,
                   CASE q.column1
                       WHEN 'valence' THEN g.mean_valence WHEN 'neutral' THEN g.mean_neutral WHEN 'happiness' THEN g.mean_happiness
                       WHEN 'surprise' THEN g.mean_surprise WHEN 'sadness' THEN g.mean_sadness WHEN 'anger' THEN g.mean_anger
                       WHEN 'disgust' THEN g.mean_disgust WHEN 'fear' THEN g.mean_fear WHEN 'contempt' THEN g.mean_contempt
                   END AS mean,
                   CASE q.column1
                       WHEN 'valence' THEN g.squares_valence WHEN 'neutral' THEN g.squares_neutral WHEN 'happiness' THEN g.squares_happiness
                       WHEN 'surprise' THEN g.squares_surprise WHEN 'sadness' THEN g.squares_sadness WHEN 'anger' THEN g.squares_anger
                       WHEN 'disgust' THEN g.squares_disgust WHEN 'fear' THEN g.squares_fear WHEN 'contempt' THEN g.squares_contempt
                   END AS squares
            FROM (
                -- All measures in one row until they are added up: nine rows each would have to be sorted.
                SELECT tag, value, stimulus, second, count(*) AS participants,
                       count(valence) AS n_valence, avg(valence) AS mean_valence, sum(valence * valence) AS squares_valence,
                       count(neutral) AS n_neutral, avg(neutral) AS mean_neutral, sum(neutral * neutral) AS squares_neutral,
                       count(happiness) AS n_happiness, avg(happiness) AS mean_happiness, sum(happiness * happiness) AS squares_happiness,
                       count(surprise) AS n_surprise, avg(surprise) AS mean_surprise, sum(surprise * surprise) AS squares_surprise,
                       count(sadness) AS n_sadness, avg(sadness) AS mean_sadness, sum(sadness * sadness) AS squares_sadness,
                       count(anger) AS n_anger, avg(anger) AS mean_anger, sum(anger * anger) AS squares_anger,
                       count(disgust) AS n_disgust, avg(disgust) AS mean_disgust, sum(disgust * disgust) AS squares_disgust,
                       count(fear) AS n_fear, avg(fear) AS mean_fear, sum(fear * fear) AS squares_fear,
                       count(contempt) AS n_contempt, avg(contempt) AS mean_contempt, sum(contempt * contempt) AS squares_contempt,
                       job_name, job
                FROM (
                    SELECT tag, value, stimulus, second, avg(mean_valence) AS valence, avg(mean_neutral) AS neutral,
                           avg(mean_happiness) AS happiness, avg(mean_surprise) AS surprise,
                           avg(mean_sadness) AS sadness, avg(mean_anger) AS anger, avg(mean_disgust) AS disgust,
                           avg(mean_fear) AS fear, avg(mean_contempt) AS contempt, job_name, job
                    FROM tag_timeline
                    -- Files of two roots may have one path, yet without a tag each is a participant of its own.
                    GROUP BY job, job_name, tag, value, stimulus, second, participant,
                             CASE WHEN participant = path THEN job_file END
                ) AS p
                GROUP BY job, job_name, tag, value, stimulus, second
            ) AS g
            CROSS JOIN (VALUES ('valence'), ('neutral'), ('happiness'), ('surprise'), ('sadness'), ('anger'), ('disgust'),
                               ('fear'), ('contempt')) AS q
        ) AS measured
    ) AS summed
) AS banded;
