"""Asking Linux for what no library of ours asks for."""

import ctypes
import os
import sys

_NO_NEW_PRIVS = 38
"""PR_SET_NO_NEW_PRIVS of prctl(2)."""
_CAPABILITIES_VERSION = 0x20080522
_READ_ANY_FILE = 1 << 2
"""CAP_DAC_READ_SEARCH (capabilities(7))."""


class NotGranted(Exception):
    """The kernel, or the container around us, does not do this."""


def give_up_privileges() -> None:
    """Never gain a right again, by a set-uid program or otherwise (prctl(2)). Raises NotGranted."""
    if sys.platform != "linux":
        raise NotGranted(f"{sys.platform} has no such promise")
    if ctypes.CDLL(None, use_errno=True).prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise NotGranted(os.strerror(ctypes.get_errno()))


def give_up_capabilities() -> None:
    """Of what root may, keep to read any file: recordings often belong to others. Raises NotGranted."""
    if sys.platform != "linux":
        raise NotGranted(f"{sys.platform} has no capabilities")
    kernel = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable: of the lower 32 first
    if not kernel.capget(header, sets):
        sets[:] = [sets[0] & _READ_ANY_FILE, sets[1] & _READ_ANY_FILE, 0, 0, 0, 0]
        if not kernel.capset(header, sets):
            return
    raise NotGranted(os.strerror(ctypes.get_errno()))


def system_call(number: int, *arguments: int) -> int:
    """What the kernel answers. Raises NotGranted where that is an error."""
    kernel = ctypes.CDLL(None, use_errno=True)
    kernel.syscall.restype = ctypes.c_long
    answered = int(kernel.syscall(ctypes.c_long(number), *(ctypes.c_long(one) for one in arguments)))
    if answered < 0:
        raise NotGranted(os.strerror(ctypes.get_errno()))
    return answered


def text_of(data: bytes) -> tuple[object, int]:
    """Bytes in memory, and where: what holds them must be kept until the kernel has read them."""
    buffer = ctypes.create_string_buffer(data, len(data))
    return buffer, ctypes.addressof(buffer)
