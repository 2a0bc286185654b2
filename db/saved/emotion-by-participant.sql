-- title: Share of each emotion among the faces of each participant.
-- param job = latest: The job: an id, a unique end of one, a name, or latest.
-- column participant: The tag participant, or the path where there is none.
-- column recordings: Recordings in which a face with scores was found.
-- column faces_scored: Faces with scores.
-- column mean_valence: Their mean valence.
-- column share_...: Share of those faces that each emotion dominates, 0 to 1.
SELECT coalesce(p.value, e.path) AS participant, count(DISTINCT e.job_file) AS recordings,
       count(*) AS faces_scored, avg(e.valence) AS mean_valence,
       avg(CASE WHEN e.dominant = 'neutral' THEN 1.0 ELSE 0.0 END) AS share_neutral,
       avg(CASE WHEN e.dominant = 'happiness' THEN 1.0 ELSE 0.0 END) AS share_happiness,
       avg(CASE WHEN e.dominant = 'surprise' THEN 1.0 ELSE 0.0 END) AS share_surprise,
       avg(CASE WHEN e.dominant = 'sadness' THEN 1.0 ELSE 0.0 END) AS share_sadness,
       avg(CASE WHEN e.dominant = 'anger' THEN 1.0 ELSE 0.0 END) AS share_anger,
       avg(CASE WHEN e.dominant = 'disgust' THEN 1.0 ELSE 0.0 END) AS share_disgust,
       avg(CASE WHEN e.dominant = 'fear' THEN 1.0 ELSE 0.0 END) AS share_fear,
       avg(CASE WHEN e.dominant = 'contempt' THEN 1.0 ELSE 0.0 END) AS share_contempt
FROM job_emotions AS e
LEFT JOIN tag AS p ON p.job_file_id = e.job_file AND p.key = 'participant'
WHERE e.job = :job AND e.dominant IS NOT NULL
GROUP BY p.value, CASE WHEN p.value IS NULL THEN e.job_file END, coalesce(p.value, e.path)
ORDER BY participant
