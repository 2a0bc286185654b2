"""How patience scales with the work, and stands still while the parent does."""

import resource
import subprocess
import sys
from dataclasses import replace

import pytest

from db.records import FileIdentity, MediaFacts, SegmentSpec
from workers.analysis import AnalysisSpec, DetectorSpec, ScorerSpec
from workers.limits import LEAST_SILENCE_S, PULSE_EVERY_S, ChildLimits, deadline_s, silence_s
from workers.messages import ProbeWork, SegmentWork
from workers.patience import LONGEST_STEP_S, Patience

LIMITS = ChildLimits()
ANALYSIS = AnalysisSpec(None, DetectorSpec(), ScorerSpec())


def segment(targets: int, decoded_megapixels: float, width: int = 1920, height: int = 1080) -> SegmentWork:
    facts = MediaFacts("video", "mp4", "h264", width, height)
    spec = SegmentSpec(0, targets=targets, weight=decoded_megapixels)
    return SegmentWork(FileIdentity(b"/v", 0, 0, 10**9, 0), facts, spec, ANALYSIS)


def probe(size: int) -> ProbeWork:
    return ProbeWork(FileIdentity(b"/v", 0, 0, size, 0), ANALYSIS)


def test_more_work_is_given_more_time() -> None:
    small = deadline_s(segment(1, 2.0), LIMITS)
    assert LIMITS.timeout_s < small < deadline_s(segment(60, 2.0), LIMITS) < deadline_s(segment(60, 9000.0), LIMITS)
    assert LIMITS.timeout_s == deadline_s(probe(0), LIMITS) < deadline_s(probe(10**9), LIMITS)


@pytest.mark.parametrize("megapixels", [2.07, 8.29])
def test_a_machine_forty_times_slower_than_ours_keeps_its_deadlines(megapixels: float) -> None:
    # Measured on one core of ours: H.264 decodes at 3 ms a megapixel or better, a sampled frame takes 20 ms.
    for targets, frames in ((60, 1800), (600, 1800), (1, 30)):
        ours_s = frames * megapixels * 0.003 + targets * 0.020
        assert deadline_s(segment(targets, frames * megapixels), LIMITS) > 40 * ours_s


def test_a_call_that_does_not_return_is_ended_within_two_minutes_whatever_the_segment() -> None:
    enormous = segment(600, 10**6, 7680, 4320)
    assert silence_s(enormous, LIMITS) < 120 < deadline_s(enormous, LIMITS)
    assert silence_s(probe(10**12), LIMITS) <= LIMITS.timeout_s


def test_a_photo_of_100_megapixels_may_take_its_time_in_one_call() -> None:
    photo = segment(1, 100.0, 10_000, 10_000)
    assert silence_s(photo, LIMITS) == deadline_s(photo, LIMITS) > 80


def test_a_users_short_timeout_does_not_outrun_the_pulse() -> None:
    hasty = replace(LIMITS, timeout_s=0.1)
    assert silence_s(probe(0), hasty) == LEAST_SILENCE_S >= 4 * PULSE_EVERY_S


def test_patience_ends_with_the_total_or_with_silence() -> None:
    patience = Patience(total_s=10, silent_s=3, now_s=100)
    for now_s in range(101, 111):
        patience.look(now_s, sign_of_life=True)
        assert not patience.ran_out
    patience.look(110.5, sign_of_life=True)
    assert patience.ran_out
    assert not patience.fell_silent


def test_silence_is_counted_from_the_last_sign_of_life() -> None:
    patience = Patience(total_s=1000, silent_s=3, now_s=0)
    for now_s, alive in ((2, False), (4, True), (6, False), (7, False)):
        patience.look(now_s, alive)
        assert not patience.ran_out
    patience.look(7.5, sign_of_life=False)
    assert patience.fell_silent


def test_a_machine_that_slept_for_a_night_blames_no_child() -> None:
    patience = Patience(total_s=60, silent_s=60, now_s=0)
    patience.look(8 * 3600, sign_of_life=False)
    assert not patience.ran_out
    for step in range(1, 13):
        patience.look(8 * 3600 + 5 * step, sign_of_life=False)
    assert patience.ran_out
    assert LONGEST_STEP_S == 5


def test_a_clock_that_runs_backwards_is_no_time() -> None:
    patience = Patience(total_s=1, silent_s=1, now_s=100)
    patience.look(50, sign_of_life=False)
    assert not patience.ran_out


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not keep to a limit on address space")
@pytest.mark.parametrize("bounded", [True, False])
def test_a_process_bounds_itself_for_good(bounded: bool) -> None:
    script = (
        "import resource as r\n"
        "from workers.limits import ChildLimits, apply_to_this_process\n"
        f"apply_to_this_process(ChildLimits(memory_mb=100, open_files=50), bound_address_space={bounded})\n"
        "print([r.getrlimit(w) for w in (r.RLIMIT_CORE, r.RLIMIT_FSIZE, r.RLIMIT_NOFILE, r.RLIMIT_AS)])\n"
    )
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    core, fsize, files, space = eval(told)  # noqa: S307  our own print
    assert (core, fsize, files) == ((0, 0), (0, 0), (50, 50))
    if bounded:
        assert 100 * 2**20 < space[0] == space[1] < 4 * 2**30
    else:
        assert space == resource.getrlimit(resource.RLIMIT_AS)
