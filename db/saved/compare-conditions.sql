-- title: The emotions of groups of participants compared: the mean of each group, with its 95 % confidence band.
-- param job = latest: The job: an id, a unique end of one, a name, or latest.
-- param tag = condition: The tag that tells the groups apart.
-- param stimulus = '': Only recordings of this stimulus; empty: all.
-- column measure: valence or one of the eight emotions.
-- column value: The group: the value of the tag.
-- column n: Participants of whom it is known.
-- column mean: Mean over them, each counting once; within one, each recording counts once, within that each face.
-- column low: Lower end of the 95 % confidence band of the mean, by Student's t; empty where n is below 2.
-- column high: Upper end of it.
-- column sd: Standard deviation over participants.
WITH recording AS (
    SELECT e.job_file, avg(e.valence) AS valence, avg(e.neutral) AS neutral, avg(e.happiness) AS happiness,
           avg(e.surprise) AS surprise, avg(e.sadness) AS sadness, avg(e.anger) AS anger, avg(e.disgust) AS disgust,
           avg(e.fear) AS fear, avg(e.contempt) AS contempt
    FROM job_emotions AS e
    WHERE e.job = :job
    GROUP BY e.job_file
),
participant AS (
    SELECT t.value, avg(r.valence) AS valence, avg(r.neutral) AS neutral, avg(r.happiness) AS happiness,
           avg(r.surprise) AS surprise, avg(r.sadness) AS sadness, avg(r.anger) AS anger, avg(r.disgust) AS disgust,
           avg(r.fear) AS fear, avg(r.contempt) AS contempt
    FROM recording AS r
    JOIN tag AS t ON t.job_file_id = r.job_file AND t.key = :tag
    LEFT JOIN tag AS p ON p.job_file_id = r.job_file AND p.key = 'participant'
    LEFT JOIN tag AS s ON s.job_file_id = r.job_file AND s.key = 'stimulus'
    WHERE CAST(:stimulus AS TEXT) IN ('', s.value)
    GROUP BY t.value, p.value, CASE WHEN p.value IS NULL THEN r.job_file END
),
measured AS (
    SELECT q.column2 AS place, q.column1 AS measure, p.value,
           CASE q.column1
               WHEN 'valence' THEN p.valence
               WHEN 'neutral' THEN p.neutral
               WHEN 'happiness' THEN p.happiness
               WHEN 'surprise' THEN p.surprise
               WHEN 'sadness' THEN p.sadness
               WHEN 'anger' THEN p.anger
               WHEN 'disgust' THEN p.disgust
               WHEN 'fear' THEN p.fear
               WHEN 'contempt' THEN p.contempt
           END AS x
    FROM participant AS p
    CROSS JOIN (VALUES ('valence', 0), ('neutral', 1), ('happiness', 2), ('surprise', 3), ('sadness', 4), ('anger', 5),
                       ('disgust', 6), ('fear', 7), ('contempt', 8)) AS q
),
summed AS (
    SELECT place, measure, value, count(x) AS n, avg(x) AS mean,
           -- What rounding leaves below 0 is 0.
           CASE WHEN count(x) > 1 THEN sqrt(CASE WHEN sum(x * x) > sum(x) * avg(x)
                   THEN (sum(x * x) - sum(x) * avg(x)) / (count(x) - 1) ELSE 0 END) END AS sd,
           nullif(CAST(count(x) - 1 AS DOUBLE PRECISION), 0) AS df
    FROM measured
    GROUP BY place, measure, value
),
banded AS (
    SELECT place, measure, value, n, mean, sd,
           -- As the view group_timeline has it.
           CASE n
               WHEN 2 THEN 12.706205 WHEN 3 THEN 4.302653 WHEN 4 THEN 3.182446 WHEN 5 THEN 2.776445 WHEN 6 THEN 2.570582
               WHEN 7 THEN 2.446912 WHEN 8 THEN 2.364624 WHEN 9 THEN 2.306004 WHEN 10 THEN 2.262157
               ELSE 1.959964 + (2.372271 + (2.822499 + (2.555850 + 1.589534 / df) / df) / df) / df
           END * sd / sqrt(n) AS half_width
    FROM summed
)
SELECT measure, value, n, mean, mean - half_width AS low, mean + half_width AS high, sd
FROM banded
ORDER BY place, value
