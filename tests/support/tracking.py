"""Videos in a database, complete and ready for tracks, for tests that need no detector."""

from collections.abc import Sequence

from db.records import ClaimedSegment, Face, Frame, SegmentCommit
from db.store import Store
from db.tracks import TrackStore
from db.tracks_write import Tracked
from tests.support.dbmaking import HAPPY, SAD, admit, start, video

LOOK = bytes(range(91))


def two_people(claimed: ClaimedSegment) -> SegmentCommit:
    """A frame a second: one person happy on the left, one sad on the right, both swaying a little."""
    first = claimed.spec.start_pts or 0
    frames = []
    for at in range(claimed.spec.targets):
        sway = float(at % 3)
        left = Face(100 + sway, 100.0, 64.0, 80.0, None, 0.9, HAPPY, appearance=LOOK)
        right = Face(400 - sway, 120.0, 64.0, 80.0, None, 0.9, SAD, appearance=LOOK)
        frames.append(Frame(first + at * 1000, (first + at * 1000) / 1000, (left, right)))
    return SegmentCommit(claimed.fence, tuple(frames))


def complete(store: Store, names: Sequence[str] = ("a.mp4",), segments: int = 2, number: int = 1) -> str:
    """A job whose videos are analysed, by the last segment first. Its id."""
    job = start(store, number)
    admit(store, job, *(video(name, segments) for name in names))
    for claimed in reversed(store.segments.claim("w", 60.0, 100)):
        store.segments.commit([two_people(claimed)])
    return job.id


def assign_by_side(store: Store) -> None:
    """Give all complete videos their tracks: the first face from the left is in track 1, the next in 2."""
    tracks = tracks_in(store)
    while claim := tracks.claim("w", 60.0, 1):
        faces = tracks.faces(claim, None, 1000)
        tracked = Tracked([one.pts for one in faces], [one.face for one in faces], [one.face + 1 for one in faces])
        assert tracks.assign(claim, tracked, 1, 2.0)


def tracks_in(store: Store) -> TrackStore:
    """The store's tracks."""
    return TrackStore(store.engine, store.patience_s)
