"""The rate gate's mind: when the next call may leave, and how many the service bears. Pure functions of what is known.

Two things are decided here, and `gate.lua` decides them alike inside Redis (a test holds the two together):

* Turns. Calls are spaced evenly (GCRA with a burst of one). A caller whose turn is not yet gets a time to come back at;
  it is granted only then, and only if the spacing still allows it: nobody holds a permission that a 429 cannot void.
* The pace. A service's quota is a whole number of calls a window, so whole numbers are tried. A 429 halves the pace;
  the search then halves the gap between the most that was proven and the least that was refused. Once that gap is
  closed it stays there, and knocks one step above, ever more rarely. See docs/decisions/0005.
"""

import math
from dataclasses import dataclass, replace
from enum import IntEnum

from workers.services.rate import MARGIN_S, Rate

LATE_S = 0.025
"""A turn may be taken this much late without moving those behind it; part of MARGIN_S."""
LONGEST_WAIT_S = 5.0
"""Who would wait longer does something else meanwhile."""
REUNION_S = 2.0
"""After an outage all have found the shared gate again in this time; until then it grants nothing."""
FIRST_TRIAL_WINDOWS = 1.0
"""After a cut, a pace that is borne for so long will do to look further up."""
TRIAL_WINDOWS = 2.0
"""A pace is proven by so many windows of calls that were all answered."""
KNOCK_TRIAL_WINDOWS = 6.0
"""As many for a pace that was refused before: a service that saves unused calls up refuses late."""
TRIAL_SLACK_S = 5.0
"""A trial that takes twice its time and this proves nothing: too little was asked for."""
FIRST_KNOCK_WINDOWS = 20.0
LAST_KNOCK_WINDOWS = 60.0
LONGEST_KNOCK_S = 900.0
"""A refused pace is tried again after so many windows, then twice as many, and so on."""
STEP = 0.05
"""Paces nearer to each other than this are one."""
LEAST_CALLS = 1 / 64
LONGEST_BACKOFF_S = 30.0
LONGEST_PAUSE_S = 3600.0
CLOCK_STEP_S = 0.5
"""A clock that goes back further was set."""


class Kind(IntEnum):
    """What an asker is told."""

    GO = 0
    WAIT = 1
    """Come back then: your turn is kept."""
    LATER = 2
    """It would be longer than you wait: nothing is kept."""


class Verdict(IntEnum):
    """What became of a call, as far as the rate is concerned."""

    SUCCESS = 0
    """It was let in: any answer but those below, errors of the picture included."""
    THROTTLED = 1
    """429, or what the service says instead."""
    UNAVAILABLE = 2
    """503, no connection, no answer in time."""


