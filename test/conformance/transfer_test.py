#!/usr/bin/env python3
"""Zones fetched by secondaries that others wrote: NSD, Knot and BIND, and by dig with keys.

One roundtable-dnsd with a private PostgreSQL. Zones, one of them signed, are changed by SQL:
records come and go, mail servers are drained and come back. After all of it every secondary must
hold, record by record, what our own AXFR says, and must have got there by deltas that hold what
differs and nothing else. ROUNDTABLE_TRANSFER_COMMITS sets how many changes (default 30),
ROUNDTABLE_TRANSFER_SEED which.
"""

import base64
import collections
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "test" / "conformance"), str(ROOT / "ops" / "demo"),
                str(ROOT / "test" / "support")]
import dns_client  # noqa: E402
import dns_test  # noqa: E402
import ran  # noqa: E402
from dns_test import HOST  # noqa: E402
from endpoints import wait_until  # noqa: E402
from ports import free_port  # noqa: E402

COMMITS = int(os.environ.get("ROUNDTABLE_TRANSFER_COMMITS", "30"))
SEED = int(os.environ.get("ROUNDTABLE_TRANSFER_SEED", "1"))
SECRET = base64.b64encode(bytes(range(32))).decode()
KEY = "secondary.key"
CATALOG = "catalog.invalid"
CHANGED = ("mail.test", "signed.test")
ZONES = (*CHANGED, "load.test", "hosts.test")
SIGNED = r"""
INSERT INTO directory.domain (name, policy, minimum, ttl) VALUES ('signed.test', 'static', 60, 300);
INSERT INTO directory.mail_exchange (domain_id, mail_server_id, preference)
    SELECT d.id, m.id, 10 * row_number() OVER (ORDER BY m.name)
    FROM directory.domain d, directory.mail_server m WHERE d.name = 'signed.test';
INSERT INTO directory.record (domain_id, owner, type, rdata)
    SELECT id, owner, type, rdata FROM directory.domain, (VALUES ('www', 'A', '192.0.2.80'),
        ('*.wild', 'TXT', '"any"'), ('a.b.ent', 'AAAA', '2001:db8::1')) r(owner, type, rdata)
    WHERE name = 'signed.test';
INSERT INTO directory.record (domain_id, owner, type, rdata)
    SELECT id, 'host' || n, 'A', '192.0.2.' || n FROM directory.domain, generate_series(1, 50) n
    WHERE name = 'signed.test';
"""


def dig(*arguments, port, key=None):
    signed = ["-y", f"{key[0]}:{key[1]}:{key[2]}"] if key else []
    return subprocess.run(["dig", f"@{HOST}", "-p", str(port), *signed, "+tries=1", "+time=5",
                           "+noall", "+answer", "+comments", *arguments],
                          capture_output=True, text=True, check=False).stdout


def records(text):
    """The records in dig's output, as a sorted list without comments."""
    lines = [re.sub(r"\s+", " ", line) for line in text.splitlines()
             if line and not line.startswith(";")]
    return sorted(set(line for line in lines if " TSIG " not in line))


def serial(port, zone, key=None):
    found = re.search(r"\sSOA\s+\S+\s+\S+\s+(\d+)", dig(zone, "SOA", port=port, key=key))
    return int(found[1]) if found else None


def own_serial(zone):
    """The same without a process for each question."""
    reply = dns_client.query((HOST, WORLD.server.port), zone, "SOA")
    return int.from_bytes(reply.answers[0].data[-20:-16], "big")


def soa_serial(line):
    return int(line.split(" IN SOA ")[1].split(" ")[2])


def delta(text):
    """What an IXFR says (RFC 1995 4): (from, to, removed, added); None: it is the zone whole."""
    lines = [re.sub(r"\s+", " ", line) for line in text.splitlines()
             if line and not line.startswith(";") and " TSIG " not in line]
    marks = [i for i, line in enumerate(lines) if " IN SOA " in line]
    if len(marks) != 4:
        return None
    _, old, new, last = marks
    return (soa_serial(lines[old]), soa_serial(lines[new]), collections.Counter(lines[old:new]),
            collections.Counter(lines[new:last]))


class Secondary:
    """A foreign name server in a directory of its own, in the foreground."""

    def __init__(self, world, name):
        self.directory = world.directory / name
        self.directory.mkdir(mode=0o755)
        self.name = name
        self.port = free_port()
        self.process = None

    def start(self, *command):
        log = (self.directory / "log").open("ab")
        self.process = subprocess.Popen([*map(str, command)], stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log, cwd=self.directory)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)


