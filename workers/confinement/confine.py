"""All that holds a child which was taken over by the file it reads: it can answer its parent, and little else."""

from collections.abc import Callable

from workers.confinement import landlock, seccomp
from workers.confinement.calls import refused
from workers.confinement.kernel import NotGranted, give_up_capabilities, give_up_privileges


def confine(gpu: bool) -> dict[str, str]:
    """Give up what a child never needs, for good: privileges, the network, changes to files, other processes.

    Returns what this system did not grant, by name, with its reason: the rest holds all the same.
    """
    guards: dict[str, Callable[[], None]] = {
        "no_new_privs": give_up_privileges,
        "capabilities": give_up_capabilities,
        "landlock": lambda: landlock.install(gpu),
        "seccomp": lambda: seccomp.install(refused(gpu)),
    }
    missing = {}
    for name, install in guards.items():
        try:
            install()
        except NotGranted as error:
            missing[name] = str(error)
    return missing
