"""The decode plan against a full decode: the same frames, bit for bit, in every codec and container we read."""

import functools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from db.states import FrameStatus
from tests.clips import X265_QUIET, Clip, decode_fully, make, number_of, remux
from tests.support.video import EVERY, on_screen, read, same
from workers.analysis import Sampling, SamplingMode
from workers.sampling import CutLimits

Frames = list[tuple[int, NDArray[np.uint8]]]

PAIRS = [
    ("libx264", "mp4 mov mkv avi ts"),
    ("libx265", "mp4 mov mkv ts"),
    ("libvpx-vp9", "mp4 mkv webm avi"),
    ("libsvtav1", "mp4 mkv webm avi"),
    ("mpeg4", "mp4 mov mkv avi ts"),
    ("mjpeg", "mp4 mov mkv avi"),
    ("mpeg2video", "mp4 mov mkv avi ts"),
    ("libvpx", "mkv webm avi"),
]
VFR_MS = tuple(np.cumsum(np.random.default_rng(1).choice([7, 33, 40, 250, 900], 60)).tolist())
OPEN_264 = {"x264-params": "open-gop=1:bframes=3:b-adapt=0:keyint=12:min-keyint=6"}
OPEN_265 = {"x265-params": f"{X265_QUIET}:open-gop=1:bframes=4:b-adapt=0:keyint=12:min-keyint=6"}
LAYERS = {"preset": "medium", "x265-params": f"{X265_QUIET}:temporal-layers=3:bframes=4:b-adapt=0"}
PYRAMID = {"preset": "medium", "x264-params": "bframes=5:b-pyramid=normal:b-adapt=0:ref=4"}
REFRESH = {"x264-params": "keyint=12:intra-refresh=1:bframes=0"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}

CLIPS = {
    "constant-rate": Clip("cfr.mp4"),
    "variable-rate.mp4": Clip("vfr.mp4", stamps_ms=VFR_MS),
    "variable-rate.mkv": Clip("vfr.mkv", stamps_ms=VFR_MS),
    "variable-rate.ts": Clip("vfr.ts", stamps_ms=VFR_MS),
    "variable-rate-hevc": Clip("vfr.mov", "libx265", stamps_ms=VFR_MS),
    "b-pyramid": Clip("pyramid.mp4", options=PYRAMID, b_frames=5, gop=250),
    "open-gop-h264.mp4": Clip("open264.mp4", options=OPEN_264, b_frames=3),
    "open-gop-h264.ts": Clip("open264.ts", options=OPEN_264, b_frames=3),
    "open-gop-hevc.mp4": Clip("open265.mp4", "libx265", options=OPEN_265, b_frames=4),
    "open-gop-hevc.mkv": Clip("open265.mkv", "libx265", options=OPEN_265, b_frames=4),
    "open-gop-hevc.ts": Clip("open265.ts", "libx265", options=OPEN_265, b_frames=4),
    "open-gop-mpeg2": Clip("open.ts", "mpeg2video"),
    "temporal-layers": Clip("layers.mp4", "libx265", options=LAYERS, b_frames=4),
    "intra-refresh": Clip("refresh.mp4", options=REFRESH, b_frames=0),
    "all-intra": Clip("intra.mp4", gop=1, b_frames=0),
    "one-key-frame": Clip("one.ts", gop=1000),
    "fragmented": Clip("fragmented.mp4", muxer=FRAGMENTED),
    "vp9": Clip("vp9.webm", "libvpx-vp9"),
    "wraps": Clip("wrap.ts", muxer={"output_ts_offset": str(2**33 / 90_000 - 1.5)}),
}


def edited(folder: Path, shift_ms: int, keep: Fraction) -> Path:
    """A clip whose edit list begins in the middle of a GOP and ends before the last frame."""
    path = folder / f"edited-{shift_ms}-{keep.denominator}.mp4"
    if not path.exists():
        remux(make(CLIPS["constant-rate"], folder), path, -shift_ms * 16)  # 16 ticks a millisecond
        raw = bytearray(path.read_bytes())
        at = raw.index(b"elst") + 12  # after version, flags and the number of entries: the duration of the first
        duration = int.from_bytes(raw[at : at + 4])
        raw[at : at + 4] = int(duration * keep).to_bytes(4)
        path.write_bytes(raw)
    return path


