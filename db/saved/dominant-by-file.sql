-- title: Which emotion dominates most faces of each file.
-- param job = latest: The job: an id, a unique end of one, a name, or latest.
-- column path: The file.
-- column dominant: The emotion that dominates most of its faces; the first by alphabet among equals.
-- column faces: How many faces it dominates.
-- column share: Their share of the file's scored faces.
-- column faces_scored: The file's scored faces.
SELECT path, dominant, faces, CAST(faces AS DOUBLE PRECISION) / faces_scored AS share, faces_scored
FROM (
    SELECT path, dominant, count(*) AS faces, CAST(sum(count(*)) OVER (PARTITION BY job_file) AS BIGINT) AS faces_scored,
           row_number() OVER (PARTITION BY job_file ORDER BY count(*) DESC, dominant) AS place
    FROM job_emotions
    WHERE job = :job AND dominant IS NOT NULL
    GROUP BY job_file, path, dominant
) AS counted
WHERE place = 1
ORDER BY path
