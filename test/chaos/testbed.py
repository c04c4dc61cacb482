"""A whole cluster for the harness: two machines with a mail server, an access server and a tracker
each, three storage servers and the machines' state on disks that suffer on command, PostgreSQL with
a synchronous standby, a name server with the internal view.

Each machine sees the storage servers through mounts of its own, with caches of their own: its
daemons run in a mount namespace in which the storage paths are bound to them.
"""

import json
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile

from cluster import programs, wait_until
from daemons import FAKETIME, Daemon, Daemons
from disks import Disk
from ports import free_port
from postgres_pair import DATABASE, PostgresPair
from postgres_server import OWNER

USER = "roundtable"
DOMAIN = "example.test"
PASSWORD = "correct horse 7"
USERS = ("alice", "bob", "carol", "dave")
MACHINES = ("1", "2")
KINDS = ("mail", "access", "tracker")
STORES = ("store1", "store2", "store3")
TWO_PATHS = "store3"
STORE_OF_MACHINE = {"1": "store1", "2": "store2"}
READY_SECONDS = 60


class TestBed:
    """with TestBed(seed, ...) as bed: bed.disks, bed.daemons, bed.postgres, bed.smtp, bed.imap.

    nfs: the storage mounts cache for up to so many seconds; 0: not at all. clock: the daemons'
    clock can be moved. binaries: where the daemons are. planted: (directory of programs with bugs,
    name of the bug).
    """

    def __init__(self, seed, nfs=0, clock=False, binaries=None, planted=None, grace=None):
        self.seed = seed
        self.nfs = nfs
        self.binaries = pathlib.Path(binaries or programs())
        self.planted = planted
        self.grace = grace
        self.user = pwd.getpwnam(USER)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="roundtable-chaos-"))
        self.directory.chmod(0o755)
        self.disks = {}
        self.daemons = Daemons()
        self.postgres = None
        self.clock_file = self.directory / "clock" if clock else None
        self.keep = False
        self.smtp, self.imap = {}, {}

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.keep = True
            self.close()
            raise
        return self

    def __exit__(self, kind, *_):
        self.keep = self.keep or kind is not None
        self.close()

    def close(self):
        for disk in self.disks.values():
            try:
                disk.clear()
            except (OSError, RuntimeError):
                pass  # it is closed below all the same
        self.daemons.close()
        if self.postgres:
            self.postgres.close()
        for disk in self.disks.values():
            disk.close()
        if self.keep:
            print(f"chaos: logs are kept in {self.directory}", flush=True)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    # -- bring-up ---------------------------------------------------------------------------------

    def _start(self):
        for folder in ("log", "config", "bin", "mounts", "stores"):
            (self.directory / folder).mkdir(mode=0o755)
        os.chown(self.directory, self.user.pw_uid, self.user.pw_gid)
        os.chown(self.directory / "log", self.user.pw_uid, self.user.pw_gid)
        self._install(self.binaries)
        if self.planted:
            self._install(self.planted[0])
            self._plant_in_helper()
        if self.clock_file:
            self.set_clock(0)
        self._mount_disks()
        names = [f"{kind}{machine}" for machine in MACHINES for kind in KINDS]
        self.postgres = PostgresPair(self.directory, [*names, "ns1"])
        self.postgres.create()
        self._fill_database()
        self._mark_stores()
        self._configure()
        self.daemons.start()
        wait_until("every server listens", self.serves, READY_SECONDS, 0.2)

    def _install(self, programs_directory):
        for program in programs_directory.glob("roundtable*"):
            shutil.copy2(program, self.directory / "bin" / program.name)

    def _plant_in_helper(self):
        """A helper inherits no environment: the name of the bug is put into a script before it."""
        helper = self.directory / "bin" / "roundtable-path-helper"
        real = helper.with_suffix(".real")
        helper.rename(real)
        helper.write_text(f'#!/bin/sh\nROUNDTABLE_PLANTED_BUG={self.planted[1]} exec {real} "$@"\n')
        helper.chmod(0o755)

    def _mount_disks(self):
        owner = (self.user.pw_uid, self.user.pw_gid)
        program = programs() / "fault_fs"
        for store in STORES:
            points = [self.mount_point(store, machine, path)
                      for path in self.paths(store) for machine in MACHINES]
            points.append(self.directory / "mounts" / f"{store}-check")
            self.disks[store] = Disk(program, store, self.directory, points, owner, self.seed,
                                     self.nfs)
            for path in self.paths(store):
                self.store_path(store, path).mkdir(parents=True)
        for machine in MACHINES:
            self.disks[f"state{machine}"] = Disk(
                program, f"state{machine}", self.directory,
                [self.directory / "mounts" / f"state{machine}"], owner, self.seed)

    @staticmethod
    def paths(store):
        return (1, 2) if store == TWO_PATHS else (1,)

    def mount_point(self, store, machine, path):
        return self.directory / "mounts" / f"{store}-machine{machine}-path{path}"

    def mount_index(self, store, machine, path):
        """The mount's number in rules of its disk."""
        return self.paths(store).index(path) * len(MACHINES) + MACHINES.index(machine)

    def store_path(self, store, path):
        """The directory that the daemons of every machine know."""
        return self.directory / "stores" / store / f"path{path}"

    def check_root(self, store):
        """A mount of the store that no daemon uses."""
        return self.directory / "mounts" / f"{store}-check"

    def state(self, machine):
        return self.directory / "mounts" / f"state{machine}"

    def roundtable(self, *arguments, stdin=None):
        primary = self.postgres.primary
        done = subprocess.run(
            [str(self.directory / "bin" / "roundtable"), "--database",
             f"host=127.0.0.1 port={primary.port} dbname={DATABASE} user={OWNER}", *arguments],
            input=stdin, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"roundtable {' '.join(arguments)}: {done.stderr.strip()}")

    def _fill_database(self):
        self.roundtable("schema", "migrate")
        statements = []
        for store in STORES:
            statements.append(f"INSERT INTO directory.storage_server (name, failure_domain) "
                              f"VALUES ('{store}', '{store}')")
            for path in self.paths(store):
                statements.append(
                    f"INSERT INTO directory.storage_path (storage_server_id, directory, preference)"
                    f" SELECT id, '{self.store_path(store, path)}', {path * 10} "
                    f"FROM directory.storage_server WHERE name = '{store}'")
        for machine in MACHINES:
            mail = self.smtp[f"mail{machine}"] = (f"127.0.7.{machine}", free_port())
            imap = self.imap[f"access{machine}"] = (f"127.0.7.{machine}", free_port())
            statements.append(
                f"INSERT INTO directory.mail_server (name, host_name, address, smtp_port, "
                f"storage_server_id) SELECT 'mail{machine}', 'mail{machine}.{DOMAIN}', "
                f"'{mail[0]}', {mail[1]}, id FROM directory.storage_server "
                f"WHERE name = '{STORE_OF_MACHINE[machine]}'")
            statements.append(
                f"INSERT INTO directory.access_server (name, host_name, address, imap_port) VALUES "
                f"('access{machine}', 'access{machine}.{DOMAIN}', '{imap[0]}', {imap[1]})")
        statements.append("INSERT INTO directory.mirroring (mail_server_id, peer_id, position) "
                          "SELECT m.id, p.id, 1 FROM directory.mail_server m, "
                          "directory.mail_server p WHERE m.id <> p.id")
        self.name_server = ("127.0.7.1", free_port(), free_port())
        statements.append(
            f"INSERT INTO directory.name_server (name, host_name, address, port, internal_port) "
            f"VALUES ('ns1', 'ns1.{DOMAIN}', '{self.name_server[0]}', {self.name_server[1]}, "
            f"{self.name_server[2]})")
        # Upkeep that takes days elsewhere happens while the faults do.
        statements.append("UPDATE directory.cluster SET scrub_interval = '30 seconds', "
                          "superseded_grace = '1 minute', expunged_retention = '20 seconds', "
                          "compact_dead_share = 0.2")
        self.postgres.sql("; ".join(statements))
        self.roundtable("domain", "add", DOMAIN)
        for user in USERS:
            self.roundtable("account", "add", f"{user}@{DOMAIN}", "--password-stdin",
                            stdin=PASSWORD + "\n")

    def _mark_stores(self):
        for store in STORES:
            self.mark_store(store)

    def mark_store(self, store):
        """What an operator does with a new, empty disk."""
        identity = self.postgres.sql(
            f"SELECT store_id FROM directory.storage_server WHERE name = '{store}'")[0][0]
        file = self.check_root(store) / "roundtable-store"
        with file.open("w") as out:
            out.write(identity + "\n")
            out.flush()
            os.fsync(out.fileno())
        os.chown(file, self.user.pw_uid, self.user.pw_gid)
        folder = os.open(self.check_root(store), os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)

    def _configure(self):
        dns, port, internal = self.name_server
        view = f'internal_view: ["{dns}:{internal}"]\n'
        self._add("ns1", "dnsd", "1", f'listen: ["{dns}:{port}"]\n'
                  f'internal_listen: ["{dns}:{internal}"]\ninternal_acl: ["127.0.0.0/8"]\n'
                  "threads: 1\n")
        for machine in MACHINES:
            host, smtp = self.smtp[f"mail{machine}"]
            self._add(f"mail{machine}", "mtad", machine,
                      f'host_name: mail{machine}.{DOMAIN}\nlisten: ["{host}:{smtp}"]\n{view}'
                      "limits: {sessions: 200}\n")
            host, imap = self.imap[f"access{machine}"]
            self._add(f"access{machine}", "accessd", machine,
                      f'listen: {{imap: ["{host}:{imap}"]}}\n{view}')
            self._add(f"tracker{machine}", "trackerd", machine,
                      f"grace: {self.grace}\n" if self.grace else "")

    def _add(self, name, kind, machine, own):
        database = f"{self.postgres.conninfo(name)} user=roundtable_{kind}"
        state = self.state(machine) / name
        state.mkdir(mode=0o700)
        os.chown(state, self.user.pw_uid, self.user.pw_gid)
        folder = os.open(self.state(machine), os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)
        config = self.directory / "config" / f"{name}.yaml"
        config.write_text(f"name: {name}\ndatabase: {json.dumps(database)}\n"
                          f"state_dir: {json.dumps(str(state))}\n{own}")
        binds = [(self.mount_point(store, machine, path), self.store_path(store, path))
                 for store in STORES for path in self.paths(store)]
        environment = {"ROUNDTABLE_PLANTED_BUG": self.planted[1]} if self.planted else {}
        if self.clock_file:
            environment.update({
                "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(self.clock_file),
                "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_DONT_RESET": "1", "NO_FAKE_STAT": "1"})
        self.daemons.add(Daemon(name, self.directory / "bin" / f"roundtable-{kind}", config,
                                self.directory / "log" / f"{name}.log", USER, binds, environment))

    # -- what the harness asks and does -----------------------------------------------------------

    def set_clock(self, seconds):
        """All daemons' wall clocks are so far ahead (or behind) from now on."""
        fresh = self.directory / "clock.new"
        fresh.write_text(f"{seconds:+d}\n")
        fresh.rename(self.clock_file)

    def on_machine(self, machine):
        return [self.daemons[f"{kind}{machine}"] for kind in KINDS]

    def serves(self):
        """Every SMTP and IMAP port answers with its banner."""
        return all(greets(endpoint) for endpoint in [*self.smtp.values(), *self.imap.values()])


def greets(endpoint):
    try:
        with socket.create_connection(endpoint, 5) as connection:
            connection.settimeout(5)
            return connection.recv(200).startswith((b"220", b"* OK"))
    except OSError:
        return False
