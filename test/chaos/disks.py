"""Disks that suffer on command: one fault_fs process each, driven over its socket."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

START_SECONDS = 20


class Disk:
    """with Disk(program, name, directory, points) as disk: disk.power_loss(seed) ...

    points: directories (made here) at which it is mounted. owner: (uid, gid) of the root folder.
    """

    def __init__(self, program, name, directory, points, owner=(0, 0), seed=1, cache_seconds=0):
        self.name = name
        self.points = [pathlib.Path(point) for point in points]
        self.socket = pathlib.Path(directory) / f"{name}.control"
        self.lock = threading.Lock()
        for point in self.points:
            point.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [str(program), "--control", str(self.socket), "--owner", f"{owner[0]}:{owner[1]}",
             "--seed", str(seed), "--cache", str(cache_seconds), *map(str, self.points)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        if self.process.stdout.readline() != "ready\n":
            self.close()
            raise RuntimeError(f"fault_fs {name} did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, line):
        """Sends a command; returns what comes after "ok"."""
        with self.lock, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(30)
            connection.connect(str(self.socket))
            connection.sendall(line.encode() + b"\n")
            reply = connection.makefile("r").readline().strip()
        if not reply.startswith("ok"):
            raise RuntimeError(f"fault_fs {self.name}: {line}: {reply or 'no answer'}")
        return reply[2:].strip()

    def rule(self, name, calls, action, per_mille=1000, mount="*", uses=-1):
        self.ask(f"rule {name} {mount} {calls} {action} {per_mille} {uses}")

    def clear(self, name="*"):
        self.ask(f"clear {name}")

    def empty(self, on, mount=0):
        self.ask(f"empty {mount} {'on' if on else 'off'}")

    def power_loss(self, seed):
        return self.ask(f"power-loss {seed}")

    def wipe(self):
        self.ask("wipe")

    def flip(self, seed, size_min=1, size_max=1 << 40, suffix=".seg"):
        """Turns a bit; returns (path below the root, offset), or None when there was no file."""
        found = re.match(r"(\S+) offset=(\d+)", self.ask(
            f"flip {seed} {size_min} {size_max} {suffix}"))
        return (found.group(1), int(found.group(2))) if found else None

    def stats(self):
        words = self.ask("stats").split()
        return {key: int(value) for key, value in (word.split("=") for word in words)}

    def close(self):
        """Lets go of what hangs and takes the mounts away."""
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self._abort()
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            stream.close()
        for point in self.points:
            subprocess.run(["umount", "-l", str(point)], capture_output=True, check=False)

    def _abort(self):
        """Ends the connections in the kernel, so that nobody waits for us any more."""
        for point in self.points:
            found = re.search(rf"\d+:(\d+) \S+ {re.escape(str(point))} ",
                              pathlib.Path("/proc/self/mountinfo").read_text())
            if found:
                abort = pathlib.Path(f"/sys/fs/fuse/connections/{found.group(1)}/abort")
                if abort.exists():
                    abort.write_text("1")


def needs_root():
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        raise SystemExit("this test mounts file systems: run it as root, with /dev/fuse")
