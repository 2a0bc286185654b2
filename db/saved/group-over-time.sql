-- title: One measure over time, averaged over the participants of each group, with its 95 % confidence band.
-- param job = latest: The job: an id, a unique end of one, a name, or latest.
-- param stimulus: The stimulus that they saw.
-- param tag = condition: The tag that tells the groups apart.
-- param measure = valence: valence or one of the eight emotions.
-- column value: The group: the value of the tag.
-- column second: From this second of the recordings to the next.
-- column n: Participants of whom it is known in that second.
-- column mean: Mean over them, each counting once.
-- column low: Lower end of the 95 % confidence band of the mean, by Student's t; empty where n is below 2.
-- column high: Upper end of it.
-- column participants: Participants with a sampled frame in that second, with or without a face.
WITH participant AS (
    SELECT jt.value, jt.second,
           avg(CASE CAST(:measure AS TEXT)
               WHEN 'valence' THEN jt.mean_valence
               WHEN 'neutral' THEN jt.mean_neutral
               WHEN 'happiness' THEN jt.mean_happiness
               WHEN 'surprise' THEN jt.mean_surprise
               WHEN 'sadness' THEN jt.mean_sadness
               WHEN 'anger' THEN jt.mean_anger
               WHEN 'disgust' THEN jt.mean_disgust
               WHEN 'fear' THEN jt.mean_fear
               WHEN 'contempt' THEN jt.mean_contempt
           END) AS x
    FROM tag_timeline AS jt
    WHERE jt.job = :job AND jt.tag = :tag AND jt.stimulus = :stimulus
    GROUP BY jt.value, jt.second, jt.participant, CASE WHEN jt.participant = jt.path THEN jt.job_file END
),
summed AS (
    SELECT value, second, count(x) AS n, avg(x) AS mean, count(*) AS participants,
           -- What rounding leaves below 0 is 0.
           CASE WHEN count(x) > 1 THEN sqrt(CASE WHEN sum(x * x) > sum(x) * avg(x)
                   THEN (sum(x * x) - sum(x) * avg(x)) / (count(x) - 1) ELSE 0 END) END AS sd,
           nullif(CAST(count(x) - 1 AS DOUBLE PRECISION), 0) AS df
    FROM participant
    GROUP BY value, second
),
banded AS (
    SELECT value, second, n, mean, participants,
           -- As the view group_timeline has it.
           CASE n
               WHEN 2 THEN 12.706205 WHEN 3 THEN 4.302653 WHEN 4 THEN 3.182446 WHEN 5 THEN 2.776445 WHEN 6 THEN 2.570582
               WHEN 7 THEN 2.446912 WHEN 8 THEN 2.364624 WHEN 9 THEN 2.306004 WHEN 10 THEN 2.262157
               ELSE 1.959964 + (2.372271 + (2.822499 + (2.555850 + 1.589534 / df) / df) / df) / df
           END * sd / sqrt(n) AS half_width
    FROM summed
)
SELECT value, second, n, mean, mean - half_width AS low, mean + half_width AS high, participants
FROM banded
ORDER BY value, second
