"""What is made of each frame of a segment, by what its work asks for: scores, or pictures for a service."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from db.records import Face, Frame
from workers.detection.appearance import with_appearance
from workers.detection.base import FaceDetector
from workers.detection.crop import BOX_HEIGHTS, aligned_crop
from workers.detection.crop import SIDE as CROP_PX
from workers.detection.cutout import AROUND, SHEET_PX, cut_out, reduced
from workers.detection.faces import find_faces, scaled
from workers.enclosures import Gathering
from workers.messages import Cutout, Give, SegmentWork, Takes
from workers.scoring.batches import Pool, Scoring
from workers.stages import Stages
from workers.toolbox import Toolbox
from workers.video.picture import Picture
from workers.video.whole import whole_of

Pixels = NDArray[np.uint8]
Piece = TypeVar("Piece")
Piece_contra = TypeVar("Piece_contra", contravariant=True)


class Giver(Protocol):
    """Takes the frames of one segment, one after the other."""

    def take(self, picture: Picture) -> None:
        """Make of one frame what is asked for. Nothing of its pixels is kept."""

    def finish(self) -> tuple[Frame, ...]:
        """Every frame taken, in order."""


def giver_of(
    work: SegmentWork, toolbox: Toolbox, stages: Stages, gathering: Gathering, pool: Pool | None = None
) -> Giver:
    """Whoever makes what `work` asks for; only the models that it takes are opened. Raises ModelError.

    Faces to be scored go into `pool`, where there is one, beside those of other segments.
    """
    if work.give is Give.PICTURES:
        if work.takes is None:
            raise ValueError("pictures are asked for, and none said which")
        return WholeFrames(work, work.takes, stages, gathering)
    spec = work.analysis.detector
    finder = Finder(toolbox.detector(spec), spec.min_face, stages, describes=work.facts.kind == "video")
    match work.give:
        case Give.GRAY:
            return Faces(finder, GRAY_CROP, Posting(gathering.add_crop))
        case Give.CROPS:
            return Faces(finder, CUT_OUT, Posting(gathering.add_cutout))
        case Give.SCORES:
            return Faces(finder, GRAY_CROP, Scoring(toolbox.scorer(work.analysis.scorer), stages, pool))


def _small_cut_out(picture: Pixels, face: Face) -> Cutout:
    return reduced(cut_out(picture, face))


@dataclass(frozen=True, slots=True)
class Cut(Generic[Piece]):
    """How a face is cut from a picture."""

    piece: Callable[[Pixels, Face], Piece]
    enough_px: float
    """Height of a face's box from which on more pixels show no more."""


GRAY_CROP = Cut(aligned_crop, 1.5 * CROP_PX / BOX_HEIGHTS)
CUT_OUT = Cut(_small_cut_out, 2 * SHEET_PX / AROUND)


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds the faces of a frame."""

    detector: FaceDetector
    min_face: int
    stages: Stages
    describes: bool
    """Whether tracks are to be told apart: a photo has none."""

    def look(self, picture: Picture, cut: Cut[Piece]) -> tuple[Frame, list[Piece]]:
        """One frame with its faces, not yet scored, and what `cut` makes of each."""
        if picture.pixels is None:
            return Frame(picture.pts, picture.time_s, status=picture.status), []
        with self.stages.timed("detect"):
            faces, dropped = find_faces(self.detector, picture.pixels, self.min_face, picture.scale)
        with self.stages.timed("decode"):
            lowest = min((face.box_height for face in faces), default=math.inf)
            picture = picture.at_scale(lowest / cut.enough_px)
        with self.stages.timed("crop"):
            assert picture.pixels is not None  # noqa: S101  narrows the type: what was read once is there
            across, down = picture.scale
            pieces = [cut.piece(picture.pixels, scaled(face, (1 / across, 1 / down))) for face in faces]
            if self.describes:
                faces = with_appearance(picture.pixels, faces)
        return Frame(picture.pts, picture.time_s, tuple(faces), dropped, picture.status), pieces


class Destination(Protocol[Piece_contra]):
    """Where frames go with a piece of each of their faces."""

    def add(self, frame: Frame, pieces: Sequence[Piece_contra]) -> None: ...

    def finish(self) -> tuple[Frame, ...]: ...


class Faces(Generic[Piece]):
    """Gives faces: each found, cut, and on its way."""

    def __init__(self, finder: Finder, cut: Cut[Piece], to: Destination[Piece]) -> None:
        self._finder = finder
        self._cut = cut
        self._to = to

    def take(self, picture: Picture) -> None:
        """Find, cut and pass on the faces of one frame."""
        self._to.add(*self._finder.look(picture, self._cut))

    def finish(self) -> tuple[Frame, ...]:
        """Every frame with its faces."""
        return self._to.finish()


class Posting(Generic[Piece]):
    """Frames whose faces go to a service: unscored, their pieces posted."""

    def __init__(self, post: Callable[[Piece], None]) -> None:
        self._post = post
        self._frames: list[Frame] = []

    def add(self, frame: Frame, pieces: Sequence[Piece]) -> None:
        """Take one frame with a piece of each of its faces, in order."""
        self._frames.append(frame)
        for piece in pieces:
            self._post(piece)

    def finish(self) -> tuple[Frame, ...]:
        """Every frame taken."""
        return tuple(self._frames)


class WholeFrames:
    """Gives every frame as an encoded picture; nobody looks for faces here."""

    def __init__(self, work: SegmentWork, takes: Takes, stages: Stages, gathering: Gathering) -> None:
        self._work = work
        self._takes = takes
        self._stages = stages
        self._gathering = gathering
        self._frames: list[Frame] = []

    def take(self, picture: Picture) -> None:
        """Encode one frame, if it is there."""
        self._frames.append(Frame(picture.pts, picture.time_s, status=picture.status))
        with self._stages.timed("encode"):
            whole = None if picture.pixels is None else whole_of(picture.pixels, self._work, self._takes)
        self._gathering.add_whole(whole)

    def finish(self) -> tuple[Frame, ...]:
        """Every frame taken, without faces."""
        return tuple(self._frames)
