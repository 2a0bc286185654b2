"""What a run shows while it works."""

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.call_records import Bill
from db.records import JobCounts
from jobs.cli.output import printable
from jobs.progress import JsonLines, Live, Plain, Silent, Snapshot, describe, duration, progress


def snapshot(frames: int = 50, elapsed_s: float = 10.0, walking: bool = False) -> Snapshot:
    counts = JobCounts(
        files=10,
        files_failed=1,
        files_partial=0,
        files_done=4,
        skipped=0,
        segments=9,
        queued=3,
        running=2,
        done=4,
        failed=0,
        targets=250,
        frames=150,
        faces=99,
        media_s=250.0,
        media_done_s=150.0,
    )
    return Snapshot(counts, walking, frames, 50.0, elapsed_s)


def test_speed_and_time_left_follow_from_this_runs_own_work() -> None:
    now = snapshot()
    assert now.frames_per_s == 5
    assert now.times_real == 5
    assert now.left_s == 20


def test_time_left_is_unknown_while_files_are_still_being_found_or_nothing_is_done() -> None:
    assert snapshot(walking=True).left_s is None
    assert snapshot(frames=0).left_s is None
    assert snapshot(elapsed_s=0.0).left_s is None


def test_a_snapshot_is_described_in_words() -> None:
    assert describe(snapshot()) == "150 of 250 frames, 5.0 frames/s, 5.0x real time, 20 s left, 1 failed"


def test_calls_are_told_where_a_service_is_called() -> None:
    assert ", 1 call, 20 s left" in describe(replace(snapshot(), bill=Bill(calls=1)))
    assert ", 1,200 calls (3 refused for the rate), " in describe(
        replace(snapshot(), bill=Bill(calls=1200, throttled=3))
    )
    assert Snapshot.from_outside(snapshot().counts, None, walking=False, bill=Bill(calls=7)).bill == Bill(calls=7)
    stream = io.StringIO()
    JsonLines(stream, every_s=0).show(replace(snapshot(), bill=Bill(calls=7, throttled=2)))
    JsonLines(stream, every_s=0).show(snapshot())
    said = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["calls"], line["calls_refused"]) for line in said] == [(7, 2), (None, None)]


def test_json_lines_are_json() -> None:
    stream = io.StringIO()
    shown = JsonLines(stream, every_s=0)
    shown.show(snapshot())
    shown.say("stopping")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first["frames_per_s"] == 5
    assert second == {"event": "notice", "text": "stopping"}


def test_plain_lines_come_now_and_then() -> None:
    stream = io.StringIO()
    Plain(stream, every_s=1000).show(snapshot())
    assert stream.getvalue() == ""
    Plain(stream, every_s=0).show(snapshot())
    assert stream.getvalue() == f"5 of 10 files, {describe(snapshot())}\n"


def test_quiet_or_without_a_stderr_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with progress(quiet=True, as_json=False, stream=stream) as shown:
        shown.say("stopping")
    assert stream.getvalue() == ""
    monkeypatch.setattr("sys.stderr", None)
    with progress(quiet=False, as_json=True) as shown:
        assert isinstance(shown, Silent)
        shown.show(snapshot())


def test_a_stream_that_nobody_reads_any_more_does_not_stop_the_work() -> None:
    class Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    Plain(Broken(), every_s=0).show(snapshot())
    JsonLines(Broken(), every_s=0).say("stopping")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_live_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with progress(quiet=False, as_json=False, stream=stream) as shown:
        assert isinstance(shown, Live)
        shown.show(snapshot())
        shown.say("[not markup]")
    assert "[not markup]" in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (4.2, "4.2 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_a_duration_reads_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.text())
def test_nothing_printed_can_command_a_terminal(text: str) -> None:
    shown = printable(text)
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0x202A <= ord(char) <= 0x202E for char in shown)
    shown.encode("utf-8")
