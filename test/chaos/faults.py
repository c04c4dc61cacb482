"""The faults, one method each. A fault holds locks on what it takes away, lasts for a while, and
puts everything back. README.md says what may come together and what may not."""

import contextlib
import errno
import random
import signal
import threading
import time

from daemons import DAEMON_CALLS, HELPER_CALLS
from testbed import MACHINES, STORE_OF_MACHINE, STORES, greets


class Busy(Exception):
    """What the fault needs is in the hands of another one."""


class Faults:
    """rot: the one storage server whose durable octets may change in this run."""

    def __init__(self, bed, ledger, traits, pause_seconds):
        self.bed = bed
        self.ledger = ledger
        self.traits = traits
        self.pause_seconds = pause_seconds
        self.locks = {name: threading.Lock()
                      for name in [*bed.daemons.all, *bed.disks, "postgres", "clock"]}
        self.ended = threading.Event()  # faults that last end early
        self.rotten = set()
        self.replaced = False

    @contextlib.contextmanager
    def holding(self, *names):
        taken = []
        try:
            for name in sorted(names):
                if not self.locks[name].acquire(blocking=False):
                    raise Busy(name)
                taken.append(name)
            yield
        finally:
            for name in taken:
                self.locks[name].release()

    def last(self, seconds):
        self.ended.wait(seconds)

    def end(self):
        """Everything is as it should be, whatever was going on."""
        for disk in self.bed.disks.values():
            disk.clear()
        for store in STORES:
            for mount in range(len(self.bed.disks[store].points)):
                self.bed.disks[store].empty(False, mount)
        self.bed.postgres.proxies.open("*")
        for daemon in self.bed.daemons.all.values():
            daemon.signal(signal.SIGCONT)
        if self.bed.clock_file:
            self.bed.set_clock(0)

    # -- daemons --------------------------------------------------------------------------------

    def kill_daemon(self, chance):
        name = chance.choice(sorted(self.bed.daemons.all))
        with self.holding(name):
            self.bed.daemons[name].kill(with_helpers=chance.random() < 0.3)

    def kill_at_call(self, chance):
        name = chance.choice([name for name in sorted(self.bed.daemons.all) if name != "ns1"])
        helper = chance.random() < 0.5
        call = chance.choice(HELPER_CALLS if helper else DAEMON_CALLS)
        with self.holding(name):
            if not self.bed.daemons[name].kill_at_call(call, chance.randint(1, 40), 5, helper):
                raise Busy("the call did not come")

    def agent_stop(self, chance):
        name = chance.choice([name for name in sorted(self.bed.daemons.all) if name != "ns1"])
        with self.holding(name):
            self._stop(name)

    def agent_stop_without_database(self, chance):
        name = f"mail{chance.choice(MACHINES)}"
        with self.holding(name):
            proxies = self.bed.postgres.proxies
            (proxies.refuse if chance.random() < 0.5 else proxies.hang)(f"{name}/")
            try:
                self._stop(name)
                self.last(chance.uniform(1, 8))
            finally:
                proxies.open(f"{name}/")

    def _stop(self, name):
        self.bed.daemons[name].signal(signal.SIGSTOP)
        try:
            self.last(self.pause_seconds)
        finally:
            self.bed.daemons[name].signal(signal.SIGCONT)

    def clock_jump(self, chance):
        with self.holding("clock"):
            span = chance.choice((5, 60, 3600, 6 * 3600))
            self.bed.set_clock(chance.randint(-span, span))

    # -- PostgreSQL -----------------------------------------------------------------------------

    def postgres_stop(self, chance):
        with self.holding("postgres"):
            self.bed.postgres.restart(True, chance.uniform(0, 6))

    def postgres_kill(self, chance):
        with self.holding("postgres"):
            self.bed.postgres.restart(False, chance.uniform(0, 6))

    def postgres_failover(self, _):
        with self.holding("postgres"):
            self.bed.postgres.fail_over()

    def postgres_lost_commits(self, chance):
        """An asynchronous standby that lost commits is promoted."""
        with self.holding("postgres"):
            self.ledger.epoch += 1
            try:
                self.bed.postgres.become_asynchronous()
                time.sleep(chance.uniform(2, 6))
                self.bed.postgres.promote_behind()
            finally:
                self.ledger.epoch += 1

    def postgres_cut(self, chance):
        name = chance.choice(sorted(self.bed.daemons.all))
        for _ in range(chance.randint(1, 4)):
            self.bed.postgres.proxies.cut(f"{name}/", chance.randint(1, 4000))
            self.last(chance.uniform(0.2, 1))

    def postgres_away_for_one(self, chance):
        name = chance.choice(sorted(self.bed.daemons.all))
        with self.holding(name):
            proxies = self.bed.postgres.proxies
            (proxies.refuse if chance.random() < 0.5 else proxies.hang)(f"{name}/")
            try:
                self.last(chance.uniform(1, 12))
            finally:
                proxies.open(f"{name}/")

    # -- disks ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _rule(self, chance, calls, action, per_mille=1000, seconds=(1, 8)):
        store = chance.choice(STORES)
        disk = self.bed.disks[store]
        # One path of one machine, or the whole server; never the checker's own mount.
        mounts = range(len(disk.points) - 1)
        mount = chance.choice(["*", *mounts])
        with self.holding(store):
            name = f"fault{time.monotonic_ns()}"
            disk.rule(name, calls, action, per_mille, mount)
            try:
                self.last(chance.uniform(*seconds))
                yield
            finally:
                disk.clear(name)

    def disk_eio(self, chance):
        calls = chance.choice(("write", "sync", "syncfolder", "read", "open", "modify", "all"))
        with self._rule(chance, calls, f"fail:{errno.EIO}", chance.choice((1000, 300, 50))):
            pass

    def disk_full(self, chance):
        with self._rule(chance, "write,make", f"fail:{errno.ENOSPC}", chance.choice((1000, 300))):
            pass

    def disk_read_only(self, chance):
        with self._rule(chance, "modify", f"fail:{errno.EROFS}"):
            pass

    def disk_short_writes(self, chance):
        with self._rule(chance, "write", "short", 500):
            pass

    def disk_delay(self, chance):
        with self._rule(chance, chance.choice(("all", "sync", "write", "read")),
                        f"delay:{chance.choice((20, 300, 3000))}", chance.choice((1000, 200))):
            pass

    def disk_hang(self, chance):
        calls = chance.choice(("all", "sync", "write", "read", "make", "lookup"))
        with self._rule(chance, calls, "hang", chance.choice((1000, 200)), (2, 15)):
            pass

    def disk_gone(self, chance):
        number = chance.choice((errno.ENOENT, errno.ESTALE, errno.ENOTCONN))
        with self._rule(chance, "all", f"fail:{number}"):
            pass

    def disk_empty(self, chance):
        store = chance.choice(STORES)
        disk = self.bed.disks[store]
        mounts = list(range(len(disk.points) - 1))
        with self.holding(store):
            chosen = mounts if chance.random() < 0.5 else [chance.choice(mounts)]
            for mount in chosen:
                disk.empty(True, mount)
            try:
                self.last(chance.uniform(1, 8))
            finally:
                for mount in chosen:
                    disk.empty(False, mount)

    def bit_flip(self, chance):
        store = self.traits["rot"]
        with self.holding(store):
            found = self.bed.disks[store].flip(chance.getrandbits(32))
            if found is None:
                raise Busy("nothing to turn yet")
            self.rotten.add((store, found[0]))

    def disk_replaced(self, chance):
        """The disk is lost, and an operator puts a new one in its place; once in a run."""
        if self.replaced or not self.traits["replace"] or chance.random() < 0.5:
            raise Busy("once in a run, and not at once")
        store = self.traits["rot"]
        with self.holding(store):
            self.replaced = True
            self.bed.disks[store].wipe()
            self.last(chance.uniform(0, 3))
            self.bed.mark_store(store)

    # -- power ----------------------------------------------------------------------------------

    def power_loss_store(self, chance):
        store = chance.choice(STORES)
        with self.holding(store):
            self.bed.disks[store].power_loss(chance.getrandbits(32))

    def power_loss_machine(self, chance):
        machine = chance.choice(MACHINES)
        daemons = self.bed.on_machine(machine)
        disks = [f"state{machine}", STORE_OF_MACHINE[machine]]
        with self.holding(*(daemon.name for daemon in daemons), *disks):
            self._power_loss(daemons, disks, chance, chance.uniform(0, 4))

    def power_loss_everywhere(self, chance):
        with self.holding(*self.locks):
            # PostgreSQL's directory is on an ordinary file system: it is killed with -9.
            self.bed.postgres.stop_all()
            self._power_loss(list(self.bed.daemons.all.values()), sorted(self.bed.disks), chance, 0)
            self.bed.postgres.start_all()

    def _power_loss(self, daemons, disks, chance, seconds):
        with contextlib.ExitStack() as off:
            for daemon in daemons:
                off.enter_context(daemon.lock)  # nobody starts it again meanwhile
                daemon.kill(with_helpers=True)
            for disk in disks:
                self.bed.disks[disk].power_loss(chance.getrandbits(32))
            self.last(seconds)

    # ---------------------------------------------------------------------------------------------

    def come_back(self):
        """Whether everything serves again."""
        return all(greets(endpoint)
                   for endpoint in [*self.bed.smtp.values(), *self.bed.imap.values()])


