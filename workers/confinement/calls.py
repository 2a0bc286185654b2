"""What a child has no business to ask of the kernel: Linux system calls by name, and what they are called with."""

from dataclasses import dataclass
from enum import Enum


class Unless(Enum):
    """When a call is let through after all. Only what stands in a register can be looked at, no path or address."""

    NEVER = "never"
    READING = "reading"
    """The flags of an open file ask for nothing but to read."""
    ITSELF = "itself"
    """The process named is this one."""
    ITSELF_OR_NOBODY = "itself or nobody"
    """The process named is this one, or 0, which means the same."""
    LOCAL = "local"
    """The family is that of sockets within one machine."""


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that is refused. Numbers: `asm/unistd_64.h` of x86-64, `asm-generic/unistd.h` of the rest."""

    name: str
    x86_64: int
    aarch64: int | None
    """None: there is no such call."""
    unless: Unless = Unless.NEVER
    argument: int = 0
    """Which argument decides, where one does."""


NETWORK = (
    Call("connect", 42, 203),
    Call("bind", 49, 200),
    Call("listen", 50, 201),
    Call("accept", 43, 202),
    Call("accept4", 288, 242),
    Call("io_uring_setup", 425, 425),  # its rings would do all the rest unseen
    Call("io_uring_enter", 426, 426),
    Call("io_uring_register", 427, 427),
)
NO_SOCKET = Call("socket", 41, 198)
NO_REMOTE_SOCKET = Call("socket", 41, 198, Unless.LOCAL)

FILES = (
    Call("open", 2, None, Unless.READING, 1),
    Call("openat", 257, 56, Unless.READING, 2),
    Call("openat2", 437, 437),  # its flags lie in memory, where no filter looks; libraries do with openat
    Call("open_by_handle_at", 304, 265),
    Call("creat", 85, None),
    Call("truncate", 76, 45),
    Call("unlink", 87, None),
    Call("unlinkat", 263, 35),
    Call("rename", 82, None),
    Call("renameat", 264, 38),
    Call("renameat2", 316, 276),
    Call("mkdir", 83, None),
    Call("mkdirat", 258, 34),
    Call("rmdir", 84, None),
    Call("mknod", 133, None),
    Call("mknodat", 259, 33),
    Call("link", 86, None),
    Call("linkat", 265, 37),
    Call("symlink", 88, None),
    Call("symlinkat", 266, 36),
    Call("chmod", 90, None),
    Call("fchmod", 91, 52),
    Call("fchmodat", 268, 53),
    Call("fchmodat2", 452, 452),
    Call("chown", 92, None),
    Call("fchown", 93, 55),
    Call("lchown", 94, None),
    Call("fchownat", 260, 54),
    Call("setxattr", 188, 5),
    Call("lsetxattr", 189, 6),
    Call("fsetxattr", 190, 7),
    Call("removexattr", 197, 14),
    Call("lremovexattr", 198, 15),
    Call("fremovexattr", 199, 16),
    Call("utime", 132, None),
    Call("utimes", 235, None),
    Call("futimesat", 261, None),
    Call("utimensat", 280, 88),
    Call("mq_open", 240, 180),
    Call("mq_unlink", 241, 181),
)

OTHERS = (
    Call("execve", 59, 221),
    Call("execveat", 322, 281),
    Call("ptrace", 101, 117),
    Call("process_vm_readv", 310, 270),
    Call("process_vm_writev", 311, 271),
    Call("process_madvise", 440, 440),
    Call("pidfd_open", 434, 434),
    Call("pidfd_getfd", 438, 438),
    Call("pidfd_send_signal", 424, 424),
    Call("kill", 62, 129, Unless.ITSELF),
    Call("tgkill", 234, 131, Unless.ITSELF),
    Call("tkill", 200, 130),
    Call("rt_sigqueueinfo", 129, 138, Unless.ITSELF),
    Call("rt_tgsigqueueinfo", 297, 240, Unless.ITSELF),
    Call("prlimit64", 302, 261, Unless.ITSELF_OR_NOBODY),
    Call("shmget", 29, 194),
    Call("shmat", 30, 196),
    Call("msgget", 68, 186),
    Call("semget", 64, 190),
    Call("bpf", 321, 280),
    Call("userfaultfd", 323, 282),
    Call("perf_event_open", 298, 241),
    Call("add_key", 248, 217),
    Call("request_key", 249, 218),
    Call("keyctl", 250, 219),
    Call("mount", 165, 40),
    Call("umount2", 166, 39),
    Call("pivot_root", 155, 41),
    Call("chroot", 161, 51),
    Call("setns", 308, 268),
    Call("unshare", 272, 97),
    Call("open_tree", 428, 428),
    Call("move_mount", 429, 429),
    Call("fsopen", 430, 430),
    Call("fsconfig", 431, 431),
    Call("fsmount", 432, 432),
    Call("fspick", 433, 433),
    Call("mount_setattr", 442, 442),
)


def refused(gpu: bool) -> tuple[Call, ...]:
    """All that a child is refused. A GPU's driver talks to a local service, and writes to devices and caches."""
    return (NO_REMOTE_SOCKET, *NETWORK[-3:], *OTHERS) if gpu else (NO_SOCKET, *NETWORK, *FILES, *OTHERS)
