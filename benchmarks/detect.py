"""Face detection: CPU a frame against cv2.FaceDetectorYN and a Haar cascade, the boxes, and the recall of all three.

    python -m benchmarks.detect [--quick] [--photos DIR --labels CSV]

One thread each; the contestants take turns over the same pictures, and the best round of each counts. FaceDetectorYN
has our weights and gets the picture at the size that ours looks at, reduced by cv2.resize with INTER_AREA; what the
reduction takes is stated apart. Our detector takes one picture at a time: a batch makes no frame cheaper, and the line
`batch` shows that. Recall is over drawn photos whose faces are known, or over those of `--photos` with `--labels`
(path, x, y, width, height). Exits with 1 where a target is missed.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks import report
from benchmarks.portraits import Box, Found, Labelled, Pixels, composed, labelled, matched
from workers.analysis import DetectorSpec
from workers.detection.yunet import YuNet, reduce_to
from workers.heap import keep_freed_pages
from workers.models.catalogue import card_of, load_verified, path_of
from workers.sessions.dynamic import with_dynamic_size
from workers.sessions.ort import OrtSession

SIZES = ((320, 180), (640, 360), (640, 480), (1280, 720), (1920, 1080), (3840, 2160))
BATCHES = (1, 2, 4, 8)
LEAST_GAIN, MOST_RECALL_LOST, MOST_OFF_PX = 2.0, 0.01, 1.0
OVERLAP, CANDIDATES = 0.3, 5000
FRAMES, ROUNDS = 12, 7

Detect = Callable[[Pixels], Sequence[Box]]


@dataclass(frozen=True)
class Row:
    """CPU ms a frame of one size."""

    size: tuple[int, int]
    looked_at: tuple[int, int]
    ms: dict[str, float]
    faces: int
    """What FaceDetectorYN found: without any, nothing would be compared."""
    alike: bool
    """Ours found the same, each within a pixel."""


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few sizes, few photos")
    parser.add_argument("--photos", type=Path, metavar="DIR")
    parser.add_argument("--labels", type=Path, metavar="CSV")
    asked = parser.parse_args()
    if (asked.photos is None) != (asked.labels is None):
        parser.error("--photos and --labels go together")
    cv2.setNumThreads(1)
    keep_freed_pages()  # as a child does
    photos = labelled(asked.photos, asked.labels) if asked.photos else composed(40 if asked.quick else 300)
    with Contest() as contest:
        rows = [contest.raced(size) for size in (SIZES[1:4] if asked.quick else SIZES)]
        batches = contest.batches()
        recalls = contest.recalls(list(photos))
    _print(rows, batches, recalls)
    verdicts = _judge(rows, recalls)
    report.show(verdicts)
    passed = all(verdicts.values())
    figures = {
        "rows": [asdict(row) for row in rows],
        "batches": batches,
        "recall": {name: asdict(found) | {"recall": found.recall} for name, found in recalls.items()},
    }
    print(f"\nwritten to {report.write('detect', figures, passed)}")
    return 0 if passed else 1


class Contest:
    """The three detectors."""

    def __init__(self) -> None:
        self._spec = DetectorSpec()
        self._ours = YuNet(self._spec, "cpu")
        self._haar = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"))
        self._theirs: dict[tuple[int, int], cv2.FaceDetectorYN] = {}

    def __enter__(self) -> "Contest":
        return self

    def __exit__(self, *_: object) -> None:
        self._ours.__exit__(None, None, None)

    def ours(self, picture: Pixels) -> list[Box]:
        """Ours, reduction included."""
        return [(one.x, one.y, one.width, one.height) for one in self._ours.detect(picture)]

    def yunet(self, small: Pixels) -> list[Box]:
        """cv2.FaceDetectorYN at the picture's own size."""
        size = (small.shape[1], small.shape[0])
        if size not in self._theirs:
            weights = str(path_of(card_of("yunet")))
            self._theirs[size] = cv2.FaceDetectorYN.create(
                weights, "", size, self._spec.confidence, OVERLAP, CANDIDATES
            )
        _, found = self._theirs[size].detect(small)
        return [] if found is None else [tuple(map(float, row[:4])) for row in found]

    def haar(self, small: Pixels) -> list[Box]:
        """The cascade that comes with OpenCV, at its defaults."""
        found = self._haar.detectMultiScale(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
        return [(float(x), float(y), float(width), float(height)) for x, y, width, height in found]

    def raced(self, size: tuple[int, int]) -> Row:
        """All three over frames of one size, by turns."""
        frames = [cv2.resize(one.pixels, size, interpolation=cv2.INTER_CUBIC) for one in composed(FRAMES, seed=7)]
        pictures = [one.astype(np.uint8, copy=False) for one in frames]
        smalls = [_area(one, self._looked_at(one)) for one in pictures]
        reduced = [reduce_to(one, self._spec.max_side)[0] for one in pictures]
        contestants: dict[str, Callable[[], object]] = {
            "ours": lambda: [self.ours(one) for one in pictures],
            "ours, reduced before": lambda: [self.ours(one) for one in reduced],
            "of that, reducing": lambda: [reduce_to(one, self._spec.max_side) for one in pictures],
            "FaceDetectorYN": lambda: [self.yunet(one) for one in smalls],
            "its reducing": lambda: [_area(one, self._looked_at(one)) for one in pictures],
            "Haar": lambda: [self.haar(one) for one in smalls],
        }
        ms = {name: 1000 * spent / len(pictures) for name, spent in _by_turns(contestants).items()}
        faces = sum(len(self.yunet(one)) for one in reduced)
        return Row(size, self._looked_at(pictures[0]), ms, faces, all(map(self._alike, reduced)))

    def batches(self) -> dict[int, float]:
        """CPU ms a frame of 640x384 for the net alone, by how many are in a run."""
        random = np.random.default_rng(1)
        session = OrtSession(_batched(with_dynamic_size(load_verified("yunet"))), "yunet", "cpu")
        try:
            runs = {}
            for batch in BATCHES:
                tensor = random.uniform(0, 255, (batch, 3, 384, 640)).astype(np.float32)
                runs[str(batch)] = lambda tensor=tensor: session.run({"input": tensor})
            return {int(name): 1000 * spent / int(name) for name, spent in _by_turns(runs).items()}
        finally:
            session.close()

    def recalls(self, photos: Sequence[Labelled]) -> dict[str, Found]:
        """How all three do over photos whose faces are known."""
        total = {"ours": Found(0, 0, 0), "FaceDetectorYN": Found(0, 0, 0), "Haar": Found(0, 0, 0)}
        for photo in photos:
            size = self._looked_at(photo.pixels)
            small = _area(photo.pixels, size)
            scale = photo.pixels.shape[1] / size[0], photo.pixels.shape[0] / size[1]
            total["ours"] += matched(photo.boxes, self.ours(photo.pixels))
            for name, detect in (("FaceDetectorYN", self.yunet), ("Haar", self.haar)):
                total[name] += matched(photo.boxes, [_scaled(box, scale) for box in detect(small)])
        return total

    def _looked_at(self, picture: Pixels) -> tuple[int, int]:
        small, _ = reduce_to(picture, self._spec.max_side)
        return small.shape[1], small.shape[0]

    def _alike(self, small: Pixels) -> bool:
        """The same reduced picture for both: here the net is compared, not the reduction."""
        ours, theirs = sorted(self.ours(small)), sorted(self.yunet(small))
        return len(ours) == len(theirs) and np.allclose(ours, theirs, rtol=0, atol=MOST_OFF_PX)


def _by_turns(contestants: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """CPU seconds of the best round of each, after one to warm up."""
    best = dict.fromkeys(contestants, float("inf"))
    for turn in range(ROUNDS + 1):
        for name, act in contestants.items():
            began = time.process_time()
            act()
            if turn:
                best[name] = min(best[name], time.process_time() - began)
    return best


def _batched(model: bytes) -> bytes:
    """The same graph with its first dimension open."""
    import onnx

    graph = onnx.load_from_string(model)
    for value in (*graph.graph.input, *graph.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    for node in graph.graph.node:
        if node.op_type == "Reshape":
            _open_first(graph.graph, node.input[1])
    for value in list(graph.graph.value_info):
        graph.graph.value_info.remove(value)
    data: bytes = graph.SerializeToString()
    return data


def _open_first(graph: "object", name: str) -> None:
    """Have a constant shape keep the first dimension of what is reshaped."""
    from onnx import numpy_helper

    for constant in graph.initializer:  # type: ignore[attr-defined]
        if constant.name == name:
            shape = numpy_helper.to_array(constant).copy()
            shape[0] = 0
            constant.CopyFrom(numpy_helper.from_array(shape, name))


def _area(picture: Pixels, size: tuple[int, int]) -> Pixels:
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _scaled(box: Box, scale: tuple[float, float]) -> Box:
    return box[0] * scale[0], box[1] * scale[1], box[2] * scale[0], box[3] * scale[1]


def _print(rows: Sequence[Row], batches: Mapping[int, float], recalls: Mapping[str, Found]) -> None:
    print("CPU ms a frame, one thread")
    for row in rows:
        told = "  ".join(f"{name} {ms:.2f}" for name, ms in row.ms.items())
        print(f"  {row.size[0]}x{row.size[1]}, looked at as {row.looked_at[0]}x{row.looked_at[1]}: {told}")
    print("batch: " + "  ".join(f"{batch} {ms:.2f}" for batch, ms in batches.items()) + "  (640x384, net alone)")
    for name, found in recalls.items():
        print(f"recall of {name}: {found.recall:.1%} of {found.faces} faces, {found.false} false boxes")


def _judge(rows: Sequence[Row], recalls: Mapping[str, Found]) -> dict[str, bool]:
    verdicts = {}
    for row in rows:
        where = f"{row.size[0]}x{row.size[1]}"
        gain = row.ms["FaceDetectorYN"] / row.ms["ours, reduced before"]
        verdicts[f"{where}: {gain:.2f} times less than FaceDetectorYN, {LEAST_GAIN} at least"] = gain >= LEAST_GAIN
        verdicts[f"{where}: the boxes of FaceDetectorYN, of {row.faces} faces"] = row.alike and row.faces > 0
    lost = recalls["FaceDetectorYN"].recall - recalls["ours"].recall
    verdicts[f"recall {lost:+.1%} below that of FaceDetectorYN, {MOST_RECALL_LOST:.0%} at most"] = (
        lost <= MOST_RECALL_LOST
    )
    return verdicts


if __name__ == "__main__":
    sys.exit(main())