def kinds(traits):
    """{kind: weight}, as the traits of the seed allow."""
    weights = {
        "kill_daemon": 6, "kill_at_call": 6, "agent_stop": 2, "agent_stop_without_database": 2,
        "postgres_stop": 1, "postgres_kill": 2, "postgres_failover": 2, "postgres_cut": 5,
        "postgres_away_for_one": 3, "disk_eio": 3, "disk_full": 2, "disk_read_only": 2,
        "disk_short_writes": 2, "disk_delay": 3, "disk_hang": 4, "disk_gone": 3, "disk_empty": 3,
        "bit_flip": 2, "disk_replaced": 3, "power_loss_store": 3, "power_loss_machine": 3,
        "power_loss_everywhere": 1,
    }
    if traits["lost_commits"]:
        weights["postgres_lost_commits"] = 2
    if traits["clock"]:
        weights["clock_jump"] = 4
    return weights


def traits_of(seed):
    """What a seed's run is like. Half of all seeds cache as NFS does."""
    chance = random.Random(f"traits {seed}")
    return {
        "nfs": chance.choice((5, 20, 60)) if seed % 2 == 0 else 0,
        "clock": seed % 3 == 0,
        "lost_commits": seed % 4 in (1, 2),
        "rot": chance.choice(STORES),
        "replace": seed % 5 == 0,
        "postgres": "killed with -9, not on a disk that loses power",
    }
