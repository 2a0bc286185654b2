"""What must be known of drawings before they are looked at, or handed on. Pure."""

from collections.abc import Iterator, Sequence

from db.report import ReportMedia
from jobs.annotate.request import AnnotateRequest
from workers.analysis import AnalysisSpec, Sampling, SamplingMode

SPARSE_S = 2.0
"""From this step on it shows that what was seen is held from look to look."""
SPARSE_TO_COVER_S = 0.25
"""A head can leave its place, and come from nowhere, in less."""


def notes_on(recordings: Sequence[ReportMedia], analysis: AnalysisSpec, asked: AnnotateRequest) -> Iterator[str]:
    """Notes on what is drawn of these recordings."""
    has_videos = any(one.kind == "video" for one in recordings)
    sampling = analysis.sampling if has_videos else None
    if asked.look.blur:
        yield "covered are the faces that were found, and no others: look through it before you hand it on"
        if _is_sparser(sampling, SPARSE_TO_COVER_S):
            yield (
                f"faces were looked for {_how_often(sampling)}: between two looks they are covered on the straight way "
                "from place to place; analyse with --every-frame to cover them where they are"
            )
        yield from _on_small(recordings, analysis.detector.min_face)
    elif _is_sparser(sampling, SPARSE_S):
        yield f"faces were looked for {_how_often(sampling)}: boxes and bars are held from one look to the next"


def _on_small(recordings: Sequence[ReportMedia], min_face: int) -> Iterator[str]:
    small = sum(one.faces_dropped for one in recordings)
    if small:
        yield (
            f"{small:,} faces were lower than {min_face} pixels and are not covered: "
            "analyse with --min-face 0 to cover such as well"
        )


def _is_sparser(sampling: Sampling | None, step_s: float) -> bool:
    """Whether looks are farther apart; those at key frames are."""
    if sampling is None or sampling.mode is SamplingMode.EVERY_FRAME:
        return False
    return sampling.mode is SamplingMode.KEYFRAMES or float(sampling.interval_s) > step_s


def _how_often(sampling: Sampling | None) -> str:
    if sampling is None or sampling.mode is not SamplingMode.INTERVAL:
        return "at key frames only"
    return f"every {float(sampling.interval_s):g} s"
