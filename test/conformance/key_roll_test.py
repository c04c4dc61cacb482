#!/usr/bin/env python3
"""A key that is rolled by schedule, below a parent that others wrote: two Knot servers with a
signed zone, one of which is a secondary that is told of nothing; its operator makes DS of CDS by
BIND's dnssec-cds; unbound finds the parent's servers for us, and validates all the way.

The parent's servers are asked at port 53, so this needs the right to listen there.
"""

import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "test" / "conformance"), str(ROOT / "ops" / "demo"),
                str(ROOT / "test" / "support")]
import dns_test  # noqa: E402
import ran  # noqa: E402
from dns_test import HOST, Dig  # noqa: E402
from endpoints import wait_until  # noqa: E402
from ports import free_port  # noqa: E402
from unbound import SHORT_CACHES, Unbound  # noqa: E402

PARENT, ZONE = "par.test", "kid.par.test"
DIRECTORY = rf"""
INSERT INTO directory.domain (name, policy, minimum, ttl, mx_ttl)
    VALUES ('{ZONE}', 'load', 1, 1, 1);
INSERT INTO directory.mail_exchange (domain_id, mail_server_id, preference)
    SELECT d.id, m.id, 10 FROM directory.domain d, directory.mail_server m WHERE d.name = '{ZONE}';
INSERT INTO directory.record (domain_id, owner, type, rdata)
    SELECT id, 'www', 'A', '192.0.2.99' FROM directory.domain WHERE name = '{ZONE}';
"""


def start(directory, *command):
    with (directory / "out").open("ab") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.wait(20)


class Knot:
    """One server of the parent."""

    def __init__(self, world, name, address, zone, more=""):
        self.directory = world.directory / name
        self.directory.mkdir()
        self.address = address
        (self.directory / "knot.conf").write_text(f"""
server:
    listen: {address}@53
    rundir: {self.directory}
database:
    storage: {self.directory}
log:
  - target: {self.directory}/log
    any: info
{more}
zone:
  - domain: {PARENT}
    storage: {self.directory}
    zonefile-sync: -1
    acl: fetched
{zone}
""")
        self.process = start(self.directory, shutil.which("knotd"), "-c",
                             self.directory / "knot.conf")
        world.cleanup.callback(stop, self.process)

    def control(self, *words):
        return subprocess.run(["knotc", "-c", self.directory / "knot.conf", *words], check=True,
                              capture_output=True, text=True).stdout

    def ask(self, name, rtype, *more):
        text = subprocess.run(["dig", f"@{self.address}", "+norecurse", "+noall", "+answer",
                               "+tries=1", "+time=2", *more, name, rtype],
                              capture_output=True, text=True, check=False).stdout
        return [re.sub(r"\s+", " ", line) for line in text.splitlines()
                if not line.startswith(";")]


ACL = "acl:\n  - id: fetched\n    address: 127.0.0.0/8\n    action: transfer\n"
POLICY = ACL + """policy:
  - id: fast
    algorithm: ecdsap256sha256
    single-type-signing: on
    dnskey-ttl: 1
"""


