"""What is said of an exception over an item, and of a child's end."""

import os
import signal

import pytest

from workers.channel import MessageTooLarge
from workers.errors import MediaError, ModelError
from workers.explain import problem_of
from workers.failures import how_it_ended
from workers.last_words import KEPT_BYTES, LastWords


def raised_from(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def test_an_error_of_ours_speaks_for_itself() -> None:
    problem = problem_of(MediaError("media.empty", "nothing in it", "record it again"))
    assert (problem.code, problem.reason, problem.permanent) == ("media.empty", "nothing in it", True)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        raised_from(
            ModelError("model.failed", "yunet failed", ""),
            RuntimeError("bfc_arena.cc:360 Failed to allocate memory for requested buffer"),
        ),
        raised_from(MediaError("media.corrupt", "no", ""), MemoryError()),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("OpenCV(4.14) error: (-4:Insufficient memory) Failed to allocate 300 bytes"),
        RuntimeError("Pixel allocation failed: Out of memory"),
        RuntimeError("Memory allocation error: Unspecified: Allocating 64000015 bytes failed"),
    ],
)
def test_want_of_memory_is_no_fault_of_the_file_or_the_model(error: Exception) -> None:
    problem = problem_of(error)
    assert problem.code == "child.memory"
    assert not problem.permanent


def test_a_limit_that_a_file_exceeds_is_no_want_of_memory() -> None:
    limit = RuntimeError("Memory allocation error: Security limit exceeded: the image has 9000000000 pixels")
    assert problem_of(raised_from(MediaError("media.corrupt", "no", ""), limit)).code == "media.corrupt"


def test_a_result_too_large_to_send_is_told() -> None:
    assert problem_of(MessageTooLarge("a message of 300 bytes")).code == "child.result_size"


@pytest.mark.logs_errors
def test_what_nobody_foresaw_is_told_in_words_that_can_travel() -> None:
    problem = problem_of(KeyError("\udcff"))
    assert problem.code == "child.error"
    assert problem.reason.encode()
    assert not problem.permanent


def test_names_that_are_not_unicode_do_not_stop_a_problem() -> None:
    assert problem_of(MediaError("a", "no such file: \udcff\0", "\udcfe")).reason == "no such file: ??"


def test_every_way_to_end_has_words() -> None:
    assert how_it_ended(3) == "exit status 3"
    assert how_it_ended(-signal.SIGSEGV) == "signal SIGSEGV"
    assert how_it_ended(-43) == "signal 43"


def test_last_words_are_the_tail_without_anything_that_a_terminal_obeys() -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    words = LastWords(read)
    os.write(write, b"x" * 60_000)
    words.drain()
    os.write(write, b"\nWarning \x1b[2J\xff\n\n")
    assert words.line() == "Warning ?[2J\N{REPLACEMENT CHARACTER}"
    assert len(words.text()) < KEPT_BYTES
    os.write(write, b"Fatal Python error: Aborted\n  File x\n")
    os.close(write)
    assert words.line() == "Fatal Python error: Aborted"
    assert words.line() == "Fatal Python error: Aborted", "also after the end of the pipe"
    os.close(read)
