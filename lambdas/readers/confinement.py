"""Takes from a reader's process what it needs no more once it runs: whoever takes the process over through a damaged
library finds no network, no other process and no file that it could write.

Linux only, and without any privilege, as a function has none. What holds it:
  capabilities   none, should it run as root, so that its parent's environment and memory are closed to it
  the filter     of system calls: no socket, no new process or program, no look into another process, no signal to
                 one, no file opened for writing, created, renamed or removed; threads are allowed
  its limits     memory, time and size of files (lambdas/readers/isolation.py)
Anything that cannot be put in place raises: a reader that is not confined does not read.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 4, 22, 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITIES_V3 = 0x20080522

# A filter's instructions: load a word of what is asked, jump on it, answer.
_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _ANSWER = 0x20, 0x15, 0x45, 0x35, 0x06
_CALL, _MACHINE, _FIRST, _THIRD = (
    0,
    4,
    16,
    32,
)  # where in what is asked: call, machine, low words of arguments
_ALLOW, _REFUSE, _UNKNOWN = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38  # EPERM, ENOSYS
_OTHER_NUMBERING = 0x40000000  # x86_64 calls by x32's numbers
_CLONE_THREAD = 0x00010000
_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
# System calls by their numbers on x86_64 and aarch64; what a machine lacks is None.
_Numbers = tuple[int | None, int | None]
_REFUSED: dict[str, _Numbers] = {
    "socket": (41, 198), "connect": (42, 203), "io_uring_setup": (425, 425),
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "setpriority": (141, 140),
    "creat": (85, None), "truncate": (76, 45), "unlink": (87, None), "unlinkat": (263, 35),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "link": (86, None), "linkat": (265, 37),
    "symlink": (88, None), "symlinkat": (266, 36), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None),
    "mknod": (133, None), "mknodat": (259, 33), "chmod": (90, None), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "lchown": (94, None), "fchownat": (260, 54), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "mount": (165, 40), "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280), "userfaultfd": (323, 282),
    "perf_event_open": (298, 241), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
}  # fmt: skip
_UNKNOWN_TO_IT: dict[str, _Numbers] = {  # the C library then asks in an older way, of which the filter sees more
    "clone3": (435, 435), "openat2": (437, 437),
}  # fmt: skip
_ONLY_ON_ITSELF: dict[str, _Numbers] = {"kill": (62, 129), "tgkill": (234, 131)}
_CLONE: _Numbers = (56, 220)
_PRLIMIT: _Numbers = (302, 261)
_OPEN: _Numbers = (2, None)
_OPENAT: _Numbers = (257, 56)


def close_this_process_to_its_children() -> None:
    """No process of the same user may read this one's environment and memory any more."""
    if sys.platform == "linux":
        _prctl(_PR_SET_DUMPABLE, 0)


def confine_this_process() -> None:
    """Give up for good what reading a document needs no more. To be called before the document is looked at."""
    if sys.platform == "linux":
        _drop_capabilities()
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _filter_system_calls()


def _drop_capabilities() -> None:
    header = struct.pack("=Ii", _CAPABILITIES_V3, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, bytes(24)):
        raise OSError(ctypes.get_errno(), "capset")


def _filter_system_calls() -> None:
    program = b"".join(_instructions(platform.machine(), os.getpid()))
    buffer = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, described)


def _instructions(machine: str, own_pid: int) -> list[bytes]:
    if machine not in _MACHINES:
        raise OSError(f"no filter for {machine}")
    architecture, column = _MACHINES[machine]
    filtered = [
        *(_operation(_LOAD, _MACHINE), _operation(_EQUAL, architecture, 1, 0), _operation(_ANSWER, _REFUSE)),
        *(
            _operation(_LOAD, _CALL),
            _operation(_AT_LEAST, _OTHER_NUMBERING, 0, 1),
            _operation(_ANSWER, _REFUSE),
        ),
    ]

    def when(numbers: _Numbers, *then: bytes) -> None:
        if (number := numbers[column]) is not None:
            filtered.extend((_operation(_EQUAL, number, 0, len(then)), *then))

    for answer, calls in ((_REFUSE, _REFUSED), (_UNKNOWN, _UNKNOWN_TO_IT)):
        for numbers in calls.values():
            when(numbers, _operation(_ANSWER, answer))
    for numbers in _ONLY_ON_ITSELF.values():
        when(numbers, *_allowed(_FIRST, _EQUAL, own_pid))
    when(_PRLIMIT, *_allowed(_FIRST, _EQUAL, 0))
    when(_CLONE, *_allowed(_FIRST, _ANY_BIT, _CLONE_THREAD))
    when(_OPEN, *_refused(_FIRST + 8, _ANY_BIT, _FOR_WRITING))
    when(_OPENAT, *_refused(_THIRD, _ANY_BIT, _FOR_WRITING))
    return [*filtered, _operation(_ANSWER, _ALLOW)]


def _allowed(argument: int, test: int, value: int) -> tuple[bytes, ...]:
    """Only where the test of the argument holds."""
    return (
        _operation(_LOAD, argument),
        _operation(test, value, 0, 1),
        _operation(_ANSWER, _ALLOW),
        _operation(_ANSWER, _REFUSE),
    )


def _refused(argument: int, test: int, value: int) -> tuple[bytes, ...]:
    return (
        _operation(_LOAD, argument),
        _operation(test, value, 0, 1),
        _operation(_ANSWER, _REFUSE),
        _operation(_ANSWER, _ALLOW),
    )


def _operation(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _prctl(what: int, value: int, address: bytes | None = None) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(what, value, address, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
