"""The clips of the benchmarks are what they say: a longer one is the same pictures again, later."""

from pathlib import Path

import av

from benchmarks.clips import FPS, Recipe, encode, repeat


def test_a_repeated_clip_goes_on_at_the_same_rate_and_decodes(tmp_path: Path) -> None:
    opening = encode(Recipe("tiny", "libx264", size=(320, 180), frames=10), tmp_path)
    longer = repeat(opening, 2.0, tmp_path / "longer.mp4")
    with av.open(str(longer)) as container:
        frames = list(container.decode(video=0))
    assert [round(frame.time * FPS) for frame in frames] == list(range(50))
    first, second = (frames[at].to_ndarray(format="gray") for at in (3, 13))
    assert (first == second).all()
