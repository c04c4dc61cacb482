"""A network of this process's own, with a resolv.conf that nobody else sees: addresses that are
local there, and ports below 1024 that are free. It needs root."""

import ctypes
import os
import subprocess
import tempfile

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000


def enter(resolver, addresses=()):
    """OSError where that is not allowed. `resolver` is the address in resolv.conf; 127.0.0.0/8 and
    `addresses` are local. Call it once, before any thread is there."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "a network namespace of its own: this test needs root")
    libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(f"nameserver {resolver}\n")
        file.flush()
        os.chmod(file.name, 0o644)
        if libc.mount(file.name.encode(), b"/etc/resolv.conf", None, MS_BIND, None) != 0:
            raise OSError(ctypes.get_errno(), "mount of resolv.conf")
    for address in addresses:
        subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