def nsd(world):
    server = Secondary(world, "nsd")
    (server.directory / "zones").mkdir()
    zones = "".join(f"zone:\n  name: {zone}\n  zonefile: zones/{zone}\n"
                    f"  request-xfr: {HOST}@{world.server.port} {KEY}\n"
                    f"  allow-notify: {HOST} {KEY}\n  provide-xfr: {HOST} NOKEY\n"
                    for zone in ZONES)
    (server.directory / "nsd.conf").write_text(
        f"server:\n  ip-address: {HOST}\n  port: {server.port}\n  username: root\n"
        f"  zonesdir: {server.directory}\n  database: \"\"\n  pidfile: {server.directory}/pid\n"
        f"  logfile: {server.directory}/nsd.log\n  xfrdfile: {server.directory}/xfrd\n"
        f"  xfrdir: {server.directory}\n  zonelistfile: {server.directory}/zonelist\n"
        f"  verbosity: 2\n  server-count: 1\nremote-control:\n  control-enable: no\n"
        f"key:\n  name: {KEY}\n  algorithm: hmac-sha256\n  secret: {SECRET}\n{zones}")
    server.start(shutil.which("nsd"), "-d", "-c", server.directory / "nsd.conf")
    return server


def knot(world):
    """By the catalog zone: it is told of no zone by its own configuration."""
    server = Secondary(world, "knot")
    (server.directory / "knot.conf").write_text(f"""
server:
    listen: {HOST}@{server.port}
    rundir: {server.directory}
database:
    storage: {server.directory}
log:
  - target: {server.directory}/knot.log
    any: info
key:
  - id: {KEY}
    algorithm: hmac-sha256
    secret: {SECRET}
remote:
  - id: roundtable
    address: {HOST}@{world.server.port}
    key: {KEY}
acl:
  - id: told
    address: {HOST}
    key: {KEY}
    action: notify
  - id: fetched
    address: {HOST}
    action: transfer
template:
  - id: default
    storage: {server.directory}
  - id: member
    storage: {server.directory}
    master: roundtable
    acl: [told, fetched]
zone:
  - domain: {CATALOG}
    master: roundtable
    acl: [told, fetched]
    catalog-role: interpret
    catalog-template: member
""")
    server.start(shutil.which("knotd"), "-c", server.directory / "knot.conf")
    return server


def bind(world):
    server = Secondary(world, "bind")
    zones = "".join(f'zone "{zone}" {{ type secondary; file "{zone}.db"; masterfile-format text;\n'
                    f'  primaries {{ {HOST} port {world.server.port} key "{KEY}"; }};\n'
                    f'  allow-notify {{ key "{KEY}"; }}; }};\n' for zone in ZONES)
    (server.directory / "named.conf").write_text(
        f'key "{KEY}" {{ algorithm hmac-sha256; secret "{SECRET}"; }};\n'
        f'options {{ directory "{server.directory}"; listen-on port {server.port} {{ {HOST}; }};\n'
        f'  listen-on-v6 {{ none; }}; pid-file "{server.directory}/pid"; recursion no;\n'
        f'  session-keyfile "{server.directory}/session.key"; dnssec-validation no;\n'
        f'  allow-transfer {{ {HOST}; }}; notify no; }};\ncontrols {{ }};\n{zones}')
    server.start(shutil.which("named"), "-g", "-c", server.directory / "named.conf")
    return server


class World(dns_test.World):
    def __init__(self):
        super().__init__()
        sql = self.postgres.sql
        sql(SIGNED)
        binaries = pathlib.Path(os.environ.get("ROUNDTABLE_BIN", ROOT / "build/release/bin"))
        subprocess.run([binaries / "roundtable", "dnssec", "enable", "signed.test", "--database",
                        self.postgres.conninfo("roundtable_operator")], check=True,
                       stdout=subprocess.DEVNULL)
        wait_until("signatures", lambda: "\tRRSIG\t" in dig("signed.test", "SOA", "+dnssec",
                                                          port=self.server.port), 10)
        sql(f"INSERT INTO directory.transfer_key (name) VALUES ('{KEY}'), ('other.key')")
        sql("INSERT INTO directory.transfer_secret (key_id, secret) SELECT id, "
            f"decode('{SECRET}', 'base64') FROM directory.transfer_key")
        sql(f"UPDATE directory.transfer_catalog SET name = '{CATALOG}'")
        sql("INSERT INTO directory.transfer_peer (name, key_id, gets_catalog) SELECT 'foreign', "
            f"id, true FROM directory.transfer_key WHERE name = '{KEY}'")
        sql("INSERT INTO directory.transfer_peer (name, key_id, all_domains) SELECT 'listed', "
            "id, false FROM directory.transfer_key WHERE name = 'other.key'")
        sql("INSERT INTO directory.transfer_domain SELECT p.id, d.id FROM directory.transfer_peer "
            "p, directory.domain d WHERE p.name = 'listed' AND d.name = 'load.test'")
        wait_until("transfers", lambda: serial(self.server.port, CATALOG,
                                               ("hmac-sha256", KEY, SECRET)), 10)
        self.secondaries = [make(self) for make in (nsd, knot, bind)]
        for server in self.secondaries:
            self.cleanup.callback(server.stop)
            sql("INSERT INTO directory.transfer_notify (peer_id, address, port) SELECT id, "
                f"'{HOST}', {server.port} FROM directory.transfer_peer WHERE name = 'foreign'")


