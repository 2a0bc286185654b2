-- title: What went wrong, and what to do about it.
-- param job = latest: The job: an id, a unique end of one, a name, or latest.
-- column path: The file.
-- column scope: How much is concerned: the file, a segment, the rest of a partial file, or single frames.
-- column reason: What went wrong.
-- column hint: What to do about it.
-- column start_s: Where the stretch concerned starts, in seconds.
-- column end_s: Where it ends.
-- column code: What went wrong, for machines.
SELECT path, scope, reason, hint, start_s, end_s, code
FROM problems
WHERE job = :job
ORDER BY path, scope, start_s
