"""The frame source of a segment, photo or video: opened here, closed here."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from db.records import FileIdentity, MediaFacts
from db.states import FrameStatus
from workers.errors import MediaError
from workers.messages import Give, SegmentWork
from workers.video.container import open_video
from workers.video.identity import holds_still
from workers.video.photo import read_photo
from workers.video.picture import Picture
from workers.video.probe import sniff_file
from workers.video.problems import corrupt
from workers.video.reader import SegmentReader
from workers.video.sequential import SequentialReader
from workers.video.sniff import Format


class PhotoReader:
    """A photo as a source of one frame, with a longer side of `enough_px` where it can be had for less."""

    fallbacks = 0

    def __init__(self, path: bytes, form: Format, facts: MediaFacts, enough_px: float) -> None:
        self._path = path
        self._form = form
        self._facts = facts
        self._enough_px = enough_px

    def __iter__(self) -> Iterator[Picture]:
        yield self._read(self._enough_px)

    def _read(self, enough_px: float) -> Picture:
        pixels = read_photo(self._path, self._form, enough_px)
        height, width = pixels.shape[:2]
        scale = (self._facts.width / width, self._facts.height / height)
        return Picture(0, 0.0, FrameStatus.OK, pixels, scale, self._read if max(scale) > 1 else None)


def form_as_probed(source: FileIdentity, facts: MediaFacts) -> Format:
    """The format of a file by its first bytes. Raises MediaError where it is not the one that was probed."""
    form = sniff_file(source.path)
    if form is None or form.name != facts.container:
        raise MediaError("media.changed", "it is no longer what it was when the job began", "run the job again")
    return form


def _enough_px(work: SegmentWork) -> float:
    """The longer side that a photo needs at first: what the detector looks at, or all of it for a service."""
    return math.inf if work.give is Give.PICTURES else work.analysis.detector.max_side


Source = PhotoReader | SegmentReader | SequentialReader


@contextmanager
def open_source(work: SegmentWork) -> Iterator[Source]:
    """The wanted frames of `work`. Raises MediaError, also when the file is another one before or after the body."""
    path = work.source.path
    with holds_still(work.source):
        form = form_as_probed(work.source, work.facts)
        if form.kind == "photo":
            yield PhotoReader(path, form, work.facts, _enough_px(work))
            return
        sampling = work.analysis.sampling
        if sampling is None:
            raise corrupt("a video was sent without a sampling")
        with open_video(path, form, fast=sampling.fast_decode) as video:
            reader = SequentialReader if work.facts.timing == "derived" else SegmentReader
            yield reader(video, work.facts, work.segment, sampling)