SPECIAL: dict[str, Callable[[Path], Path]] = {
    "edit-list-begins-late": functools.partial(edited, shift_ms=700, keep=Fraction(1)),
    "edit-list-ends-early": functools.partial(edited, shift_ms=0, keep=Fraction(1, 2)),
    "edit-list-both": functools.partial(edited, shift_ms=300, keep=Fraction(2, 3)),
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="session")
def clip(folder: Path) -> Callable[[str], tuple[Path, Frames]]:
    """A clip by its name, with what a full decode of it gives."""

    @functools.cache
    def get(name: str) -> tuple[Path, Frames]:
        path = SPECIAL[name](folder) if name in SPECIAL else make(CLIPS[name], folder)
        return path, decode_fully(path)

    return get


def fifty(codec: str, container: str, folder: Path) -> Path:
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    return make(Clip(f"{codec}.{container}", codec, frames=100, pixel_format=pixels), folder)


@pytest.mark.parametrize(
    ("codec", "container"), [(codec, container) for codec, containers in PAIRS for container in containers.split()]
)
def test_fifty_sampled_frames_of_every_codec_and_container_equal_a_full_decodes(
    codec: str, container: str, folder: Path
) -> None:
    path = fifty(codec, container, folder)
    reading = read(path, Sampling(interval_s=Fraction(2, 25)), CutLimits(segment_s=1.0, stretch_s=2.0))
    shown = [pixels for _, pixels in decode_fully(path)]
    assert len(reading.pictures) == 50
    assert all(np.array_equal(pixels, shown[2 * at]) for at, (_, pixels) in enumerate(reading.frames))
    assert [number_of(pixels) for _, pixels in reading.frames] == list(range(0, 100, 2))
    times = [picture.time_s for picture in reading.pictures]
    assert times == pytest.approx([0.08 * number for number in range(50)], abs=0.0011)  # Matroska counts milliseconds
    assert {picture.status for picture in reading.pictures} == {FrameStatus.OK}
    assert reading.fallbacks == 0
    assert reading.facts.partial is None
    assert (len(reading.segments) == 1) == (reading.facts.timing == "derived")


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize("sampling", [EVERY, Sampling(interval_s=Fraction(2, 25), start_s=Fraction(1))])
def test_a_video_with_derived_times_may_be_cut_anywhere(codec: str, sampling: Sampling, folder: Path) -> None:
    path = fifty(codec, "avi", folder)
    whole = read(path, sampling)
    cut = read(path, sampling, CutLimits(derived_targets=7))
    assert whole.facts.timing == "derived"
    assert len(cut.segments) == -(-len(whole.pictures) // 7)
    assert [segment.targets for segment in cut.segments[:-1]] == [7] * (len(cut.segments) - 1)
    assert same(cut.frames, whole.frames)


@pytest.mark.parametrize("name", [*CLIPS, *SPECIAL])
def test_every_frame_of_every_kind_of_clip_equals_a_full_decodes(
    name: str, clip: Callable[[str], tuple[Path, Frames]]
) -> None:
    path, full = clip(name)
    whole = read(path, EVERY)
    cut = read(path, EVERY, CutLimits(segment_s=0.5, stretch_s=1.0, targets=7))
    assert same(whole.frames, full)
    assert same(cut.frames, full)
    assert whole.fallbacks == cut.fallbacks == 0
    assert whole.facts.timing == "pts"
    assert whole.facts.partial is None


@settings(
    derandomize=True, max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from([*CLIPS, *SPECIAL]),
    interval_s=st.fractions(Fraction(1, 30), 2, max_denominator=1001),
    mode=st.sampled_from([SamplingMode.INTERVAL] * 4 + [SamplingMode.KEYFRAMES]),
    window=st.none() | st.tuples(st.fractions(0, 3, max_denominator=50), st.fractions(Fraction(1, 50), 3)),
    limits=st.builds(CutLimits, st.floats(0.05, 3), st.floats(0.05, 3), st.integers(1, 20)),
)
def test_any_segmentation_of_any_sampling_gives_what_a_full_decode_shows(
    name: str,
    interval_s: Fraction,
    mode: SamplingMode,
    window: tuple[Fraction, Fraction] | None,
    limits: CutLimits,
    clip: Callable[[str], tuple[Path, Frames]],
) -> None:
    path, full = clip(name)
    start_s, end_s = (None, None) if window is None else (window[0], window[0] + window[1])
    sampling = Sampling(mode, interval_s, start_s, end_s)
    whole = read(path, sampling)
    assert same(read(path, sampling, limits).frames, whole.frames)
    by_pts = dict(full)
    assert all(np.array_equal(pixels, by_pts[pts]) for pts, pixels in whole.frames)
    if mode is SamplingMode.INTERVAL:
        assert [pts for pts, _ in whole.frames] == on_screen(by_pts, whole.facts, sampling)


@pytest.mark.parametrize("name", ["open-gop-h264.mp4", "open-gop-hevc.mp4", "open-gop-hevc.ts", "open-gop-mpeg2"])
def test_an_open_gop_loses_none_of_its_leading_frames(name: str, clip: Callable[[str], tuple[Path, Frames]]) -> None:
    path, full = clip(name)
    for pts, pixels in full:
        only = [picture for picture in read_only(path, pts) if picture[0] == pts]
        assert len(only) == 1
        assert np.array_equal(only[0][1], pixels)


def read_only(path: Path, pts: int) -> Frames:
    """The frames of a run that wants the one at `pts`, and few others."""
    facts = read(path, Sampling(interval_s=Fraction(100))).facts
    time_base = Fraction(facts.time_base_num, facts.time_base_den)
    at_s = pts * time_base - Fraction(facts.start_us, 1_000_000)
    return read(path, Sampling(SamplingMode.EVERY_FRAME, start_s=max(Fraction(0), at_s), end_s=at_s + time_base)).frames


def test_key_frames_are_those_of_the_container(clip: Callable[[str], tuple[Path, Frames]]) -> None:
    path, _ = clip("constant-rate")
    numbers = [number_of(pixels) for _, pixels in read(path, Sampling(SamplingMode.KEYFRAMES)).frames]
    assert numbers == [0, 12, 24, 36, 48, 60, 72]


FILTERED = [("libx264", "mp4"), ("libx265", "mkv"), ("libvpx", "mkv")]
COARSE = {"crf": "34", "b": "60k"}
"""So few bits that the loop filter has something to smooth."""


@pytest.mark.parametrize(("codec", "container"), FILTERED)
def test_decoding_fast_gives_the_same_frames_a_little_rougher(codec: str, container: str, folder: Path) -> None:
    quiet = {"x265-params": X265_QUIET} if codec == "libx265" else {}
    path = make(Clip(f"coarse-{codec}.{container}", codec, frames=100, gop=25, options=COARSE | quiet), folder)
    exact = read(path, Sampling(interval_s=Fraction(1, 5)))
    fast = read(path, Sampling(interval_s=Fraction(1, 5), fast_decode=True), CutLimits(segment_s=2))
    assert [pts for pts, _ in fast.frames] == [pts for pts, _ in exact.frames]
    apart = [
        np.abs(one.astype(int) - other).mean() for (_, one), (_, other) in zip(exact.frames, fast.frames, strict=True)
    ]
    assert max(apart) > 0
    assert max(apart) < 8
    assert apart[0] == 0, "key frames are smoothed as ever: all others stand on them"


@pytest.mark.parametrize(("codec", "container"), [("libsvtav1", "mp4"), ("libvpx-vp9", "webm"), ("mpeg4", "mp4")])
def test_decoding_fast_changes_nothing_where_the_codec_cannot(codec: str, container: str, folder: Path) -> None:
    path = fifty(codec, container, folder)
    assert same(read(path, Sampling(fast_decode=True)).frames, read(path, Sampling()).frames)
