"""The states of a job, a segment and a frame: one sentence each, and nothing else may be stored."""

from enum import StrEnum


class JobState(StrEnum):
    """A job is a request: it never holds results, only files that ask for them."""

    DISCOVERING = "discovering"
    """Its folders are still being walked; a dead submitter leaves it here and `resume` continues the walk."""
    SEALED = "sealed"
    """Every file of the request is known; it is finished once none of its segments is queued or running."""
    CANCELLED = "cancelled"
    """Nobody waits for it: segments that no other live job wants are not started."""


class SegmentState(StrEnum):
    """A segment is the unit of work, of retry and of commit. Cancelled is a state of a job, never of a segment."""

    QUEUED = "queued"
    """Waiting for a claim; runnable while some live job wants it and `not_before` has passed."""
    RUNNING = "running"
    """Claimed under a fencing token (`attempt`) until `lease_until`."""
    DONE = "done"
    """Its frames and faces were committed in the same transaction that wrote this."""
    FAILED = "failed"
    """Failed as often as it may, or for a reason no retry can mend; it carries code, reason and hint."""


class MediaAnalysisState(StrEnum):
    """One media under one analysis."""

    OPEN = "open"
    """Some of its segments are queued or running."""
    COMPLETE = "complete"
    """Every segment is done or failed; tracks may be assigned."""


class TrackState(StrEnum):
    """Whether the faces of one media analysis carry tracks; assigning them is claimed work like a segment."""

    NONE = "none"
    """Not assigned: the media analysis is open, or it is a photo."""
    RUNNING = "running"
    """Being assigned under `tracks_attempt` until `tracks_lease_until`."""
    ASSIGNED = "assigned"
    """Assigned by the tracker revision in `tracks_revision`."""


class FrameStatus(StrEnum):
    """What became of a sampled frame. Every sampled frame has a row, whatever happened to it."""

    OK = "ok"
    """Decoded without complaint."""
    DAMAGED = "damaged"
    """Decoded from corrupt data: the decoder concealed what it could not read."""
    MISSING = "missing"
    """The file holds it but the decoder never produced it; it has no faces because nobody saw it."""


class CallOutcome(StrEnum):
    """What became of a call to a paid service."""

    OPEN = "open"
    """It has left or is about to, and nothing was heard yet."""
    ANSWERED = "answered"
    """It brought scores."""
    THROTTLED = "throttled"
    """Refused because of the rate; not billed."""
    UNAVAILABLE = "unavailable"
    """The service could not be reached or failed; not billed as far as known."""
    LOST = "lost"
    """The process that made it is gone: it may have been billed."""
    UNCLEAR = "unclear"
    """It was sent whole and no clear answer came: it may have been billed."""
    REFUSED = "refused"
    """The service refused whoever asked: key, permission, a feature that it has withdrawn."""
    PICTURE = "picture"
    """The service could not take this picture."""
    NONSENSE = "nonsense"
    """The answer could not be understood."""