WORLD = None


def setUpModule():
    global WORLD
    WORLD = dns_test.WORLD = World()


def tearDownModule():
    WORLD.cleanup.close()


def own(zone, *, kind="AXFR", key=("hmac-sha256", KEY, SECRET)):
    return dig(zone, kind, port=WORLD.server.port, key=key)


class Rights(unittest.TestCase):
    def test_a_key_opens_its_zones_and_no_others(self):
        for key, zone, allowed in ((("hmac-sha256", KEY, SECRET), "mail.test", True),
                                   (("hmac-sha256", "other.key", SECRET), "load.test", True),
                                   (("hmac-sha256", "other.key", SECRET), "mail.test", False),
                                   (("hmac-sha256", "other.key", SECRET), CATALOG, False),
                                   (("hmac-sha512", KEY, SECRET), "mail.test", False),
                                   (("hmac-sha256", "no.key", SECRET), "mail.test", False),
                                   (("hmac-sha256", KEY, SECRET[::-1]), "mail.test", False),
                                   (None, "mail.test", False)):
            with self.subTest(key=key, zone=zone):
                self.assertEqual(bool(records(own(zone, key=key))), allowed)

    def test_signed_queries_are_answered_signed(self):
        for arguments in (("www.mail.test", "A"), ("www.mail.test", "A", "+tcp"),
                          ("big.mail.test", "TXT"), ("nothing.mail.test", "A")):
            reply = dig(*arguments, port=WORLD.server.port, key=("hmac-sha256", KEY, SECRET))
            self.assertNotIn("Couldn't verify", reply)
            self.assertNotIn("could not be validated", reply)
            self.assertRegex(reply, "status: (NOERROR|NXDOMAIN)")
        self.assertEqual(len(records(dig("big.mail.test", "TXT", port=WORLD.server.port,
                                         key=("hmac-sha256", KEY, SECRET)))), 20)

    def test_ixfr_over_udp_sends_the_soa(self):
        reply = records(own("mail.test", kind="IXFR=1") and dig(
            "mail.test", "IXFR=1", "+notcp", port=WORLD.server.port,
            key=("hmac-sha256", KEY, SECRET)))
        self.assertEqual(len(reply), 1)
        self.assertIn(" SOA ", reply[0])

    def test_the_internal_view_s_names_are_not_there(self):
        self.assertNotIn("_account", own("mail.test"))


