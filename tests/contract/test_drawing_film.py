"""A drawn video is its source in all but what is drawn: every frame at its time, upright, with its sound."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import Clip, make, number_of, remux
from tests.support.drawing import Sight, drawn, seen_of, told, unseen, with_sound
from tests.support.video import facts_of
from workers.drawing import encoding
from workers.drawing.work import Look

VFR_MS = tuple(np.cumsum([0, *([40, 33, 67, 120, 20, 250, 40, 41] * 4)]).tolist())
SHORT = 20
CLIPS = {
    "constant-rate": Clip("cfr.mp4", frames=SHORT, size=(320, 240)),
    "variable-rate.mp4": Clip("vfr.mp4", stamps_ms=VFR_MS, size=(320, 240)),
    "variable-rate.mkv": Clip("vfr.mkv", stamps_ms=VFR_MS, size=(320, 240)),
    "begins-late.ts": Clip("late.ts", frames=SHORT, size=(320, 240)),
    "turned": Clip("turned.mp4", frames=SHORT, size=(320, 240), rotation=-90),
    "upside-down": Clip("over.mov", frames=SHORT, size=(320, 240), rotation=180),
    "ten-bits": Clip("ten.mkv", "libx265", frames=SHORT, size=(320, 240), pixel_format="yuv420p10le"),
    "full-range": Clip("mjpeg.mkv", "mjpeg", frames=SHORT, size=(320, 240), pixel_format="yuvj422p"),
    "odd-size": Clip("odd.webm", "libvpx-vp9", frames=SHORT, size=(321, 241)),
    "odd-and-turned": Clip("oddturned.mp4", "mpeg4", frames=SHORT, size=(321, 241), rotation=-90),
    "wide-pixels": Clip("wide.mp4", frames=SHORT, size=(320, 240), aspect=Fraction(16, 11)),
    "turned-wide-pixels": Clip("turnedwide.mp4", frames=SHORT, size=(320, 240), aspect=Fraction(2), rotation=-90),
    "derived-times": Clip("packed.avi", "mpeg4", frames=SHORT, size=(320, 240)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


@pytest.mark.parametrize("name", CLIPS)
def test_every_frame_keeps_its_time_and_its_picture(name: str, folder: Path) -> None:
    source = make(CLIPS[name], folder)
    target = folder / f"{name}.drawn.mp4"
    result = drawn(source, target, unseen())
    before, after = told(source), told(target)
    facts = facts_of(source)
    assert result.frames == len(after.stamps) == len(before.stamps) == facts.frame_count
    if facts.timing == "pts":
        assert after.stamps == before.stamps
    assert after.start_s == 0
    assert after.rotations == {0}
    for mine, theirs in zip(after.frames, before.frames, strict=True):
        height, width = theirs.shape[:2]
        assert mine.shape[:2] == (height + height % 2, width + width % 2)
        assert np.abs(mine[:height, :width].astype(int) - theirs).mean() < 4


@pytest.mark.parametrize("name", ["wide-pixels", "turned-wide-pixels"])
def test_pixels_keep_their_shape(name: str, folder: Path) -> None:
    clip = CLIPS[name]
    source, target = make(clip, folder), folder / f"{name}.shape.mp4"
    drawn(source, target, unseen())
    assert clip.aspect is not None
    assert told(target).aspect == (1 / clip.aspect if clip.rotation else clip.aspect)


def test_colours_are_marked_as_they_were(folder: Path) -> None:
    for name in ("full-range", "constant-rate"):
        source, target = make(CLIPS[name], folder), folder / f"{name}.colours.mp4"
        drawn(source, target, unseen())
        assert told(target).colours[0] in (told(source).colours[0], 2 if name == "full-range" else 1)


@pytest.mark.parametrize("name", ["turned", "wide-pixels", "turned-wide-pixels", "variable-rate.mp4"])
def test_a_box_is_drawn_where_a_person_sees_the_face(name: str, folder: Path) -> None:
    """Boxes are in the picture as it is shown: turned, its pixels square."""
    source, target = make(CLIPS[name], folder), folder / f"{name}.box.mp4"
    facts = facts_of(source)
    box = (0.25 * facts.width, 0.3 * facts.height, 0.5 * facts.width, 0.4 * facts.height)
    stamps = _stamps(source)
    drawn(source, target, seen_of(stamps, [Sight(pts, box) for pts in stamps]))
    before, after = told(source), told(target)
    changed = np.abs(after.frames[5].astype(int) - before.frames[5]).max(axis=2) > 60
    height, width = changed.shape
    rows, columns = np.flatnonzero(changed.mean(axis=1) > 0.3), np.flatnonzero(changed.mean(axis=0) > 0.2)
    assert columns[0] == pytest.approx(0.25 * width, abs=5)
    assert columns[-1] == pytest.approx(0.75 * width, abs=5)
    assert rows[0] <= 0.3 * height + 5
    assert not changed[: round(0.1 * height)].any()


def test_boxes_stay_until_the_next_look_and_go_with_it(folder: Path) -> None:
    source, target = make(CLIPS["constant-rate"], folder), folder / "held.mp4"
    stamps = _stamps(source)
    looks = [stamps[0], stamps[6], stamps[12], stamps[18]]
    drawn(source, target, seen_of(looks, [Sight(stamps[6], (80, 60, 160, 120))]))
    before, after = told(source), told(target)
    differs = [bool((np.abs(a.astype(int) - b) > 80).any()) for a, b in zip(after.frames, before.frames, strict=True)]
    assert [number for number, one in enumerate(differs) if one] == list(range(6, 12))


@pytest.mark.parametrize(
    ("codec", "suffix"), [("aac", "mp4"), ("aac", "ts"), ("libmp3lame", "mkv"), ("libopus", "mkv")]
)
def test_sound_is_copied_and_stays_in_step(codec: str, suffix: str, folder: Path) -> None:
    rate = 48_000 if codec == "libopus" else 44_100
    picture = make(CLIPS["constant-rate"], folder)
    source = with_sound(picture, folder / f"{codec}.{suffix}", codec, late_s=0.25, rate=rate)
    target = folder / f"{codec}.{suffix}.mp4"
    assert drawn(source, target, unseen()).notes == ()
    before, after = told(source), told(target)
    assert len(after.sound) == len(before.sound) > 10
    if suffix != "ts":  # there each packet carries a header that an MP4 keeps once
        assert [data for _, data in after.sound] == [data for _, data in before.sound]
    # Matroska and MPEG-TS tell times to the millisecond or so.
    assert max(abs(a - b) for (a, _), (b, _) in zip(after.sound, before.sound, strict=True)) <= Fraction(2, 1000)
    assert after.stamps == before.stamps


def test_sound_that_an_mp4_does_not_hold_is_encoded_and_said(folder: Path) -> None:
    picture = make(CLIPS["constant-rate"], folder)
    source = with_sound(picture, folder / "pcm.mkv", "pcm_s16le", late_s=0.25, rate=22_050)
    target = folder / "pcm.mp4"
    (note,) = drawn(source, target, unseen()).notes
    assert "pcm_s16le" in note
    with av.open(str(target)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.codec.canonical_name, stream.rate) == ("aac", 22_050)
        heard = [(frame.time, np.abs(frame.to_ndarray()).max()) for frame in container.decode(stream)]
    loud = [time for time, peak in heard if time is not None and peak > 0.1]
    assert loud[0] == pytest.approx(0.25, abs=0.06)
    assert loud[-1] == pytest.approx(SHORT / 25, abs=0.1)


def test_sound_is_left_out_on_request(folder: Path) -> None:
    source = with_sound(make(CLIPS["constant-rate"], folder), folder / "mute.mov", "aac")
    drawn(source, folder / "mute.mp4", unseen(), audio=False)
    assert told(folder / "mute.mp4").sound == []


def test_nothing_that_was_written_into_a_recording_is_copied(folder: Path) -> None:
    picture, source = make(CLIPS["constant-rate"], folder), folder / "named.mp4"
    with (
        av.open(str(picture)) as reading,
        av.open(str(source), "w", options={"movflags": "use_metadata_tags"}) as writing,
    ):
        writing.metadata.update({"title": "Ann at home", "location": "+48.2082+016.3738/", "comment": "participant 7"})
        copy = writing.add_stream_from_template(reading.streams.video[0])
        for packet in reading.demux(reading.streams.video[0]):
            if packet.size:
                packet.stream = copy
                writing.mux(packet)
    assert b"Ann at home" in source.read_bytes()
    drawn(source, folder / "nameless.mp4", unseen())
    raw = (folder / "nameless.mp4").read_bytes()
    assert not [word for word in (b"Ann", b"48.2082", b"participant") if word in raw]


def test_a_cut_off_recording_is_drawn_as_far_as_it_goes(folder: Path) -> None:
    whole = remux(make(CLIPS["constant-rate"], folder), folder / "whole.mkv")
    source = folder / "half.mkv"
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    result = drawn(source, folder / "half.mp4", unseen())
    after = told(folder / "half.mp4")
    assert 0 < len(after.frames) == result.frames < SHORT
    assert [number_of(frame) for frame in after.frames] == list(range(len(after.frames)))


def test_what_nobody_looked_at_is_covered_whole(folder: Path) -> None:
    source, target = make(CLIPS["constant-rate"], folder), folder / "unlooked.mp4"
    stamps = _stamps(source)
    drawn(source, target, seen_of(stamps[8:16], [], until=[*stamps[9:17]]), Look(boxes=False, blur=True))
    detail = [float(np.diff(frame[..., 1].astype(int), axis=1).std()) for frame in told(target).frames]
    assert max(detail[:8] + detail[16:]) < min(detail[8:16]) / 3


def _stamps(source: Path) -> list[int]:
    with av.open(str(source)) as container:
        return [frame.pts or 0 for frame in container.decode(video=0)]


def test_where_ffmpeg_has_no_h264_encoder_another_keeps_every_time_and_it_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "has_encoder", lambda name: name == encoding.FALLBACK)
    source, target = make(CLIPS["variable-rate.mp4"], folder), folder / "fallback.mp4"
    (note,) = drawn(source, target, unseen()).notes
    assert "MPEG-4 Part 2" in note
    assert told(target).stamps == told(source).stamps
    with pytest.raises(LookupError):
        encoding.encoder_name(lambda _name: False)
