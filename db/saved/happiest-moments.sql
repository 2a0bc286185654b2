-- title: The faces that are happiest, and when.
-- param job = latest: The job: an id, a unique end of one, a name, or latest.
-- param limit = 10: How many.
-- column path: The file.
-- column time_s: Seconds from the recording's start.
-- column face: Which face of that frame, from left to right, from 0.
-- column happiness: Its probability of happiness.
-- column valence: Its valence.
-- column confidence: How sure the detector is that it is a face.
SELECT path, time_s, face, happiness, valence, confidence
FROM job_emotions
WHERE job = :job AND happiness IS NOT NULL
ORDER BY happiness DESC, path, time_s, face
LIMIT :limit