@dataclass(frozen=True, slots=True)
class Memory:
    """All that is known of one account. Times are seconds of one clock."""

    calls: float
    """The pace: calls a window."""
    proven: float = 0.0
    """The most that was borne for a while; what is above it is on trial."""
    refused: float = 0.0
    """The least that was refused since; 0: nothing was."""
    since: float = 0.0
    """When this pace began, or when its knocking was put off."""
    served: float = 0.0
    """Calls of this trial that were answered."""
    knock_s: float = 0.0
    """How long a refused pace is let alone."""
    settled_at: float = 0.0
    """Calls that left before then may be refused for those before the last cut."""
    struck_at: float = 0.0
    """When a call last came back refused or not at all, of those that left after the time before."""
    strikes: float = 0.0
    """How often that happened with no answer in between."""
    free_at: float = 0.0
    """When the next call may leave, LATE_S early at most."""
    last_turn: float = 0.0
    """The latest turn that was given out."""
    seen: float = 0.0
    """When anybody last asked."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One question: may I call?"""

    held: bool = False
    """The turn given out earlier has come."""
    longest_s: float = LONGEST_WAIT_S
    known: float = 0.0
    """The pace as the asker last knew it; 0: it has never asked."""
    away_s: float = 0.0
    """How long the asker could not ask; 0: it could."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The answer, and the pace it was given at."""

    kind: Kind
    wait_s: float
    calls: float


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a call that left at `left_at`, at a pace of `calls` (0: not known)."""

    verdict: Verdict
    left_at: float
    calls: float = 0.0
    retry_after_s: float | None = None


def spacing_s(rate: Rate, calls: float) -> float:
    """Seconds between calls at a pace."""
    return (rate.window_s + MARGIN_S) / calls if calls >= 1 else rate.window_s / calls + MARGIN_S


def ask(memory: Memory | None, asking: Asking, rate: Rate, now: float) -> tuple[Memory, Turn]:
    """Decide one question."""
    memory = _awake(memory, asking, rate, now)
    gap = spacing_s(rate, memory.calls)
    early = memory.free_at - LATE_S - now
    if asking.held and early <= 0:
        return _granted(memory, gap, now)
    if asking.held and early <= min(gap, asking.longest_s):
        return memory, Turn(Kind.WAIT, early, memory.calls)
    turn = max(now, memory.last_turn + gap, memory.free_at - LATE_S)
    if turn - now > asking.longest_s:
        return memory, Turn(Kind.LATER, turn - now, memory.calls)
    memory = replace(memory, last_turn=turn)
    return _granted(memory, gap, now) if turn <= now else (memory, Turn(Kind.WAIT, turn - now, memory.calls))


def _granted(memory: Memory, gap: float, now: float) -> tuple[Memory, Turn]:
    return replace(memory, free_at=max(now, memory.free_at) + gap), Turn(Kind.GO, 0.0, memory.calls)


def _awake(memory: Memory | None, asking: Asking, rate: Rate, now: float) -> Memory:
    """What is known as of now: of an account never heard of; under the asker's rate; after an outage."""
    if memory is None:
        memory = Memory(rate.calls if asking.known <= 0 else asking.known, seen=now)
        reunited = asking.known > 0 or asking.away_s > 0
    else:
        memory = _clock_checked(memory, now)
        reunited = 0 < asking.away_s <= now - memory.seen
    free_at = max(memory.free_at, now + REUNION_S + LATE_S) if reunited else memory.free_at
    return replace(memory, calls=min(memory.calls, rate.calls), free_at=free_at, seen=now)


def _clock_checked(memory: Memory, now: float) -> Memory:
    """When the clock was set back, everything that it stamped goes back with it."""
    back = memory.seen - now
    if back <= CLOCK_STEP_S:
        return memory
    return replace(
        memory,
        since=memory.since - back,
        settled_at=memory.settled_at - back,
        struck_at=memory.struck_at - back,
        free_at=memory.free_at - back,
        last_turn=memory.last_turn - back,
        seen=now,
    )


def answer(memory: Memory | None, answered: Answered, rate: Rate, now: float) -> Memory:
    """Learn from what became of one call."""
    if memory is None:  # forgotten since the call left
        memory = Memory(min(answered.calls or rate.calls, rate.calls), free_at=now + REUNION_S + LATE_S)
    memory = _clock_checked(memory, now)
    if answered.verdict is Verdict.SUCCESS:
        return _succeeded(memory, answered, rate, now)
    return _refused(memory, answered, rate, now)


def _refused(memory: Memory, answered: Answered, rate: Rate, now: float) -> Memory:
    """Stop for a while, and go on slower. Calls that left before we knew tell nothing new, but may ask for longer."""
    asked_s = min(max(answered.retry_after_s or 0.0, 0.0), LONGEST_PAUSE_S)
    pause_s = asked_s
    throttled = answered.verdict is Verdict.THROTTLED
    if answered.left_at > memory.struck_at:
        strikes = memory.strikes + 1
        trusted = strikes == 1 and (answered.retry_after_s is not None or not throttled)
        backoff_s = 0.0 if trusted else min(2.0 ** min(strikes - 1, 10), LONGEST_BACKOFF_S)
        pause_s = max(asked_s, backoff_s)
        memory = replace(memory, strikes=strikes, struck_at=now)
        if throttled and answered.left_at > memory.settled_at:
            memory = _cut(memory, answered.calls or memory.calls, rate, now)
        memory = replace(memory, last_turn=0.0)
    until = now + pause_s
    return replace(memory, free_at=max(memory.free_at, until + LATE_S), since=max(memory.since, until))


