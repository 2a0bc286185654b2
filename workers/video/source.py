"""The frame source of a segment, photo or video: opened here, closed here."""

from collections.abc import Iterator
from contextlib import contextmanager

from db.records import FileIdentity, MediaFacts
from db.states import FrameStatus
from workers.errors import MediaError
from workers.messages import SegmentWork
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
    """A photo as a source of one frame."""

    fallbacks = 0

    def __init__(self, path: bytes, form: Format) -> None:
        self._path = path
        self._form = form

    def __iter__(self) -> Iterator[Picture]:
        yield Picture(0, 0.0, FrameStatus.OK, read_photo(self._path, self._form))


def form_as_probed(source: FileIdentity, facts: MediaFacts) -> Format:
    """The format of a file by its first bytes. Raises MediaError where it is not the one that was probed."""
    form = sniff_file(source.path)
    if form is None or form.name != facts.container:
        raise MediaError("media.changed", "it is no longer what it was when the job began", "run the job again")
    return form


Source = PhotoReader | SegmentReader | SequentialReader


@contextmanager
def open_source(work: SegmentWork) -> Iterator[Source]:
    """The wanted frames of `work`. Raises MediaError, also when the file is another one before or after the body."""
    path = work.source.path
    with holds_still(work.source):
        form = form_as_probed(work.source, work.facts)
        if form.kind == "photo":
            yield PhotoReader(path, form)
            return
        if work.analysis.sampling is None:
            raise corrupt("a video was sent without a sampling")
        with open_video(path, form) as video:
            reader = SequentialReader if work.facts.timing == "derived" else SegmentReader
            yield reader(video, work.facts, work.segment, work.analysis.sampling)
