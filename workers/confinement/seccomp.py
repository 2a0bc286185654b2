"""A filter over a process's system calls (seccomp(2)): a small program that the kernel runs before each of them."""

import errno
import os
import platform
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workers.confinement.calls import Call, Unless
from workers.confinement.kernel import NotGranted, system_call, text_of

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""BPF instructions (linux/bpf_common.h): a 32-bit load, three jumps over a constant, the verdict."""
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16
"""Where `struct seccomp_data` holds them; arguments have 8 bytes, of which ours are the first four."""
_X32 = 0x40000000
"""Calls of x86-64's 32-bit twin have this bit: the same calls by other numbers."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_LOCAL_FAMILY = 1
_SET_MODE_FILTER, _ALL_THREADS = 1, 1


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor's ways. Constants: linux/audit.h."""

    arch: int
    seccomp: int
    """The number of seccomp(2) itself."""


MACHINES = {"x86_64": Machine(0xC000003E, 317), "aarch64": Machine(0xC00000B7, 277)}


def install(calls: Sequence[Call]) -> None:
    """Refuse these calls to every thread of this process from now on, for good. Raises NotGranted.

    The process must have given up new privileges before.
    """
    name = platform.machine()
    if sys.platform != "linux" or name not in MACHINES or sys.byteorder != "little":
        raise NotGranted(f"{sys.platform} on {name} has no filter of ours")
    code = program(calls, name, os.getpid())
    length = len(code) // 8
    holder, address = text_of(code)
    outline, where = text_of(struct.pack("@HxxxxxxP", length, address))
    failed = system_call(MACHINES[name].seccomp, _SET_MODE_FILTER, _ALL_THREADS, where)
    del holder, outline  # the kernel has read them
    if failed:
        raise NotGranted(f"a thread, {failed}, cannot be filtered")


def program(calls: Sequence[Call], machine: str, pid: int) -> bytes:
    """The filter, 8 bytes an instruction: EPERM for those calls, death for another processor's way of calling."""
    steps = [
        _step(_LOAD, _ARCH_AT),
        _step(_EQUAL, MACHINES[machine].arch, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
    ]
    if machine == "x86_64":
        steps += [_step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _KILL)]
    for call in calls:
        number = call.x86_64 if machine == "x86_64" else call.aarch64
        if number is not None:
            steps += _refusal(number, call, pid)
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def _refusal(number: int, call: Call, pid: int) -> list[bytes]:
    """Steps that refuse one call, or go on with the number loaded, as they began."""
    refuse = _step(_RETURN, _ERRNO | errno.EPERM)
    excuses = list(_excuses(call, pid))
    if not excuses:
        return [_step(_EQUAL, number, 0, 1), refuse]
    steps = [_step(_LOAD, _ARGUMENTS_AT + 8 * call.argument)]
    for place, (jump, value, on_match) in enumerate(excuses):
        past_refusal = len(excuses) - place  # over the tests that are left, and the refusal
        steps.append(_step(jump, value, past_refusal, 0) if on_match else _step(jump, value, 0, past_refusal))
    steps += [refuse, _step(_RETURN, _ALLOW)]
    return [_step(_EQUAL, number, 0, len(steps)), *steps]


def _excuses(call: Call, pid: int) -> Iterator[tuple[int, int, bool]]:
    """Tests of the argument, each with the outcome that lets the call through."""
    match call.unless:
        case Unless.NEVER:
            return
        case Unless.READING:
            yield _ANY_BIT, _WRITING, False
        case Unless.LOCAL:
            yield _EQUAL, _LOCAL_FAMILY, True
        case Unless.ITSELF:
            yield _EQUAL, pid, True
        case Unless.ITSELF_OR_NOBODY:
            yield _EQUAL, pid, True
            yield _EQUAL, 0, True


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
