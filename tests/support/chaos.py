"""A fleet at work while a saboteur who follows a seed kills, freezes and wipes one part of it after the other."""

import heapq
import itertools
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.folders import write_clip, write_photo
from tests.support.chaos_cast import UNAVAILABLE, Cast
from tests.support.chaos_witness import Witness, expected, mistakes, require_the_same, table
from tests.support.fleet import Fleet

LEASE_S = 4.0
TURN_S = 0.1
CHILD_KILLS_APART_S = 4.0
"""A segment may fail three times: the charge of one kill is seen before the next."""
FINISH_S = 300.0
LEAVE_S = 60.0


@dataclass(frozen=True, slots=True)
class Scale:
    """How much work there is, and how rough it gets."""

    seconds: float
    photos: int
    clips: int
    clip_s: float
    pause_s: float
    """Between two faults, on average."""
    outage_s: float
    """How long a server is away, at most."""
    least_segments: int = 0


LONG = Scale(180.0, photos=120, clips=60, clip_s=3.0, pause_s=2.5, outage_s=10.0, least_segments=300)
SHORT = Scale(9.0, photos=12, clips=6, clip_s=2.0, pause_s=0.6, outage_s=2.0)


def make_media(folder: Path, scale: Scale) -> None:
    """Photos and clips, all different."""
    for number in range(scale.photos):
        write_photo(folder / f"{number:03}.jpg", number)
    for number in range(scale.clips):
        write_clip(folder / f"{number:03}.mp4", number, seconds=scale.clip_s)


class Saboteur:
    """Chooses what to do to whom, and undoes it after a while."""

    def __init__(self, cast: Cast, scale: Scale, seed: int) -> None:
        self._cast = cast
        self._scale = scale
        self._random = random.Random(seed)
        self._later: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._down: set[str] = set()
        self._child_killed = self._database_back = 0.0
        self._next = 0.0
        self._bag: list[str] = []
        self.injected: Counter[str] = Counter()
        self._faults: dict[str, Callable[[], bool]] = {
            "kill -9 of a child": self._kill_child,
            "kill -9 of a worker": self._kill_worker,
            "kill -9 of a worker and its children": self._kill_worker_and_children,
            "SIGTERM to a worker": self._end_worker,
            "a worker frozen beyond its lease": self._freeze_worker,
            "kill -9 of the reaper": self._kill_reaper,
            "the reaper frozen": self._freeze_reaper,
            "kill -9 of the submitter": self._cast.kill_submitter,
            "Redis killed, back with its memory": lambda: self._redis_away(0.0, empty=False),
            "Redis killed, back empty": lambda: self._redis_away(0.0, empty=True),
            "Redis away for a while": lambda: self._redis_away(self._outage_s(), empty=True),
            "FLUSHALL": self._flush,
            "PostgreSQL killed": self._postgres_away,
        }

    def turn(self) -> None:
        """Undo what is over, and strike if it is time."""
        self._undo(until=time.monotonic())
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._random.expovariate(1 / self._scale.pause_s)
        if not self._bag:
            self._bag = self._random.sample(sorted(self._faults), len(self._faults))
        for what in tuple(self._bag):  # each in its turn; what cannot be done now keeps its turn
            if self._faults[what]():
                self._bag.remove(what)
                self.injected[what] += 1
                return

    def stop(self) -> None:
        """Undo everything."""
        self._undo(until=float("inf"))

    def _undo(self, until: float) -> None:
        while self._later and self._later[0][0] <= until:
            heapq.heappop(self._later)[2]()

    def _after(self, seconds: float, undo: Callable[[], object]) -> None:
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._numbers), undo))

    def _outage_s(self) -> float:
        return self._random.uniform(0.3, 1.0) * self._scale.outage_s

    def _worker(self) -> str | None:
        running = self._cast.workers
        return self._random.choice(running) if running else None

    def _kill_child(self) -> bool:
        """Only where no segment can fail for good by it: what was killed lately has been charged by now."""
        now = time.monotonic()
        lately = max(self._child_killed, self._database_back)
        name = self._worker()
        if name is None or "postgres" in self._down or now - lately < CHILD_KILLS_APART_S:
            return False
        risky = self._cast.ask("SELECT 1 FROM segment WHERE state IN ('queued', 'running') AND failures > 1")
        children = self._cast.parts[name].family
        if risky != [] or not children:
            return False
        self._random.choice(children).kill()
        self._child_killed = now
        return True

    def _kill_worker(self) -> bool:
        name = self._worker()
        if name is not None:
            self._cast.kill(name, self._random.uniform(0, 4))
        return name is not None

    def _kill_worker_and_children(self) -> bool:
        name = self._worker()
        if name is not None:
            self._cast.parts[name].kill_all()
            self._cast.kill(name, self._random.uniform(0, 4))
        return name is not None

    def _end_worker(self) -> bool:
        name = self._worker()
        if name is not None:
            self._cast.tell_to_end(name, signal.SIGTERM)
        return name is not None

    def _freeze_worker(self) -> bool:
        name = self._worker()
        return name is not None and self._freeze(name, self._random.uniform(1.2, 2.0) * LEASE_S)

    def _kill_reaper(self) -> bool:
        there = "reaper" in self._cast.parts
        if there:
            self._cast.kill("reaper", self._random.uniform(0, 8))
        return there

    def _freeze_reaper(self) -> bool:
        there = "reaper" in self._cast.parts and "reaper" not in self._cast.frozen
        return there and self._freeze("reaper", self._random.uniform(0.5, 4.0) * LEASE_S)

    def _freeze(self, name: str, for_s: float) -> bool:
        program = self._cast.parts[name]
        program.freeze()
        self._cast.frozen.add(name)

        def thaw() -> None:
            program.thaw()
            if self._cast.parts.get(name) is program:
                self._cast.frozen.discard(name)

        self._after(for_s, thaw)
        return True

    def _redis_away(self, for_s: float, *, empty: bool) -> bool:
        if "redis" in self._down:
            return False
        self._down.add("redis")
        redis = self._cast.fleet.redis
        redis.kill()

        def back() -> None:
            redis.restart(empty=empty)
            self._down.discard("redis")

        self._after(for_s, back)
        return True

    def _flush(self) -> bool:
        if "redis" in self._down:
            return False
        self._cast.fleet.redis.flush()
        return True

    def _postgres_away(self) -> bool:
        postgres = self._cast.fleet.postgres
        if "postgres" in self._down or postgres is None:
            return False
        self._down.add("postgres")
        postgres.kill()

        def back() -> None:
            postgres.start()
            self._database_back = time.monotonic()
            self._down.discard("postgres")

        self._after(self._random.uniform(0, self._scale.outage_s), back)
        return True


