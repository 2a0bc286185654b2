"""What follows from the eight probabilities of a face. Pure; NULL where a scorer gave none."""

from collections.abc import Sequence

from db.emotions import EMOTIONS

_HAPPINESS = EMOTIONS.index("happiness")
_SADNESS, _ANGER, _FEAR, _DISGUST = (EMOTIONS.index(name) for name in ("sadness", "anger", "fear", "disgust"))


def valence(scores: Sequence[float] | None) -> float | None:
    """happiness - max(sadness, anger, fear, disgust), in [-1, 1]: FaceReader's convention, without contempt."""
    if scores is None:
        return None
    return scores[_HAPPINESS] - max(scores[_SADNESS], scores[_ANGER], scores[_FEAR], scores[_DISGUST])


def dominant(scores: Sequence[float] | None) -> str | None:
    """The most probable emotion; the first in FER+ order among equals."""
    if scores is None:
        return None
    return EMOTIONS[scores.index(max(scores))]
