"""Keeps the daemons of a test bed running, each in the mount namespace of its machine, and ends
them in every way that a machine can."""

import contextlib
import os
import pathlib
import signal
import subprocess
import threading
import time

from postgres_server import children_of

DELAY_MIN_S = 0.2
DELAY_MAX_S = 3.0
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
# System calls that a kill may come at: where a daemon writes, and where its helpers do.
DAEMON_CALLS = ("sendto", "recvfrom", "write", "sendmsg", "recvmsg", "epoll_wait", "writev",
                "futex")
HELPER_CALLS = ("pwrite64", "fdatasync", "fsync", "openat", "sendmsg", "recvmsg")


class Daemon:
    """One daemon: started at once, and again whenever it ends, until it is told to rest."""

    def __init__(self, name, program, config, log, user, binds, environment):
        self.name = name
        self.program = str(program)
        self.config = str(config)
        self.log = pathlib.Path(log)
        self.user = user
        self.binds = binds
        self.environment = environment
        self.lock = threading.RLock()
        self.process = None
        self.wanted = False
        self.starts = 0
        self.started_at = 0.0
        self.next_start = 0.0
        self.delay = DELAY_MIN_S

    def _launch(self):
        self._clean_up()
        mounts = "".join(f"mount --bind '{source}' '{target}' && " for source, target in self.binds)
        # Only the daemon itself gets what its environment adds: a library that is loaded into the
        # shell before it would leave files of another user.
        variables = " ".join(f"'{name}={value}'" for name, value in self.environment.items())
        script = (f"{mounts}exec setpriv --reuid={self.user} --regid={self.user} --init-groups "
                  f"env {variables} '{self.program}' --config '{self.config}'")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "-m", "--propagation", "private", "/bin/sh", "-c", script],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
                env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"})
        self.starts += 1
        self.started_at = time.monotonic()

    def _clean_up(self):
        """What libfaketime of a process that was killed has left behind."""
        if self.process is not None:
            for name in (f"sem.faketime_sem_{self.process.pid}",
                         f"faketime_shm_{self.process.pid}"):
                pathlib.Path("/dev/shm", name).unlink(missing_ok=True)

    def look_after(self):
        with self.lock:
            if not self.wanted or (self.process is not None and self.process.poll() is None):
                return
            now = time.monotonic()
            if self.process is not None and self.next_start == 0.0:
                lived = now - self.started_at
                self.delay = DELAY_MIN_S if lived > 5 else min(self.delay * 2, DELAY_MAX_S)
                self.next_start = now + self.delay
            if now >= self.next_start:
                self.next_start = 0.0
                self._launch()

    def pid(self):
        return self.process.pid if self.process and self.process.poll() is None else None

    def helpers(self):
        """Process ids of its path helpers."""
        pid = self.pid()
        return [child for child in children_of(pid) if child != pid] if pid else []

    def kill(self, with_helpers=False):
        """-9. Its helpers end by themselves when they can, or are killed as well."""
        with self.lock:
            pid = self.pid()
            if pid is None:
                return
            victims = (self.helpers() if with_helpers else []) + [pid]
            for victim in victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
            self.process.wait()

    def signal(self, number):
        with self.lock, contextlib.suppress(ProcessLookupError):
            if self.pid():
                os.kill(self.pid(), number)

    def stop(self, seconds=15):
        with self.lock:
            self.wanted = False
            if self.pid() is None:
                return
            os.kill(self.pid(), signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill(with_helpers=True)
            self._clean_up()

    def kill_at_call(self, call, count, seconds, helper=False):
        """Kills it, or one of its helpers, at the count-th call of a kind; False if none came."""
        victim = (self.helpers() or [None])[0] if helper else self.pid()
        if victim is None:
            return False
        tracer = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(victim), "-e", f"trace={call}",
             "-e", f"inject={call}:signal=KILL:when={count}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        try:
            tracer.wait(seconds)
        except subprocess.TimeoutExpired:
            tracer.terminate()  # lets go of the process
            try:
                tracer.wait(5)
            except subprocess.TimeoutExpired:
                tracer.kill()
                tracer.wait()
        return not pathlib.Path(f"/proc/{victim}").exists() or (not helper and self.pid() != victim)


class Daemons:
    """All daemons of a test bed, and the thread that looks after them."""

    def __init__(self):
        self.all = {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, name="daemons", daemon=True)

    def add(self, daemon):
        self.all[daemon.name] = daemon

    def __getitem__(self, name):
        return self.all[name]

    def start(self):
        for daemon in self.all.values():
            daemon.wanted = True
        self.thread.start()

    def _watch(self):
        while not self.ended.wait(0.05):
            for daemon in self.all.values():
                daemon.look_after()

    def close(self):
        self.ended.set()
        if self.thread.is_alive():
            self.thread.join()
        enders = [threading.Thread(target=daemon.stop) for daemon in self.all.values()]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()
