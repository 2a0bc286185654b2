-- title: What a job's calls to paid services came to.
-- param job = latest: The job: an id, a unique end of one, a name, or latest.
-- column scorer: The service.
-- column calls: Requests that were made.
-- column answered: Those that brought scores.
-- column throttled: Those that were refused for their rate.
-- column unclear: Those that may have been billed although nothing clear was heard; with those still open.
-- column faces: Faces that were scored.
-- column transactions: What the service bills them as.
-- column cost: US dollars by the price list.
-- column cost_per_1000_faces: US dollars for 1000 scored faces.
SELECT scorer, count(*) AS calls, count(*) FILTER (WHERE outcome = 'answered') AS answered,
       count(*) FILTER (WHERE outcome = 'throttled') AS throttled,
       count(*) FILTER (WHERE outcome IN ('lost', 'unclear', 'open')) AS unclear,
       coalesce(sum(faces) FILTER (WHERE outcome = 'answered'), 0) AS faces, sum(transactions) AS transactions,
       sum(cost) AS cost,
       1000 * sum(cost) / nullif(sum(faces) FILTER (WHERE outcome = 'answered'), 0) AS cost_per_1000_faces
FROM api_call
WHERE job_id = :job
GROUP BY scorer
ORDER BY scorer
