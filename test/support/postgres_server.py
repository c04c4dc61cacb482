"""One PostgreSQL server of a test: started, stopped, killed at once, copied.

Its directory is on an ordinary file system: it is killed with -9, but loses no power. Everybody on
this machine is trusted; it never runs as root.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

from endpoints import wait_until
from ports import free_port

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
OWNER = "boss"
USER = "roundtable"
SETTINGS = """
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 32MB
fsync = off
wal_keep_size = 512MB
max_wal_senders = 10
wal_sender_timeout = 5s
wal_receiver_timeout = 5s
wal_retrieve_retry_interval = 200ms
synchronous_commit = on
dynamic_shared_memory_type = mmap
log_line_prefix = '%m [%p] '
"""


def children_of(pid):
    """Process ids below pid, itself last."""
    found = []
    with contextlib.suppress(OSError, ValueError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                found += children_of(int(child))
    return found + [pid]


class PostgresServer:
    """data: its directory; log: a file; sockets: a directory that its user may write to."""

    def __init__(self, name, data, log, sockets, port=None):
        self.name, self.data, self.log, self.sockets = name, data, log, sockets
        self.port = port or free_port()
        self.process = None
        self.user = USER if os.geteuid() == 0 else None

    def _run(self, *command):
        done = subprocess.run(list(map(str, command)), user=self.user, group=self.user,
                              capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")

    def init(self):
        self._run(PROGRAMS / "initdb", "-D", self.data, "-U", OWNER, "--auth=trust", "--no-sync")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS)

    def copy_of(self, port):
        """Becomes a copy of the server on that port."""
        self._run(PROGRAMS / "pg_basebackup", "-h", "127.0.0.1", "-p", port, "-U", OWNER,
                  "-D", self.data, "-c", "fast", "-X", "stream", "--no-sync")

    def follow(self, port):
        """A copy that streams from that port, as "standby", once it is started."""
        with (self.data / "postgresql.auto.conf").open("a") as file:
            file.write(f"primary_conninfo = 'host=127.0.0.1 port={port} user={OWNER} "
                       "application_name=standby'\n")
        (self.data / "standby.signal").touch()
        shutil.chown(self.data / "standby.signal", self.user, self.user)

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(PROGRAMS / "postgres"), "-D", str(self.data), "-p", str(self.port),
                 "-k", str(self.sockets)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=self.user, group=self.user,
                start_new_session=True, cwd="/")
        wait_until(f"PostgreSQL {self.name}", self.answers, 60)

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """All of its processes at once, as when its machine goes."""
        if self.runs():
            os.kill(self.process.pid, signal.SIGSTOP)  # no time for it to notice
            for pid in children_of(self.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()

    def stop(self):
        """Fast shutdown: clients are cut, transactions rolled back."""
        if self.runs():
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()

    def remove(self):
        """The data directory, and the System V segment that a killed server leaves behind."""
        with contextlib.suppress(OSError, IndexError):
            segment = (self.data / "postmaster.pid").read_text().splitlines()[6].split()[1]
            subprocess.run(["ipcrm", "-m", segment], capture_output=True, check=False)
        shutil.rmtree(self.data, ignore_errors=True)

    def promote(self):
        self.sql("SELECT pg_promote(true, 60)")

    def set_synchronous(self, names):
        """Commits wait for the standby of that name; "": for none."""
        self.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.sql("SELECT pg_reload_conf()")

    def has_standby(self, state):
        """state: a condition on pg_stat_replication."""
        return self.sql(f"SELECT count(*) FROM pg_stat_replication WHERE {state}",
                        timeout=10) == [["1"]]

    def sql(self, statement, database="postgres", timeout=60):
        """Rows as lists of texts; of this server, primary or not."""
        done = subprocess.run(
            ["psql", "-X", "-A", "-t", "-q", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-c", statement,
             f"host=127.0.0.1 port={self.port} user={OWNER} dbname={database} "
             "target_session_attrs=any"],
            capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"psql on {self.name}: {done.stderr.strip()}")
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def answers(self):
        try:
            return self.sql("SELECT 1", timeout=10) == [["1"]]
        except (RuntimeError, subprocess.TimeoutExpired):
            return False

    def show_log(self):
        print(f"--- {self.log}")
        print("\n".join(self.log.read_text(errors="replace").splitlines()[-15:]))
