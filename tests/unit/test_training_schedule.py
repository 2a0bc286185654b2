"""When a training does what, and whom an epoch shows."""

import numpy as np
import pytest

from training.schedule import Plan, draw_seed, ema_keep, learning_rate, order, part_of

PLAN = Plan(epochs=10, warmup_epochs=2, rate=0.1)


def test_the_parts_of_an_epoch_are_all_of_its_whole_batches() -> None:
    plan = Plan(batch=8, parts=3)
    parts = [part_of(plan, np.arange(83), part) for part in range(3)]
    assert [len(one) for one in parts] == [4, 3, 3]
    assert np.concatenate(parts).ravel().tolist() == list(range(80))


def test_fewer_faces_than_a_batch_are_one_batch() -> None:
    parts = [part_of(Plan(batch=8, parts=2), np.arange(5), part) for part in range(2)]
    assert [one.tolist() for one in parts] == [[[0, 1, 2, 3, 4]], []]


def test_the_rate_rises_then_falls_to_nothing() -> None:
    rates = [learning_rate(PLAN, at / 10) for at in range(101)]
    assert max(rates) == rates[20] == pytest.approx(0.1)
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[100] == pytest.approx(0)


def test_the_average_forgets_its_beginning() -> None:
    assert ema_keep(PLAN, 0) == pytest.approx(0.1)
    assert ema_keep(PLAN, 10**6) == PLAN.ema


def test_an_epoch_shows_everyone_about_once_and_rare_emotions_more_often() -> None:
    targets = np.eye(8)[np.repeat([0, 7], [960, 40])]
    shown = order(PLAN, targets, epoch=3)
    often = np.bincount(shown, minlength=1000)
    assert len(shown) == pytest.approx(1000, abs=40)
    assert often[960:].mean() / often[:960].mean() == pytest.approx(24**PLAN.balance, rel=0.15)


def test_without_balance_everyone_is_shown_once() -> None:
    targets = np.eye(8)[np.repeat([0, 7], [90, 10])]
    shown = order(Plan(balance=0), targets, epoch=0)
    assert sorted(shown) == list(range(100))


def test_an_epoch_is_drawn_the_same_whatever_came_before_and_each_otherwise() -> None:
    targets = np.full((50, 8), 1 / 8)
    assert np.array_equal(order(PLAN, targets, 4), order(PLAN, targets, 4))
    assert not np.array_equal(order(PLAN, targets, 4), order(PLAN, targets, 5))
    assert (
        len({draw_seed(PLAN, 4, 1), draw_seed(PLAN, 5, 1), draw_seed(PLAN, 5, 2), draw_seed(Plan(seed=2), 5, 1)}) == 4
    )
