"""A real clamd (Debian's clamav-daemon) for tests: its own database of one signature, which matches
the EICAR string, a socket in a directory of its own, no freshclam, no system service."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

from endpoints import wait_until
from ports import free_port

# Hexadecimal, so that no scanner objects to the source tree.
EICAR_HEX = ("58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e4441"
             "52442d414e544956495255532d544553542d46494c452124482b482a")
EICAR = bytes.fromhex(EICAR_HEX)
NAME = "Our.Test.EICAR.UNOFFICIAL"
PROGRAM = "/usr/sbin/clamd"


class Clamd:
    """with Clamd(stream_max=...) as clamd: clamd.address, clamd.kill(), clamd.start() ...

    tcp: it listens at a port of 127.0.0.1, else at a unix socket. more: further lines of its
    configuration."""

    def __init__(self, stream_max=64 << 20, tcp=False, more=""):
        if not os.access(PROGRAM, os.X_OK):
            raise RuntimeError(f"no {PROGRAM}: install what `ops/scripts/packages test` lists")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roundtable-clamd-"))
        self.directory.chmod(0o755)
        self.socket = self.directory / "clamd"
        (self.directory / "db").mkdir()
        (self.directory / "db" / "own.ndb").write_text(f"Our.Test.EICAR:0:*:{EICAR_HEX}\n")
        self.port = free_port() if tcp else None
        self.configure(stream_max, more)
        self.process = None

    def configure(self, stream_max, more=""):
        """From its next start on."""
        listen = (f"TCPAddr 127.0.0.1\nTCPSocket {self.port}\n" if self.port else
                  f"LocalSocket {self.socket}\nLocalSocketMode 666\n")
        (self.directory / "clamd.conf").write_text(
            f"DatabaseDirectory {self.directory}/db\n{listen}"
            f"TemporaryDirectory {self.directory}\nForeground yes\n"
            f"StreamMaxLength {stream_max}\nMaxFileSize {stream_max}\n"
            f"MaxScanSize {4 * stream_max}\nMaxThreads 4\n{more}")

    @property
    def address(self):
        return f"127.0.0.1:{self.port}" if self.port else f"unix:{self.socket}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            print((self.directory / "log").read_text(errors="replace")[-2000:])
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self):
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, f"--config-file={self.directory}/clamd.conf"],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        wait_until("clamd listens", self._accepts, 60)

    def _accepts(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"clamd ended with {self.process.returncode}")
        family, where = ((socket.AF_INET, ("127.0.0.1", self.port)) if self.port else
                         (socket.AF_UNIX, str(self.socket)))
        with socket.socket(family) as client:
            return client.connect_ex(where) == 0

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)
