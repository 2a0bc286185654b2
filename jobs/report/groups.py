"""Comparing groups: means over participants with 95 % confidence bands. First within a participant, then over them.

The band is Student's t: mean +- t(0.975, n - 1) * s / sqrt(n). A single participant has a mean and no band.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jobs.report.curve import Curve
from jobs.report.numbers import Floats, Ints, mean, mean_by, ratio
from jobs.report.steps import STEPS_S, count

PARTICIPANT, CONDITION, STIMULUS = "participant", "condition", "stimulus"
MOST_GROUPS = 12
"""Groups of one tag that a reader can tell apart; a tag with more values is no grouping."""
MOST_STEPS = 600
EVERYBODY = ""
"""The tag of the comparison in which nobody is set apart."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file as the comparison sees it."""

    tags: Mapping[str, str]
    participant: str
    """The tag, or the file itself where it has none."""
    shares: tuple[float, ...] | None
    """Of the faces, by dominant emotion; None without a scored face."""
    valence: float | None
    curve: Curve | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over participants; `half` is half the width of its band, NaN where there is none."""

    mean: Floats
    half: Floats
    n: Ints


@dataclass(frozen=True, slots=True)
class Group:
    """One value of a tag: how its participants' faces are spread over the emotions."""

    value: str
    files: int
    participants: int
    shares: Estimate
    """[8]"""
    valence: Estimate
    """[1]"""


@dataclass(frozen=True, slots=True)
class Line:
    """One group over the time of one stimulus: [steps, 9], the eight probabilities and the valence."""

    value: str
    participants: int
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Course:
    """One stimulus, and the groups of one tag over its time."""

    stimulus: str
    """Empty where no file is tagged with one: all count as one."""
    tag: str
    step_s: float
    lines: tuple[Line, ...]


def estimate(values: Floats) -> Estimate:
    """Mean and band over the first axis, which is participants; NaN is a participant who is not there."""
    there = np.isfinite(values)
    n = there.sum(axis=0)
    middle = mean(values)
    squares = np.where(there, (values - middle) ** 2, 0.0).sum(axis=0)
    spread = np.sqrt(ratio(squares, n - 1))
    return Estimate(middle, quantile(n) * spread / np.sqrt(np.maximum(n, 1)), n)


def quantile(n: Ints) -> Floats:
    """Student's t of 97.5 % for n participants; NaN below two."""
    from scipy.special import stdtrit

    return np.where(n > 1, stdtrit(np.maximum(n - 1, 1), 0.975), np.nan)


def groupings(members: Iterable[Member]) -> dict[str, list[str]]:
    """The tags by which files can be compared, each with its values: two to MOST_GROUPS. Those of the design first."""
    values: dict[str, set[str]] = {}
    for member in members:
        for key, value in member.tags.items():
            values.setdefault(key, set()).add(value)
    usual = {CONDITION: 0, STIMULUS: 1, PARTICIPANT: 3}
    names = sorted(values, key=lambda key: (usual.get(key, 2), key))
    return {key: sorted(values[key]) for key in names if 2 <= len(values[key]) <= MOST_GROUPS}


def groups_of(members: Sequence[Member], tag: str, values: Iterable[str]) -> list[Group]:
    """The groups of one tag."""
    found = ([one for one in members if one.tags.get(tag) == value] for value in values)
    return [_group(value, mine) for value, mine in zip(values, found, strict=True)]


def _group(value: str, members: Sequence[Member]) -> Group:
    shares: dict[str, list[Floats]] = {}
    for one in members:
        if one.shares is not None:
            valence = np.nan if one.valence is None else one.valence
            shares.setdefault(one.participant, []).append(np.array([*one.shares, valence]))
    within = np.array([mean(np.array(files)) for files in shares.values()], np.float64).reshape(-1, 9)
    over = estimate(within)
    return Group(
        value,
        len(members),
        len(shares),
        Estimate(over.mean[:8], over.half[:8], over.n[:8]),
        Estimate(over.mean[8:], over.half[8:], over.n[8:]),
    )


def courses_of(members: Sequence[Member], tags: Iterable[str]) -> list[Course]:
    """Each stimulus with at least two participants over time: everybody together, then by each tag."""
    told = [one for one in members if one.curve is not None and one.shares is not None]
    made = []
    for stimulus in sorted({one.tags.get(STIMULUS, "") for one in told}):
        mine = [one for one in told if one.tags.get(STIMULUS, "") == stimulus]
        if len({one.participant for one in mine}) < 2:
            continue
        for tag in (EVERYBODY, *(tag for tag in tags if tag not in (STIMULUS, PARTICIPANT))):
            course = _course(stimulus, tag, mine)
            if tag == EVERYBODY or len(course.lines) > 1:
                made.append(course)
    return made


def _course(stimulus: str, tag: str, members: Sequence[Member]) -> Course:
    curves = [one.curve for one in members if one.curve is not None]
    longest_s = max(curve.steps * curve.step_s for curve in curves)
    least_s = max(1.0, longest_s / (MOST_STEPS + 1), *(curve.step_s for curve in curves))
    step_s = next((step for step in STEPS_S if step >= least_s), least_s)
    steps = count(longest_s, step_s)
    by_value: dict[str, list[Member]] = {}
    for one in members:
        if tag == EVERYBODY or tag in one.tags:
            by_value.setdefault(one.tags[tag] if tag else "", []).append(one)
    lines = tuple(_line(value, by_value[value], step_s, steps) for value in sorted(by_value)[:MOST_GROUPS])
    return Course(stimulus, tag, step_s, lines)


def _line(value: str, members: Sequence[Member], step_s: float, steps: int) -> Line:
    files: dict[str, list[Floats]] = {}
    for one in members:
        if one.curve is not None:
            files.setdefault(one.participant, []).append(resampled(one.curve, step_s, steps))
    within = np.array([mean(np.array(mine)) for mine in files.values()])
    return Line(value, len(files), estimate(within))


def resampled(curve: Curve, step_s: float, steps: int) -> Floats:
    """[steps, 9]: the curve of all faces together in wider steps, counted from its first frame."""
    together = curve.together()
    target = np.minimum((np.arange(curve.steps) * curve.step_s / step_s + 0.5).astype(int), steps - 1)
    return mean_by(target, together, steps)