class Limits(unittest.TestCase):
    """A zone that no socket buffer takes, and a client that does not read it."""

    SLOW = "127.0.0.77"

    def settings(self, text):
        config = WORLD.server.config
        before = config.read_text()
        self.addCleanup(self.reload, before)
        self.reload(before + text)

    def reload(self, text):
        WORLD.server.config.write_text(text)
        log = WORLD.server.directory / "log"
        seen = log.read_text(errors="replace").count("reloaded")
        WORLD.server.process.send_signal(signal.SIGHUP)
        wait_until("the settings", lambda: log.read_text(errors="replace").count("reloaded") > seen,
                   10)

    def begin(self, zone):
        """A connection on which the zone was asked for, from SLOW."""
        stream = socket.create_connection((HOST, WORLD.server.port), 20, (self.SLOW, 0))
        self.addCleanup(stream.close)
        query = dns_test.packet(zone, 252, counts=(1, 0, 0, 1), extra=dns_test.opt())
        stream.sendall(struct.pack("!H", len(query)) + query)
        return stream

    def test_no_more_transfers_than_the_settings_say(self):
        sql = WORLD.postgres.sql
        sql("INSERT INTO directory.transfer_peer (name, networks) VALUES ('slow', "
            f"'{{{self.SLOW}}}')")
        sql("INSERT INTO directory.domain (name, policy) VALUES ('large.test', 'static')")
        self.addCleanup(sql, "DELETE FROM directory.domain WHERE name = 'large.test'; "
                             "DELETE FROM directory.transfer_peer WHERE name = 'slow'")
        sql("INSERT INTO directory.record (domain_id, owner, type, rdata) SELECT id, 'h' || n, "
            "'TXT', '\"' || n || repeat('x', 200) || '\"' FROM directory.domain, "
            "generate_series(1, 60000) n WHERE name = 'large.test'")
        wait_until("large.test", lambda: len(records(own("large.test"))) > 60000, 90)
        self.settings("transfers: {total: 4, per_client: 1, wait: 100ms}\n")
        slow = self.begin("large.test")
        self.assertEqual(slow.recv(6)[5] & 15, 0)
        # Its address has had its share: SERVFAIL, not ready (RFC 8914 4.15); others have theirs.
        refused = self.begin("mail.test").recv(4096)
        self.assertEqual(refused[5] & 15, 2)
        self.assertTrue(refused.endswith(struct.pack("!HHH", 15, 2, 14)))
        other = dig("mail.test", "AXFR", "-b", "127.0.0.78", port=WORLD.server.port,
                    key=("hmac-sha256", KEY, SECRET))
        self.assertGreater(len(records(other)), 20)
        slow.close()
        wait_until("its place", lambda: self.begin("mail.test").recv(4096)[5] & 15 == 0, 10)
        self.assertIn('transfers_total{outcome="refused"}', WORLD.server.metrics())

    def test_a_refusal_is_signed_as_the_query_was(self):
        self.settings("transfers: {total: 1, wait: 0s}\n")
        texts = []
        deadline = time.monotonic() + 30
        # At once, until two of them meet.
        while not any("failed" in text for text in texts) and time.monotonic() < deadline:
            digs = [subprocess.Popen(["dig", f"@{HOST}", "-p", str(WORLD.server.port), "-y",
                                      f"hmac-sha256:{KEY}:{SECRET}", "+tries=1", "signed.test",
                                      "AXFR"], stdout=subprocess.PIPE, text=True)
                    for _ in range(10)]
            texts = [dig.communicate()[0] for dig in digs]
        failed = [text for text in texts if "failed" in text]
        self.assertTrue(failed)
        for text in failed:
            self.assertNotIn("verify", text)
            self.assertNotIn("expected a TSIG", text)


class Commits:
    """Changes of the zones by SQL, each of which moves the serials of all that are in CHANGED."""

    def __init__(self):
        self.random = random.Random(SEED)
        self.owners = []
        self.drained = None
        self.count = 0

    def add(self):
        owner = f"n{self.count}"
        rtype, data = self.random.choice((
            ("TXT", f'"{self.count}"'), ("A", f"192.0.2.{self.count % 256}"),
            ("AAAA", f"2001:db8::{self.count:x}"), ("CAA", '0 issue "ca.example"')))
        WORLD.postgres.sql(
            "INSERT INTO directory.record (domain_id, owner, type, rdata) SELECT id, "
            f"'{owner}', '{rtype}', '{data}' FROM directory.domain WHERE name IN {CHANGED}")
        self.owners.append(owner)

    def remove(self):
        owner = self.owners.pop(self.random.randrange(len(self.owners)))
        WORLD.postgres.sql(
            "DELETE FROM directory.record r USING directory.domain d WHERE d.id = r.domain_id AND "
            f"d.name IN {CHANGED} AND owner = '{owner}'")

    def clear(self):
        WORLD.postgres.sql("UPDATE directory.mx_override SET removed_at = now(), removed_by = "
                           "'test' WHERE removed_at IS NULL")
        self.drained = None

    def steer(self):
        if self.drained:
            self.clear()
        else:
            self.drained = f"mail{self.random.randint(1, 3)}"
            WORLD.postgres.sql(
                "INSERT INTO directory.mx_override (pool, action, server, author, reason) VALUES "
                f"('mail', 'drain', '{self.drained}', 'test', 'commit {self.count}')")

    def one(self):
        before = {zone: own_serial(zone) for zone in CHANGED}
        self.count += 1
        kind = self.random.choice((self.add, self.remove, self.steer, self.steer))
        if kind == self.remove and not self.owners or kind == self.add and len(self.owners) > 40:
            kind = self.steer
        kind()
        wait_until(f"serials after commit {self.count}",
                   lambda: all(own_serial(zone) != old for zone, old in before.items()), 10)


