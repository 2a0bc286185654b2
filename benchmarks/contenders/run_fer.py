"""Run by the Python of an environment that has `fer`: its own analysis of a video, without pictures or films to keep.

python run_fer.py CLIP EVERY_NTH_FRAME
"""

import json
import sys
import tempfile
from importlib.metadata import version

from fer.classes import Video
from fer.fer import FER


def main() -> None:
    """Analyse, and print what was found as the last line."""
    clip, every = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        video = Video(clip, outdir=folder)
        said = video.analyze(
            FER(), frequency=every, display=False, save_frames=False, save_video=False, annotate_frames=False
        )
    versions = {name: version(name) for name in ("fer", "tensorflow", "opencv-contrib-python", "numpy")}
    print(json.dumps({"frames": len(said), "versions": versions}))


if __name__ == "__main__":
    main()
