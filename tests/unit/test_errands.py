"""Threads for requests that nobody can break off."""

import threading

from workers.errands import Errands


def test_errands_are_done_by_a_few_threads_and_errors_are_told() -> None:
    errands: Errands[str] = Errands(2, "test")
    both = threading.Barrier(2)

    def meet() -> str:
        both.wait(timeout=30)
        return threading.current_thread().name

    def fail() -> str:
        raise KeyError("why")

    first, second = errands.send(meet), errands.send(meet)
    assert {first.result(30), second.result(30)} == {"test"}
    assert isinstance(errands.send(fail).exception(30), KeyError)
    errands.close(30)


def test_closing_leaves_a_request_that_hangs_and_begins_nothing_more() -> None:
    errands: Errands[None] = Errands(1, "test")
    begun, over = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        over.wait(60)

    hanging, waiting = errands.send(hang), errands.send(begun.clear)
    assert begun.wait(30)
    errands.close(0.01)
    assert not hanging.done()
    assert errands.send(begun.clear).cancelled()
    over.set()
    hanging.result(30)
    errands.close(30)
    assert waiting.cancelled()
    assert begun.is_set()