def _cut(memory: Memory, refused: float, rate: Rate, now: float) -> Memory:
    """Half the pace; what is proven and lies above that, if it was not the proven pace that was refused."""
    knock_s = memory.knock_s or _first_knock_s(rate)
    if memory.proven < refused:
        proven, ceiling = memory.proven, refused
        if refused >= memory.refused > 0 and _closed(proven, memory.refused):
            knock_s = min(2 * knock_s, _last_knock_s(rate))
    else:  # it was borne until now: for long, then either all has changed or nothing; else it only seemed to be
        proven, ceiling = 0.0, memory.refused if now - memory.since >= _first_knock_s(rate) else refused
    half = _half(min(memory.calls, refused))
    calls = min(memory.calls, max(half, proven))
    settled_at = now + rate.window_s * (1 if calls == half else 2)  # at half the pace a full window empties soon
    return replace(
        memory, calls=calls, proven=proven, refused=ceiling, served=0.0, knock_s=knock_s, settled_at=settled_at
    )


def _succeeded(memory: Memory, answered: Answered, rate: Rate, now: float) -> Memory:
    memory = replace(memory, strikes=0.0)
    if answered.left_at < memory.since or memory.calls >= rate.calls <= memory.proven:
        return memory
    if memory.proven >= memory.calls and _closed(memory.calls, memory.refused):
        if now - memory.since < (memory.knock_s or _first_knock_s(rate)):
            return memory
        calls = min(rate.calls, memory.calls + _step(memory.calls))
        return replace(memory, calls=calls, since=now, served=0.0)
    served = memory.served + 1
    needed = max(1.0, math.ceil(_trial_windows(memory) * memory.calls))
    if served < needed:
        return replace(memory, served=served)
    if now - memory.since > 2 * needed * spacing_s(rate, memory.calls) + TRIAL_SLACK_S:
        return replace(memory, since=now, served=0.0)
    return _proven(memory, rate, now)


def _trial_windows(memory: Memory) -> float:
    if memory.calls >= memory.refused > 0:
        return KNOCK_TRIAL_WINDOWS
    return TRIAL_WINDOWS if memory.proven > 0 else FIRST_TRIAL_WINDOWS


def _proven(memory: Memory, rate: Rate, now: float) -> Memory:
    """On to the next pace to be tried, if one is left below what was refused."""
    memory = replace(memory, proven=memory.calls, since=now, served=0.0)
    if memory.calls >= memory.refused > 0:
        memory = replace(memory, refused=0.0, knock_s=_first_knock_s(rate))
    if _closed(memory.calls, memory.refused):
        return memory
    if memory.calls < 1:
        calls = 2 * memory.calls
    elif memory.refused > 0:
        calls = math.floor((memory.calls + memory.refused) / 2)
    else:
        calls = math.ceil(1.5 * memory.calls)
    return replace(memory, calls=float(min(rate.calls, calls)))


def _closed(proven: float, refused: float) -> bool:
    """Whether nothing is left to be tried between the two."""
    return 0 < refused <= proven + _step(proven)


def _step(calls: float) -> float:
    return max(1.0, math.floor(STEP * calls)) if calls >= 1 else calls


def _half(calls: float) -> float:
    return float(math.floor(calls / 2)) if calls >= 2 else max(calls / 2, LEAST_CALLS)


def _first_knock_s(rate: Rate) -> float:
    return min(FIRST_KNOCK_WINDOWS * rate.window_s, LONGEST_KNOCK_S / 3)


def _last_knock_s(rate: Rate) -> float:
    return min(LAST_KNOCK_WINDOWS * rate.window_s, LONGEST_KNOCK_S)
