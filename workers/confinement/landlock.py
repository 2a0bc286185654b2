"""A process that changes no file and looks into no other (landlock(7)), however it names them."""

import os
import struct
import sys

from workers.confinement.kernel import NotGranted, system_call, text_of

_CREATE, _RESTRICT = 444, 446
"""Numbers of the calls, the same on every processor."""
_VERSION = 1
_CHANGES = (
    (1, 0x1FF2),  # to write, remove and make files, folders, devices, sockets and links
    (2, 1 << 13),  # to move them from folder to folder
    (3, 1 << 14),  # to cut them
)
"""Rights over files, by the version of the interface that first knew them (linux/landlock.h)."""
_TCP_SINCE, _TCP = 4, 0b11
"""To bind and to connect."""


def install(gpu: bool) -> None:
    """Refuse all changes to files, and all of TCP, to this thread and those it starts. Raises NotGranted.

    Whoever is held so, and is not root with all its capabilities, may look into no process outside: neither its
    memory, nor its environment. A GPU's driver writes to devices and caches, so there files are left alone.
    """
    if sys.platform != "linux":
        raise NotGranted(f"{sys.platform} has no landlock")
    version = system_call(_CREATE, 0, 0, _VERSION)
    files = 0 if gpu else sum(rights for since, rights in _CHANGES if version >= since)
    network = _TCP if version >= _TCP_SINCE else 0
    attributes = struct.pack("=QQ", files, network) if network else struct.pack("=Q", files)
    holder, where = text_of(attributes)
    rules = system_call(_CREATE, where, len(attributes), 0)
    del holder  # the kernel has read it
    try:
        system_call(_RESTRICT, rules, 0)
    finally:
        os.close(rules)