class Followed(unittest.TestCase):
    def same_everywhere(self, zone):
        mine = serial(WORLD.server.port, zone)
        for server in WORLD.secondaries:
            if serial(server.port, zone) != mine:
                return False
        return serial(WORLD.server.port, zone) == mine

    def assert_equal_everywhere(self):
        for zone in ZONES:
            wait_until(f"{zone} at all secondaries", lambda z=zone: self.same_everywhere(z), 90)
            mine = records(own(zone))
            for server in WORLD.secondaries:
                with self.subTest(zone=zone, server=server.name):
                    theirs = records(dig(zone, "AXFR", port=server.port))
                    self.assertEqual(theirs, mine)

    def assert_verifies_everywhere(self, zone):
        """What each secondary holds is a zone that validates."""
        for server in WORLD.secondaries:
            file = WORLD.directory / f"{server.name}.{zone}"
            text = records(dig(zone, "AXFR", "+onesoa", port=server.port))
            file.write_text("\n".join(text) + "\n")
            for command in (["ldns-verify-zone", file], ["dnssec-verify", "-z", "-o", zone, file]):
                with self.subTest(server=server.name, command=command[0]):
                    done = subprocess.run(command, capture_output=True, text=True, check=False)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def assert_delta(self, zone, old, *, one_commit):
        """The IXFR since `old`, an AXFR, holds exactly what differs."""
        before = collections.Counter(old)
        since = soa_serial(next(line for line in old if " IN SOA " in line))
        after = collections.Counter(records(own(zone)))
        found = delta(own(zone, kind=f"IXFR={since}"))
        if found is None and not one_commit:
            return False
        self.assertIsNotNone(found, f"{zone} since {since} is sent whole")
        start, _, removed, added = found
        self.assertEqual(start, since)
        self.assertEqual(removed, before - after)
        self.assertEqual(added, after - before)
        # A set that stayed keeps its signature; over several commits it may have changed and come
        # back.
        for line in added if one_commit else ():
            covered = re.match(r"(\S+) \d+ IN RRSIG (\S+) ", line)
            if covered:
                kind = re.compile(rf"{re.escape(covered[1])} \d+ IN {covered[2]} ")
                self.assertNotEqual({each for each in before if kind.match(each)},
                                    {each for each in after if kind.match(each)}, line)
        return True

    def test_secondaries_hold_the_effective_zone_after_many_commits(self):
        self.assert_equal_everywhere()
        commits = Commits()
        begin = {zone: records(own(zone)) for zone in CHANGED}
        compared = deltas_long = 0
        largest = 0
        for i in range(COMMITS):
            # Each tenth commit is looked at: what it changed, and all since the last time.
            old = {zone: records(own(zone)) for zone in CHANGED} if i % 10 == 9 else None
            commits.one()
            if old is not None:
                for zone in CHANGED:
                    self.assert_delta(zone, old[zone], one_commit=True)
                    deltas_long += self.assert_delta(zone, begin[zone], one_commit=False)
                    found = delta(own(zone, kind="IXFR=" + str(soa_serial(next(
                        line for line in old[zone] if " IN SOA " in line)))))
                    largest = max(largest, sum((found[2] + found[3]).values()))
                    compared += 1
                    begin[zone] = old[zone]
            if i % 100 == 99:
                self.assert_equal_everywhere()
        commits.clear()
        self.assert_equal_everywhere()
        self.assert_verifies_everywhere("signed.test")
        text = (WORLD.server.directory / "log").read_text(errors="replace")
        transfers = [line for line in text.splitlines() if " transfer " in line]
        for zone in CHANGED:
            of_zone = [line for line in transfers if f"zone={zone}." in line]
            whole = [line for line in of_zone if "kind=whole" in line]
            deltas = [line for line in of_zone if "kind=delta" in line]
            print(f"{COMMITS} commits, seed {SEED}, {zone}: {len(whole)} whole, {len(deltas)} "
                  f"deltas, {compared // len(CHANGED)} of them compared with what changed, of "
                  f"{largest} records at most", file=sys.stderr)
            self.assertGreaterEqual(len(deltas), COMMITS // 2)
            # Each secondary at its start, dig where these tests asked, and NSD where two updates
            # came during one of its reloads ("update failed, restarting transfer").
            asked = 8 * (COMMITS // 10 + 1)
            self.assertLess(len(whole), 30 + asked + COMMITS // 4)

    def test_the_catalog_brings_new_domains(self):
        knots = [server for server in WORLD.secondaries if server.name == "knot"]
        WORLD.postgres.sql("INSERT INTO directory.domain (name) VALUES ('fresh.test')")
        wait_until("fresh.test at knot", lambda: serial(knots[0].port, "fresh.test"), 60)
        WORLD.postgres.sql("DELETE FROM directory.domain WHERE name = 'fresh.test'")
        wait_until("no fresh.test at knot",
                   lambda: serial(knots[0].port, "fresh.test") is None, 60)


if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
