"""A kernel that refuses: system calls of one thread and its children fail with a chosen error, from a byte on.

A seccomp filter (Linux) answers instead of the file system. The error comes from a real call of the code under test;
other threads, among them the test's own, go on as before. Sources: seccomp(2), linux/filter.h, syscall tables.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
import threading
from collections.abc import Callable

import pytest
from django.db import connections

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # BPF: ld [k], jeq, jge, ret
NUMBER_AT, OFFSET_AT = 0, 40  # struct seccomp_data: nr; the low half of the fourth argument
CALLS = {
    "x86_64": {"pwritev": 328, "fdatasync": 75, "fsync": 74},  # Python's os.pwritev is the system's pwritev2
    "aarch64": {"pwritev": 287, "fdatasync": 83, "fsync": 82},
}


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def refusing(code: int, call: str, work: Callable[[], object], *, from_byte: int = 0) -> None:
    """Do the work in a thread where ``call`` fails with the errno ``code``; for pwritev at offsets from_byte and more.

    Raises what the work raised.
    """
    if sys.platform != "linux" or platform.machine() not in CALLS:
        pytest.skip("system calls are numbered otherwise here")
    number = CALLS[platform.machine()][call]
    raised: list[BaseException] = []

    def run() -> None:
        try:
            _install(number, code, from_byte)
            work()
        except BaseException as error:  # carried to the test's thread, whatever it is
            raised.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, name="refused by the kernel")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def _install(number: int, code: int, from_byte: int) -> None:
    offset = [(LOAD, 0, 0, OFFSET_AT), (AT_LEAST, 0, 1, from_byte)] if from_byte else []
    filters = [
        (LOAD, 0, 0, NUMBER_AT),
        (EQUAL, 0, 1 + len(offset), number),
        *offset,
        (RETURN, 0, 0, REFUSE | code),
        (RETURN, 0, 0, ALLOW),
    ]
    code_bytes = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in filters))
    program = Program(len(filters), ctypes.cast(code_bytes, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program)) != 0:
        pytest.skip(f"this machine takes no filter of system calls: {errno.errorcode[ctypes.get_errno()]}")
