"""The label protocol of FER+, on ballots that are counted by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.labels import COLUMNS, decided, kept, leading, soft_targets, usable, vote_shares


def ballot(**counts: int) -> NDArray[np.uint8]:
    """One row of votes; `unknown` and `nothing` are the last two columns."""
    names = (*COLUMNS[:8], "unknown", "nothing")
    return np.array([[counts.get(name, 0) for name in names]], np.uint8)


def test_what_only_one_tagger_saw_is_dropped() -> None:
    votes = ballot(neutral=6, sadness=3, fear=1)
    assert kept(votes).tolist() == ballot(neutral=6, sadness=3).tolist()
    assert soft_targets(votes)[0].tolist() == [6 / 9, 0, 0, 3 / 9, 0, 0, 0, 0]


def test_probabilities_are_held_against_all_votes_for_emotions() -> None:
    shares = vote_shares(ballot(neutral=5, sadness=3, fear=1, unknown=1))[0]
    assert shares.tolist() == [5 / 9, 0, 0, 3 / 9, 0, 0, 1 / 9, 0]


@pytest.mark.parametrize(
    ("votes", "learnt_from", "counts"),
    [
        (ballot(anger=6, disgust=4), True, True),
        (ballot(anger=5, disgust=5), True, False),
        (ballot(anger=5, disgust=4, fear=1), True, True),
        (ballot(anger=4, disgust=3, fear=3), True, False),
        (ballot(unknown=6, anger=4), False, False),
        (ballot(nothing=10), False, False),
        (ballot(neutral=1, happiness=1, surprise=1, sadness=1, anger=1, disgust=1, fear=1, contempt=1), False, False),
    ],
    ids=["clear", "a tie", "clear without the slip", "split", "unknown", "no face", "all slips"],
)
def test_who_is_learnt_from_and_who_counts(votes: NDArray[np.uint8], learnt_from: bool, counts: bool) -> None:
    assert (bool(usable(votes)[0]), bool(decided(votes)[0])) == (learnt_from, counts)


def test_the_emotion_with_most_votes_leads() -> None:
    assert [COLUMNS[one] for one in leading(np.vstack([ballot(fear=7, surprise=3), ballot(contempt=9)]))] == [
        "fear",
        "contempt",
    ]


def test_many_votes_do_not_overflow() -> None:
    assert decided(ballot(neutral=200, sadness=100)).all()
