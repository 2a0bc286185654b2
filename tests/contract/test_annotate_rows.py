"""What is read for drawing, on both databases: every look, every face, and which pictures are chosen."""

from pathlib import Path

import numpy as np

from db.drawing import pictures_of
from db.engine import reading
from db.records import Face, FileIdentity, Frame, SegmentCommit
from db.report import ReportReader
from db.states import FrameStatus
from db.store import Store
from jobs.annotate.asking import contact_sheet, recording_of
from jobs.annotate.request import AnnotateRequest
from tests.support.dbmaking import HAPPY, LANDMARKS, SAD, admit, change, start, unreadable, video
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, SamplingMode, ScorerSpec
from workers.drawing.work import NO_TRACK, NOT_SCORED, Look
from workers.messages import DrawBatch, decode_request, encode

SPEC = AnalysisSpec(Sampling(), DetectorSpec(), ScorerSpec())


def a_face(x: float, scores: tuple[float, ...] | None) -> Face:
    return Face(x, 48.0, 64.0, 96.0, LANDMARKS, 0.9, scores)


FRAMES = (
    Frame(0, 0.0, (a_face(32.0, HAPPY), a_face(320.0, None))),
    Frame(1000, 1.0, status=FrameStatus.MISSING),
    Frame(2000, 2.0, status=FrameStatus.DAMAGED),
    Frame(3000, 3.0, (a_face(96.0, SAD),)),
)


def test_a_recording_is_read_as_it_was_seen_and_its_sheet_shows_what_was_looked_at(
    store: Store, tmp_path: Path
) -> None:
    job = start(store, 1)
    admit(store, job, video("clip.mp4", segments=1), unreadable("bad.mp4"))
    (claimed,) = store.segments.claim("w", 60, 9)
    store.segments.commit([SegmentCommit(claimed.fence, FRAMES)])
    change(store, "UPDATE face SET track = 4 WHERE box_x < 300")
    asked = AnnotateRequest(tmp_path, Look())
    with reading(store.engine) as connection:
        files = ReportReader(connection).files(job.id, 9)
        clip = next(file for file in files if file.media is not None)
        recording = recording_of(connection, clip, SPEC)
        source = FileIdentity(b"/data/clip.mp4", 0, 0, clip.size, 0)
        work = contact_sheet(connection, recording, source, asked, SPEC)
        assert pictures_of(connection, job.id) == {recording.media_analysis_id: 1500}
    seen = recording.seen
    assert seen.looked.tolist() == [0, 2000, 3000]
    assert seen.until.tolist() == [1500, 3000, 4500]
    assert seen.pts.tolist() == [0, 0, 3000]
    assert seen.track.tolist() == [4, NO_TRACK, 4]
    assert seen.dominant.tolist() == [1, NOT_SCORED, 3]
    assert np.allclose(seen.scores[0], HAPPY, atol=1e-3)
    assert np.isnan(seen.scores[1]).all()
    assert seen.xywh[2].tolist() == [96.0, 48.0, 64.0, 96.0]
    assert work.sheet is not None
    assert [(one.segment.start_pts, one.emotion) for one in work.sheet.moments] == [(0, 1), (2000, -1), (3000, 3)]
    assert work.sheet.analysis.sampling == Sampling(SamplingMode.EVERY_FRAME)
    assert decode_request(encode(DrawBatch((work,)))) == DrawBatch((work,))
