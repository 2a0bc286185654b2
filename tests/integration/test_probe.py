"""What probing says of clips that are whole, and how their pictures are shown."""

import gc
import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import Clip, decode_fully, make, number_of, remux
from tests.support.video import EVERY, facts_of, on_screen, read, same
from workers.analysis import Sampling

WIDE = Fraction(4, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("probe")


def test_the_times_of_the_phone_clip_are_its_pts_less_the_containers_start_to_the_microsecond(
    shared_media: Path,
) -> None:
    path = shared_media / "face_noface.mov"
    with av.open(str(path)) as container:
        start = Fraction(container.start_time or 0, 1_000_000)
        stream = container.streams.video[0]
        times = sorted(packet.pts * stream.time_base - start for packet in container.demux(stream) if packet.size)
    got = [picture.time_s for picture in read(path, EVERY).pictures]
    assert len(got) == len(times) == 169
    assert max(abs(Fraction(mine) - true) for mine, true in zip(got, times, strict=True)) < Fraction(1, 1_000_000)
    assert len({round(later - earlier, 6) for earlier, later in itertools.pairwise(got)}) > 1  # it does vary


@pytest.mark.parametrize("name", ["single_face.mp4", "WolfgangLanger_Pexels.mp4", "face_noface.mov", "no_face.mp4"])
def test_the_real_clips_sampled_each_second_are_a_full_decodes_frames(name: str, shared_media: Path) -> None:
    path = shared_media / name
    reading = read(path, Sampling())
    full = dict(decode_fully(path))
    wanted = on_screen(full, reading.facts, Sampling())
    rotation = {0: 0, 90: 3, 180: 2, 270: 1}[reading.facts.rotation]
    assert same(reading.frames, [(pts, np.rot90(full[pts], rotation)) for pts in wanted])
    assert reading.fallbacks == 0
    assert reading.facts.partial is None


def test_facts_of_a_usual_clip(folder: Path) -> None:
    facts = facts_of(make(Clip("usual.mp4"), folder))
    assert (facts.kind, facts.container, facts.codec) == ("video", "mp4", "h264")
    assert (facts.width, facts.height, facts.rotation) == (160, 120, 0)
    assert (facts.frame_count, facts.duration_s, facts.fps, facts.timing) == (75, 3.0, 25.0, "pts")


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
def test_times_count_from_the_containers_start_wherever_that_lies(container: str, folder: Path) -> None:
    source = make(Clip("usual.mp4"), folder)
    reading = read(remux(source, folder / f"late.{container}", 16_000 * 2), EVERY)
    assert reading.facts.start_us == 2_000_000
    assert [picture.time_s for picture in reading.pictures] == pytest.approx([n / 25 for n in range(75)], abs=1e-9)


def test_an_edit_list_hides_what_lies_before_it(folder: Path) -> None:
    reading = read(remux(make(Clip("usual.mp4"), folder), folder / "edited.mp4", -16 * 720), EVERY)
    assert [number_of(pixels) for _, pixels in reading.frames] == list(range(18, 75))
    assert reading.pictures[0].time_s == 0.0
    assert reading.facts.frame_count == 57
    assert reading.facts.partial is None


TURNS = [
    (90, 270, lambda stored: np.rot90(stored, 1)),
    (180, 180, lambda stored: np.rot90(stored, 2)),
    (270, 90, lambda stored: np.rot90(stored, 3)),
]


@pytest.mark.parametrize(("anticlockwise", "degrees", "turn"), TURNS, ids=["left", "over", "right"])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_a_turned_clip_is_shown_upright(anticlockwise: int, degrees: int, turn, suffix: str, folder: Path) -> None:
    path = make(Clip(f"turned{anticlockwise}.{suffix}", rotation=anticlockwise, frames=10), folder)
    reading = read(path, EVERY)
    assert reading.facts.rotation == degrees
    assert same(reading.frames, [(pts, turn(stored)) for pts, stored in decode_fully(path)])
    assert (reading.facts.height, reading.facts.width) == reading.frames[0][1].shape[:2]


def test_pixels_that_are_wider_than_high_are_made_square(folder: Path) -> None:
    reading = read(make(Clip("wide.mp4", aspect=WIDE, frames=10), folder), EVERY)
    assert (reading.facts.width, reading.facts.height) == (213, 120)
    assert {pixels.shape for _, pixels in reading.frames} == {(120, 213, 3)}
    assert [number_of(pixels) for _, pixels in reading.frames] == list(range(10))


def test_wide_pixels_of_a_clip_on_its_side_make_it_higher(folder: Path) -> None:
    facts = facts_of(make(Clip("wideturned.mp4", aspect=WIDE, rotation=90, frames=10), folder))
    assert (facts.width, facts.height) == (120, 213)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mpeg2video"])
def test_reordered_frames_in_avi_get_derived_times_and_it_is_recorded(codec: str, folder: Path) -> None:
    reading = read(make(Clip(f"{codec}.avi", codec), folder), Sampling(interval_s=Fraction(1, 5)))
    assert reading.facts.timing == "derived"
    assert [number_of(pixels) for _, pixels in reading.frames] == list(range(0, 75, 5))
    assert [picture.time_s for picture in reading.pictures] == pytest.approx([n / 5 for n in range(15)], abs=1e-9)


def test_recordings_joined_end_to_end_go_on_in_time_instead_of_overlapping(folder: Path) -> None:
    first = make(Clip("first.ts"), folder)
    second = make(Clip("second.ts", first_number=1000), folder)
    joined = folder / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    reading = read(joined, EVERY)
    assert reading.facts.timing == "derived"
    assert [number_of(pixels) for _, pixels in reading.frames] == [*range(75), *range(1000, 1075)]
    assert [picture.time_s for picture in reading.pictures] == pytest.approx([n / 25 for n in range(150)], abs=1e-9)


def test_a_jump_ahead_in_time_is_kept_as_it_is(folder: Path) -> None:
    first = make(Clip("first.ts"), folder)
    later = make(Clip("later.ts", first_number=1000, muxer={"output_ts_offset": "1000"}), folder)
    joined = folder / "jump.ts"
    joined.write_bytes(first.read_bytes() + later.read_bytes())
    reading = read(joined, Sampling(interval_s=Fraction(1, 5)))
    assert reading.facts.timing == "pts"
    assert reading.pictures[-1].time_s == pytest.approx(1002.8)
    assert len(reading.pictures) == 31  # the frame on screen during the pause counts once


def test_a_stream_that_changes_its_size_is_shown_at_the_size_of_its_beginning(folder: Path) -> None:
    small = make(Clip("first.ts"), folder)
    large = make(
        Clip("large.ts", size=(320, 240), first_number=1000, muxer={"output_ts_offset": "10"}),
        folder,
    )
    joined = folder / "sizes.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    reading = read(joined, EVERY)
    assert {pixels.shape for _, pixels in reading.frames} == {(120, 160, 3)}
    assert [number_of(pixels) for _, pixels in reading.frames] == [*range(75), *range(1000, 1075)]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_recording_that_begins_inside_a_gop_begins_with_its_first_whole_picture(codec: str, folder: Path) -> None:
    whole = make(Clip(f"capture-{codec}.ts", codec), folder).read_bytes()
    path = folder / f"begun-{codec}.ts"
    path.write_bytes(whole[188 * 40 + 77 :])
    reading = read(path, EVERY)
    assert same(reading.frames, decode_fully(path))
    assert reading.facts.first_pts == reading.pictures[0].pts
    assert reading.facts.frame_count == len(reading.pictures)
    assert reading.fallbacks == 0


def test_a_picture_of_one_pixel_is_read(folder: Path) -> None:
    path = make(Clip("dot.mkv", "mjpeg", size=(1, 1), frames=3, pixel_format="yuvj444p"), folder)
    assert {pixels.shape for _, pixels in read(path, EVERY).frames} == {(1, 1, 3)}


def test_a_cover_picture_is_no_video_and_hides_none(folder: Path) -> None:
    with av.open(str(folder / "covered.mp4"), "w") as output:
        cover = output.add_stream("mjpeg", rate=1)
        video = output.add_stream("libx264", rate=25)
        cover.width, cover.height, cover.pix_fmt = 640, 480, "yuvj420p"
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        cover.disposition = av.stream.Disposition.attached_pic
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((120, 160, 3), number * 20, np.uint8), format="rgb24")
            output.mux(video.encode(frame))
        big = av.VideoFrame.from_ndarray(np.zeros((480, 640, 3), np.uint8), format="rgb24")
        for stream in (cover, video):
            output.mux(stream.encode(big if stream is cover else None))
        output.mux(cover.encode(None))
    facts = facts_of(folder / "covered.mp4")
    assert (facts.width, facts.height, facts.frame_count) == (160, 120, 10)


def test_frames_that_were_looked_at_are_let_go_without_waiting_for_the_garbage_collector(folder: Path) -> None:
    """A frame of a 4K video is 12 MB: a reference cycle around each would hold hundreds of them."""
    path = make(Clip("turned90.mp4", rotation=90, frames=10), folder)
    gc.collect()
    gc.disable()
    try:
        before = frames_in_memory()
        read(path, EVERY)
        held = frames_in_memory() - before
    finally:
        gc.enable()
    assert held <= 4


def frames_in_memory() -> int:
    return sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())
