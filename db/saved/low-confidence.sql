-- title: Faces of which the detector is least sure: look at them before you trust the rest.
-- param job = latest: The job: an id, a unique end of one, a name, or latest.
-- param below = 0.8: Confidence below this.
-- param limit = 100: How many.
-- column path: The file.
-- column time_s: Seconds from the recording's start.
-- column confidence: How sure the detector is that it is a face.
-- column dominant: Its dominant emotion.
-- column box_x: Left edge of the face, in pixels.
-- column box_y: Top edge of the face, in pixels.
-- column box_width: Its width, in pixels.
-- column box_height: Its height, in pixels.
SELECT path, time_s, confidence, dominant, box_x, box_y, box_width, box_height
FROM job_emotions
WHERE job = :job AND confidence < :below
ORDER BY confidence, path, time_s
LIMIT :limit
