"""Rewrite the golden records: `python -m tests.golden.regenerate [FOLDER]`, where FOLDER holds the shared media.

Only after a change that is meant to give other numbers: look at the difference, and raise
`workers.analysis.PIPELINE_REVISION` with it.
"""

import json
import sys
from pathlib import Path

from tests.golden.record import NAMES, golden_path, record

SHARED_MEDIA = Path(__file__).parents[3] / "shared" / "media"


def main() -> None:
    """Write one record a file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED_MEDIA
    for name in NAMES:
        made = record(folder / name)
        golden_path(name).write_text(as_text(made), "utf-8")
        print(f"{name}: {len(made['frames'])} frames, {sum(len(frame['faces']) for frame in made['frames'])} faces")


def as_text(made: dict[str, object]) -> str:
    """The record as JSON with one line a frame, so that a change shows where it is."""
    frames = made["frames"]
    assert isinstance(frames, list)
    head = json.dumps({key: value for key, value in made.items() if key != "frames"}, indent=1)
    lines = ",\n".join(f"  {json.dumps(frame)}" for frame in frames)
    return f'{head[:-2]},\n "frames": [\n{lines}\n ]\n}}\n'


if __name__ == "__main__":
    main()