def run(seed: int, scale: Scale, place: Path) -> str:
    """A whole run below `place`; what was done, and what came of it, as a table. Fails where anything is amiss."""
    media, oracle = place / "media", place / "oracle"
    media.mkdir(parents=True)
    oracle.mkdir()
    make_media(media, scale)
    samplings = (f"{100 + 10 * number}ms" for number in itertools.count())
    with Fleet({"main": media}, lease_s=LEASE_S) as fleet:
        cast = Cast(fleet, media, samplings)
        witness, saboteur = Witness(cast), Saboteur(cast, scale, seed)
        cast.begin()
        began = time.monotonic()
        while time.monotonic() - began < scale.seconds or witness.segments < scale.least_segments:
            cast.keep_alive(more_jobs=True)
            saboteur.turn()
            witness.look()
            time.sleep(TURN_S)
        saboteur.stop()
        stopped = time.monotonic()
        _finish(cast, witness)
        ended = time.monotonic()
        seconds = {
            "seconds of faults": round(stopped - began),
            "seconds from the last to the end": round(ended - stopped),
        }
        told = table(fleet, saboteur.injected, dict(cast.counts) | seconds)
        _judge(fleet, cast, media, oracle, told)
    return told


def _finish(cast: Cast, witness: Witness) -> None:
    """Nobody harms anybody any more: everything gets done."""
    until = time.monotonic() + FINISH_S
    while cast.jobs_left() or cast.submitter is not None or cast.missing:
        assert time.monotonic() < until, f"the work was never done\n{cast.fleet.tails()}"
        cast.keep_alive(more_jobs=False)
        witness.look()
        time.sleep(TURN_S)


def _judge(fleet: Fleet, cast: Cast, media: Path, oracle: Path, told: str) -> None:
    assert not cast.surprises, "\n\n".join(cast.surprises)
    for program in cast.leaving:
        code = program.wait(LEAVE_S)
        assert code in (0, -signal.SIGTERM, UNAVAILABLE), f"{program.log.stem} ended with {code}: {program.tail()}"
    assert mistakes(fleet) == []
    assert fleet.rows("SELECT state, count(*) FROM segment WHERE state <> 'done' GROUP BY 1") == [], told
    jobs = [name for (name,) in fleet.rows("SELECT name FROM job ORDER BY id")]
    require_the_same(fleet, expected(media, jobs, oracle))