class World(dns_test.World):
    def __init__(self):
        super().__init__()
        self.postgres.sql(DIRECTORY)
        first = f"127.{random.randint(1, 250)}.{random.randint(1, 250)}.1"
        second = first[:-1] + "2"
        (self.directory / "parent1").mkdir()
        zone = self.directory / "parent.zone"
        zone.write_text(f"$ORIGIN {PARENT}.\n$TTL 1\n@ SOA ns1 admin 1 3600 600 864000 1\n"
                        f"@ NS ns1\n@ NS ns2\nns1 A {first}\nns2 A {second}\n"
                        f"kid NS ns.kid\nns.kid A {HOST}\n")
        (self.directory / "parent1").rmdir()
        self.first = Knot(self, "parent1", first,
                          f"    file: {zone}\n    dnssec-signing: on\n    dnssec-policy: fast\n"
                          "    journal-content: all\n    zonefile-load: difference-no-serial\n",
                          POLICY)
        wait_until("the parent", lambda: self.first.ask(PARENT, "DNSKEY"), 20)
        self.second = Knot(self, "parent2", second, "    master: first\n",
                           ACL + f"remote:\n  - id: first\n    address: {first}@53\n")
        wait_until("its second server", lambda: self.second.ask(PARENT, "DNSKEY"), 20)
        self.start_unbound()
        self.server.stop()
        with self.server.config.open("a") as config:
            config.write(f"parent_resolvers: ['{HOST}:{self.resolver.port}']\n")
        self.server.start()

    def start_unbound(self):
        key = self.first.ask(PARENT, "DNSKEY")[0].split(" DNSKEY ")[1]
        ours = [f"{HOST}@{self.server.port}"]
        self.resolver = Unbound(
            self.directory, HOST, "    domain-insecure: hosts.test\n" + SHORT_CACHES,
            port=free_port(), anchors={PARENT: key},
            stubs={PARENT: [self.first.address, self.second.address], ZONE: ours,
                   "hosts.test": ours})
        self.cleanup.callback(self.resolver.stop)
        wait_until("unbound", lambda: self.resolve(PARENT, "NS").status == "NOERROR", 20)

    def resolve(self, name, rtype):
        return Dig(name, rtype, "+dnssec", "+recurse", port=self.resolver.port)

    def operate(self, *arguments):
        binaries = pathlib.Path(os.environ.get("ROUNDTABLE_BIN", ROOT / "build/release/bin"))
        done = subprocess.run([binaries / "roundtable", *arguments, "--database",
                               self.postgres.conninfo("roundtable_operator")],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"roundtable {' '.join(arguments)}: {done.stderr}{done.stdout}")
        return done.stdout


WORLD = None


def setUpModule():
    global WORLD
    with socket.socket() as probe:
        probe.bind(("127.251.251.251", 53))  # a clear PermissionError where it is not ours to take
    WORLD = dns_test.WORLD = World()


def tearDownModule():
    WORLD.cleanup.close()


def states():
    return sorted(WORLD.postgres.sql("SELECT string_agg(state, ' ') FROM directory.dnssec_key")
                  .split())


def looks():
    return WORLD.postgres.sql("SELECT coalesce(max(looked_at)::text, '') FROM "
                              "directory.dnssec_parent")


def problems():
    return WORLD.postgres.sql("SELECT coalesce(max(problem_at)::text, '') FROM "
                              "directory.dnssec_parent")


def wait_looks(count):
    for _ in range(count):
        before = looks()
        wait_until("another look at the parent", lambda b=before: looks() != b, 60)


def wait_states(*wanted):
    wait_until(f"keys {wanted}", lambda: states() == sorted(wanted), 90)


