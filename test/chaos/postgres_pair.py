"""A PostgreSQL primary and its streaming standby, synchronous unless a test says otherwise; killed,
failed over and built anew.

Its own directories are on an ordinary file system: it is killed with -9, but loses no power.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

from cluster import wait_until
from proxies import Proxies, free_port

POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")
DATABASE = "mail"
BOSS = "boss"
SETTINGS = """
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 32MB
fsync = off
wal_keep_size = 256MB
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


class Instance:
    """One PostgreSQL server: a data directory and a port."""

    def __init__(self, name, directory, user):
        self.name = name
        self.data = directory / f"pg-{name}"
        self.log = directory / "log" / f"postgres-{name}.log"
        self.sockets = directory
        self.user = user
        self.port = free_port()
        self.process = None

    def run(self, *command):
        done = subprocess.run(list(map(str, command)), user=self.user, group=self.user,
                              capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")

    def initialise(self):
        self.run(POSTGRES / "initdb", "-D", self.data, "-U", BOSS, "--auth=trust", "--no-sync")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS)

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(POSTGRES / "postgres"), "-D", str(self.data), "-p", str(self.port),
                 "-k", str(self.sockets)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=self.user, group=self.user,
                start_new_session=True, cwd="/")

    def kill(self):
        """All of its processes at once, as when its machine goes."""
        if self.process is None or self.process.poll() is not None:
            return
        os.kill(self.process.pid, signal.SIGSTOP)
        for pid in children_of(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Fast shutdown: clients are cut, transactions rolled back."""
        if self.process is None or self.process.poll() is not None:
            return
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

    def sql(self, statement, database=DATABASE, timeout=60):
        done = subprocess.run(
            ["psql", "-X", "-A", "-t", "-q", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-h",
             "127.0.0.1", "-p", str(self.port), "-U", BOSS, "-d", database, "-c", statement],
            capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"psql on {self.name}: {done.stderr.strip()}")
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def answers(self):
        try:
            return self.sql("SELECT 1", "postgres", 10) == [["1"]]
        except (RuntimeError, subprocess.TimeoutExpired):
            return False


class PostgresPair:
    """primary and standby; clients: names of daemons, each with links of its own to both."""

    def __init__(self, directory, user, clients):
        self.lock = threading.RLock()
        self.directory = pathlib.Path(directory)
        self.primary = Instance("a", self.directory, user)
        self.standby = Instance("b", self.directory, user)
        self.synchronous = True
        self.failovers = 0
        targets = {f"{client}/{each.name}": each.port
                   for client in clients for each in (self.primary, self.standby)}
        targets.update({f"/replication/{each.name}": each.port
                        for each in (self.primary, self.standby)})
        self.proxies = Proxies(targets)

    def conninfo(self, client):
        """Both hosts; whoever takes writes. The role is the daemon's to add."""
        ports = [str(self.proxies.ports[f"{client}/{name}"]) for name in "ab"]
        return (f"host=127.0.0.1,127.0.0.1 port={','.join(ports)} dbname={DATABASE} "
                "target_session_attrs=read-write connect_timeout=3")

    def create(self):
        self.primary.initialise()
        self.primary.start()
        wait_until("PostgreSQL", self.primary.answers, 30)
        self.primary.sql(f"CREATE DATABASE {DATABASE}", "postgres")
        self._build_standby()

    def sql(self, statement, timeout=60):
        return self.primary.sql(statement, timeout=timeout)

    # -- faults; each leaves a pair that works, after a while -------------------------------------

    def restart(self, graceful, pause):
        with self.lock:
            self.primary.stop() if graceful else self.primary.kill()
            time.sleep(pause)
            self.primary.start()
            wait_until("PostgreSQL again", self.primary.answers, 60)

    def stop_all(self):
        with self.lock:
            self.primary.kill()
            self.standby.kill()

    def start_all(self):
        with self.lock:
            self.primary.start()
            self.standby.start()
            wait_until("PostgreSQL again", self.primary.answers, 60)

    def fail_over(self):
        """The primary is gone for good; the standby takes over and gets a standby of its own."""
        with self.lock:
            self.primary.kill()
            self._promote()

    def become_asynchronous(self):
        """Commits no longer wait for the standby, and it hears of none."""
        with self.lock:
            self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = ''", "postgres")
            self.primary.sql("SELECT pg_reload_conf()", "postgres")
            self.proxies.hang("/replication/")

    def promote_behind(self):
        """After become_asynchronous(): what was committed since then is lost."""
        with self.lock:
            self.primary.kill()
            self.proxies.refuse("/replication/")
            self.proxies.open("/replication/")
            self._promote()

    def is_synchronous(self):
        return self.primary.sql("SELECT count(*) FROM pg_stat_replication WHERE "
                                "sync_state = 'sync'", "postgres", 10) == [["1"]]

    def _promote(self):
        self.standby.sql("SELECT pg_promote(true, 60)", "postgres")
        self.failovers += 1
        self.primary, self.standby = self.standby, self.primary
        self.standby.remove()
        self._build_standby()

    def _build_standby(self):
        primary, standby = self.primary, self.standby
        standby.run(POSTGRES / "pg_basebackup", "-h", "127.0.0.1", "-p", primary.port, "-U", BOSS,
                    "-D", standby.data, "-c", "fast", "-X", "stream", "--no-sync")
        link = self.proxies.ports[f"/replication/{primary.name}"]
        with (standby.data / "postgresql.auto.conf").open("a") as file:
            file.write(f"primary_conninfo = 'host=127.0.0.1 port={link} user={BOSS} "
                       f"application_name=standby'\n")
        (standby.data / "standby.signal").touch()
        shutil.chown(standby.data / "standby.signal", standby.user, standby.user)
        standby.start()
        wait_until("the standby", standby.answers, 30)
        primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'", "postgres")
        primary.sql("SELECT pg_reload_conf()", "postgres")
        wait_until("a synchronous standby", self.is_synchronous, 30)

    def close(self):
        self.primary.stop()
        self.standby.stop()
        self.proxies.close()
