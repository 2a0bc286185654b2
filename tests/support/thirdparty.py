"""A scorer of somebody else: a distribution with an entry point, installed into a folder on the path."""

from pathlib import Path

SCORER = '''
import numpy as np

class Brightness:
    """Happier the brighter a crop is."""

    def __init__(self, spec, device="auto"):
        self.closed = False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.closed = True

    def score(self, crops):
        share = crops.reshape(len(crops), -1).mean(axis=1) / 255
        rows = np.zeros((len(crops), 8), np.float32)
        rows[:, 0], rows[:, 1] = 1 - share, share
        return rows


def wrong(answer):
    return type("Wrong", (Brightness,), {"score": lambda self, crops: answer(len(crops))})


TooFew = wrong(lambda n: np.full((n - 1, 8), 0.125, np.float32))
Seven = wrong(lambda n: np.full((n, 7), 1 / 7, np.float32))
Lists = wrong(lambda n: [[0.125] * 8] * n)
Double = wrong(lambda n: np.full((n, 8), 0.125))
Logits = wrong(lambda n: np.full((n, 8), 3.0, np.float32))
PerCent = wrong(lambda n: np.full((n, 8), 12.5, np.float32))
SumsToHalf = wrong(lambda n: np.full((n, 8), 0.0625, np.float32))
NotANumber = wrong(lambda n: np.full((n, 8), np.nan, np.float32))


class OpensOnce(Brightness):
    was_open = False

    def __enter__(self):
        if OpensOnce.was_open:
            raise RuntimeError("opened before")
        OpensOnce.was_open = True
        return self


class OpensAlone(Brightness):
    is_open = False

    def __enter__(self):
        if OpensAlone.is_open:
            raise RuntimeError("open elsewhere")
        OpensAlone.is_open = True
        return self

    def __exit__(self, *error):
        OpensAlone.is_open = False


class CannotClose(Brightness):
    def __exit__(self, *error):
        raise RuntimeError("cannot close")


class HidesErrors(Brightness):
    def __exit__(self, *error):
        return True


class Raises(Brightness):
    def score(self, crops):
        raise RuntimeError("no luck")


class OnlyTheBright(Brightness):
    def score(self, crops):
        return super().score(crops) if crops.mean() > 32 else None


class OnlyTogether(Brightness):
    def score(self, crops):
        return super().score(crops) if len(crops) > 1 else None


class Relative(Brightness):
    def score(self, crops):
        shares = super().score(crops)[:, 1]
        rows = np.zeros((len(crops), 8), np.float32)
        rows[:, 1] = (shares - shares.min()) / max(np.ptp(shares), 1e-9)
        rows[:, 0] = 1 - rows[:, 1]
        return rows


class Backwards(Brightness):
    def score(self, crops):
        return super().score(crops)[::-1]


class Drifts(Brightness):
    calls = 0

    def score(self, crops):
        self.calls += 1
        return super().score((crops // self.calls).astype(np.uint8))


class Individual(Brightness):
    made = 0

    def __init__(self, spec, device="auto"):
        Individual.made += 1
        self.number = Individual.made

    def score(self, crops):
        return super().score((crops // self.number).astype(np.uint8))


class Paints(Brightness):
    def score(self, crops):
        rows = super().score(crops)
        if crops.flags.writeable:
            crops[:] = 0
        return rows


class WantsWritable(Brightness):
    def score(self, crops):
        crops[:, 0, 0] = crops[:, 0, 0]
        return super().score(crops)


class ChattyLogits(Logits):
    def score(self, crops):
        print("as a stranger may")
        return super().score(crops)
'''


def install(folder: Path, version: str = "1.0", **scorers: str) -> None:
    """Install the distribution `moodreel-brightness` into `folder`: entry points by name, targets in its module."""
    (folder / "moodreel_brightness.py").write_text(SCORER)
    info = folder / f"moodreel_brightness-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: moodreel-brightness\nVersion: {version}\n")
    lines = "".join(f"{name} = {target}\n" for name, target in scorers.items())
    (info / "entry_points.txt").write_text(f"[moodreel.scorers]\n{lines}")