class Parent:
    """What its operator does."""

    def __init__(self):
        self.directory = WORLD.directory / "cds"
        self.directory.mkdir()

    def read_cds(self):
        """BIND's tool takes new DS of the zone's CDS, if the DS that it has vouches for them."""
        text = "".join(
            subprocess.run(["dig", f"@{HOST}", "-p", str(WORLD.server.port), "+dnssec", "+noall",
                            "+answer", "+norecurse", ZONE, rtype],
                           capture_output=True, text=True, check=True).stdout
            for rtype in ("CDS", "CDNSKEY", "DNSKEY"))
        (self.directory / "child").write_text(text)
        made = subprocess.run(["dnssec-cds", "-s", "20000101000000", "-f",
                               self.directory / "child", "-d", self.directory, ZONE],
                              capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise RuntimeError(f"dnssec-cds: {made.stderr}\n{text}")
        self.put(re.findall(r"\sDS\s+(.*)", made.stdout))

    def put(self, records):
        knot = WORLD.first
        knot.control("zone-begin", PARENT)
        if knot.ask(ZONE, "DS"):
            knot.control("zone-unset", PARENT, ZONE + ".", "DS")
        for record in records:
            knot.control("zone-set", PARENT, ZONE + ".", "1", "DS", record)
        knot.control("zone-commit", PARENT)
        (self.directory / f"dsset-{ZONE}.").write_text(
            "".join(f"{ZONE}. IN DS {record}\n" for record in records))
        wait_until("DS at the parent", lambda: len(knot.ask(ZONE, "DS")) == len(records), 10)

    def tell_second(self):
        WORLD.second.control("zone-refresh", PARENT)
        wait_until("the second server has it too", lambda: sorted(WORLD.second.ask(ZONE, "DS"))
                   == sorted(WORLD.first.ask(ZONE, "DS")), 20)


class Rolled(unittest.TestCase):
    def resolve_until(self, end, asked, wrong):
        while not end.is_set():
            for name, rtype, status in ((ZONE, "MX", "NOERROR"), ("www." + ZONE, "A", "NOERROR"),
                                        ("www." + ZONE, "TXT", "NOERROR"),
                                        ("none." + ZONE, "A", "NXDOMAIN"),
                                        (ZONE, "SOA", "NOERROR"), (ZONE, "DNSKEY", "NOERROR")):
                reply = WORLD.resolve(name, rtype)
                asked[0] += 1
                if reply.status != status or "ad" not in reply.flags:
                    wrong.append((name, rtype, reply.status, reply.flags))

    def test_a_schedule_rolls_a_key_as_far_as_all_servers_of_the_parent_are(self):
        parent = Parent()
        WORLD.operate("dnssec", "enable", ZONE, "--ds-ttl", "1")
        WORLD.postgres.sql("UPDATE directory.dnssec SET propagation = 1")
        wait_states("waiting")
        parent.put([line.split(" DS ")[1].strip()
                    for line in WORLD.operate("dnssec", "ds", ZONE).splitlines()])
        wait_looks(2)
        self.assertEqual(states(), ["waiting"], "only one of two servers has the DS")
        parent.tell_second()
        wait_states("active")
        wait_until("a validated answer", lambda: "ad" in WORLD.resolve(ZONE, "MX").flags, 30)

        end, asked, wrong = threading.Event(), [0], []
        resolver = threading.Thread(target=self.resolve_until, args=(end, asked, wrong))
        resolver.start()
        try:
            WORLD.operate("dnssec", "schedule", ZONE, "30")
            self.assertIn("by schedule at", WORLD.operate("dnssec", "status", ZONE))
            old = WORLD.postgres.sql("SELECT id FROM directory.dnssec_key")
            WORLD.postgres.sql("UPDATE directory.dnssec_key SET since = now() - interval '31 days'")
            wait_states("active", "waiting")
            self.assertEqual(WORLD.postgres.sql(
                "SELECT subject FROM directory.event WHERE kind = 'dnssec_roll'"), ZONE)
            wait_until("CDS of both", lambda: len(Dig(ZONE, "CDS").answer) == 2, 10)
            wait_looks(1)
            self.assertEqual(states(), ["active", "waiting"], "the parent has nothing new")
            parent.read_cds()
            wait_looks(2)
            self.assertEqual(states(), ["active", "waiting"], "one server of the parent has not")
            parent.tell_second()
            wait_states("active")
            self.assertNotEqual(WORLD.postgres.sql("SELECT id FROM directory.dnssec_key"), old)
            wait_until("CDS of one", lambda: len(Dig(ZONE, "CDS").answer) == 1, 10)
            parent.read_cds()
            parent.tell_second()
            seen = asked[0]
            wait_until("more answers", lambda: asked[0] > seen + 30, 30)
        finally:
            end.set()
            resolver.join(30)
        print(f"a scheduled roll: {asked[0]} validated answers", file=sys.stderr)
        self.assertEqual(wrong, [])
        self.assertGreater(asked[0], 100)

        WORLD.operate("dnssec", "disable", ZONE)
        wait_looks(1)
        text = WORLD.operate("dnssec", "status", ZONE)
        self.assertIn("1 DS at its 2 servers", text)
        parent.put([])
        WORLD.second.process.send_signal(signal.SIGSTOP)
        try:
            before = problems()
            wait_until("a look in vain", lambda: problems() != before, 60)
            self.assertEqual(states(), ["active"], "who does not answer may have the DS")
        finally:
            WORLD.second.process.send_signal(signal.SIGCONT)
        parent.tell_second()
        wait_until("the end of signing", lambda: states() == [], 60)


if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
