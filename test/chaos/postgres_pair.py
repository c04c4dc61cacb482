"""A PostgreSQL primary and its streaming standby, synchronous unless a test says otherwise; killed,
failed over and built anew."""

import pathlib
import threading
import time

from cluster import wait_until
from ports import free_port
from postgres_server import PostgresServer
from proxies import Proxies

DATABASE = "mail"


class PostgresPair:
    """primary and standby; clients: names of daemons, each with links of its own to both."""

    def __init__(self, directory, clients):
        self.lock = threading.RLock()
        self.directory = pathlib.Path(directory)
        # Ports outside of the range that connections take theirs from: they are bound again.
        self.primary, self.standby = (
            PostgresServer(name, self.directory / f"pg-{name}",
                           self.directory / "log" / f"postgres-{name}.log", self.directory,
                           free_port())
            for name in "ab")
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
        self.primary.init()
        self.primary.start()
        self.primary.sql(f"CREATE DATABASE {DATABASE}")
        self._build_standby()

    def sql(self, statement, timeout=60):
        return self.primary.sql(statement, DATABASE, timeout)

    # -- faults; each leaves a pair that works, after a while -------------------------------------

    def restart(self, graceful, pause):
        with self.lock:
            self.primary.stop() if graceful else self.primary.kill()
            time.sleep(pause)
            self.primary.start()

    def stop_all(self):
        with self.lock:
            self.primary.kill()
            self.standby.kill()

    def start_all(self):
        with self.lock:
            self.primary.start()
            self.standby.start()

    def fail_over(self):
        """The primary is gone for good; the standby takes over and gets a standby of its own."""
        with self.lock:
            self.primary.kill()
            self._promote()

    def become_asynchronous(self):
        """Commits no longer wait for the standby, and it hears of none."""
        with self.lock:
            self.primary.set_synchronous("")
            self.proxies.hang("/replication/")

    def promote_behind(self):
        """After become_asynchronous(): what was committed since then is lost."""
        with self.lock:
            self.primary.kill()
            self.proxies.refuse("/replication/")
            self.proxies.open("/replication/")
            self._promote()

    def _promote(self):
        self.standby.promote()
        self.failovers += 1
        self.primary, self.standby = self.standby, self.primary
        self.standby.remove()
        self._build_standby()

    def _build_standby(self):
        self.standby.copy_of(self.primary.port)
        self.standby.follow(self.proxies.ports[f"/replication/{self.primary.name}"])
        self.standby.start()
        self.primary.set_synchronous("standby")
        wait_until("a synchronous standby",
                   lambda: self.primary.has_standby("sync_state = 'sync'"), 30)

    def close(self):
        self.primary.stop()
        self.standby.stop()
        self.proxies.close()
