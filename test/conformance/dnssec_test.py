#!/usr/bin/env python3
"""Signed zones of roundtable-dnsd, judged by validators that others wrote: delv, unbound,
ldns-verify-zone and dnssec-verify.

One roundtable-dnsd with a private PostgreSQL. up.test is signed and has roll.up.test below it,
whose key is rolled while unbound resolves. ROUNDTABLE_DNSSEC_COMMITS sets how many steering commits
unbound lives through (default 40).
"""

import os
import pathlib
import re
import subprocess
import sys
import threading
import time
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

COMMITS = int(os.environ.get("ROUNDTABLE_DNSSEC_COMMITS", "40"))
SIGNED = ("mail.test", "load.test", "rotate.test", "up.test")
ZONES = r"""
INSERT INTO directory.domain (name, policy, minimum, ttl, mx_ttl) VALUES
    ('up.test', 'static', 1, 1, 1), ('roll.up.test', 'load', 1, 1, 1);
INSERT INTO directory.mail_exchange (domain_id, mail_server_id, preference)
    SELECT d.id, m.id, 10 FROM directory.domain d, directory.mail_server m
    WHERE d.name = 'roll.up.test';
INSERT INTO directory.record (domain_id, owner, type, rdata)
    SELECT id, 'www', 'A', '192.0.2.99' FROM directory.domain
    WHERE name IN ('up.test', 'roll.up.test');
INSERT INTO directory.record (domain_id, owner, type, rdata) SELECT id, 'roll', 'NS', v
    FROM directory.domain, (VALUES ('ns1.hosts.test.'), ('ns2.hosts.test.')) n(v)
    WHERE name = 'up.test';
INSERT INTO directory.transfer_peer (name, networks) VALUES ('tools', '{127.0.0.0/8}');
"""


class World(dns_test.World):
    def __init__(self):
        super().__init__()
        self.postgres.sql(ZONES)
        for zone in SIGNED:
            self.operate("dnssec", "enable", zone)

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
    WORLD = dns_test.WORLD = World()
    for zone in SIGNED:
        wait_until(f"signatures of {zone}", lambda z=zone: signed(z), 10)


def tearDownModule():
    WORLD.cleanup.close()


def signed(zone):
    return any(" RRSIG " in line for line in Dig(zone, "DNSKEY", "+dnssec").answer)


def anchor(zone):
    """A trust anchor in the syntax of BIND and unbound."""
    key = next(line for line in Dig(zone, "DNSKEY").answer if " DNSKEY " in line)
    return key.split(" DNSKEY ")[1]


def override(action, server):
    WORLD.postgres.sql("INSERT INTO directory.mx_override (pool, action, server, author, reason) "
                       f"VALUES ('mail', '{action}', '{server}', 'test', 'test')")


def clear():
    WORLD.postgres.sql("UPDATE directory.mx_override SET removed_at = now(), removed_by = 'test' "
                       "WHERE removed_at IS NULL")


def delv(zone, name, rtype):
    """What delv says of an answer, with our key of the zone as its only anchor."""
    return delv_by(anchor(zone), zone, name, rtype)


def delv_by(key, zone, name, rtype):
    """The same with another key as the zone's: the data of a DNSKEY."""
    fields = key.split(" ", 3)
    anchors = WORLD.directory / "anchors"
    anchors.write_text(f'trust-anchors {{ "{zone}." static-key {fields[0]} {fields[1]} '
                       f'{fields[2]} "{fields[3]}"; }};\n')
    return subprocess.run(["delv", f"@{HOST}", "-p", str(WORLD.server.port), "-a", anchors,
                           f"+root={zone}", "+nomultiline", name, rtype],
                          capture_output=True, text=True, check=False).stdout


def resolve(resolver, name, rtype):
    """The answer of a resolver that validates, as dig shows it."""
    return Dig(name, rtype, "+dnssec", "+recurse", port=resolver.port)


class Validated(unittest.TestCase):
    def test_delv_believes_what_is_there_and_what_is_not(self):
        for name, rtype, said in (
                ("mail.test", "SOA", "; fully validated"),
                ("mail.test", "MX", "; fully validated"),
                ("mail.test", "NS", "; fully validated"),
                ("www.mail.test", "TXT", "; fully validated"),
                ("big.mail.test", "TXT", "; fully validated"),
                ("imap.mail.test", "A", "; fully validated"),
                ("pop.mail.test", "AAAA", "; fully validated"),
                ("_imap._tcp.mail.test", "SRV", "; fully validated"),
                ("alias.mail.test", "A", "; fully validated"),
                ("x.wild.mail.test", "A", "; fully validated"),
                ("strange.mail.test", "TYPE65280", "; fully validated"),
                ("mail.test", "CDS", "; negative response, fully validated"),
                ("www.mail.test", "MX", "; negative response, fully validated"),
                ("ent.mail.test", "A", "; negative response, fully validated"),
                ("a.ent.mail.test", "A", "; negative response, fully validated"),
                ("x.wild.mail.test", "TXT", "; negative response, fully validated"),
                ("nothing.mail.test", "A", "; negative response, fully validated"),
                ("deep.wild.mail.test", "A", "; negative response, fully validated")):
            with self.subTest(name=name, type=rtype):
                self.assertIn(said, delv("mail.test", name, rtype))

    def test_a_changed_answer_is_not_believed(self):
        other = anchor("load.test")
        self.assertNotEqual(anchor("mail.test"), other)
        self.assertNotIn("fully validated", delv_by(other, "mail.test", "mail.test", "MX"))

    def test_whole_zones_verify(self):
        for zone in ("mail.test", "load.test", "rotate.test"):
            text = subprocess.run(["dig", f"@{HOST}", "-p", str(WORLD.server.port), zone, "AXFR",
                                   "+noall", "+answer", "+onesoa"],
                                  capture_output=True, text=True, check=True).stdout
            file = WORLD.directory / f"{zone}.zone"
            file.write_text(text)
            self.assertIn(" NSEC ", re.sub(r"\s+", " ", text))
            for tool in (["ldns-verify-zone", file], ["dnssec-verify", "-z", "-o", zone, file]):
                with self.subTest(zone=zone, tool=tool[0]):
                    done = subprocess.run(tool, capture_output=True, text=True, check=False)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_steered_answers_stay_valid_through_commits(self):
        shapes = set()
        for action, server in (("pin", "mail2"), ("drain", "mail1"), ("down", "mail3"),
                               ("drain", "mail2")):
            clear()
            if action == "pin":
                WORLD.postgres.sql("INSERT INTO directory.mx_override (pool, action, server, value,"
                                   " author, reason) VALUES ('mail', 'pin', 'mail2', 5, 't', 't')")
            else:
                override(action, server)
            gone = f"{server}.hosts.test." if action != "pin" else "nobody"
            wait_until(f"{action} {server}", lambda g=gone: not any(
                g in line for line in Dig("load.test", "MX").answer), 5)
            for _ in range(4):
                said = delv("load.test", "load.test", "MX")
                self.assertIn("; fully validated", said)
                self.assertNotIn(gone, said)
                shapes.add(tuple(sorted(re.findall(r"MX\s+(\d+ \S+)", said))))
        clear()
        self.assertGreaterEqual(len(shapes), 3)

    def test_a_removed_host_is_never_named_with_a_signature(self):
        """The first query after an override is the one that nobody has signed for, over UDP, or
        over TCP, which asks for the signature itself."""
        for server, transport in (("mail1", "+tcp"), ("mail2", "+notcp"), ("mail3", "+tcp"),
                                  ("mail1", "+notcp")):
            clear()
            wait_until("all hosts", lambda: len(Dig("load.test", "MX").answer) == 3, 5)
            override("down", server)
            wait_until(f"{server} is out", lambda: len(Dig("load.test", "MX").answer) == 2, 5)
            with self.subTest(server=server, transport=transport):
                answer = Dig("load.test", "MX", "+dnssec", transport).answer
                self.assertFalse([line for line in answer if f"{server}.hosts.test." in line])
                self.assertTrue([line for line in answer if " RRSIG " in line])
        clear()


class Restarted(unittest.TestCase):
    def test_signatures_are_kept(self):
        before = {zone: Dig(zone, "DNSKEY", "+dnssec").answer for zone in ("mail.test", "up.test")}
        saved = WORLD.server.directory / "snapshot" / "signatures"
        wait_until("the file of signatures", saved.exists, 10)
        WORLD.server.stop()
        WORLD.postgres.stop()
        try:
            WORLD.server.start()
            wait_until("answers", lambda: signed("mail.test"), 10)
            for zone, answer in before.items():
                self.assertEqual(sorted(Dig(zone, "DNSKEY", "+dnssec").answer), sorted(answer))
            self.assertIn("; fully validated", delv("mail.test", "www.mail.test", "TXT"))
            self.assertIn("; fully validated", delv("load.test", "load.test", "MX"))
        finally:
            WORLD.postgres.start()


class Resolver(Unbound):
    """A validating resolver that knows one anchor and where our zones are."""

    def __init__(self):
        super().__init__(
            WORLD.directory, HOST, "    domain-insecure: hosts.test\n" + SHORT_CACHES,
            port=free_port(), anchors={"up.test": anchor("up.test")},
            stubs={zone: [f"{HOST}@{WORLD.server.port}"]
                   for zone in ("up.test", "roll.up.test", "hosts.test")})
        wait_until("unbound", lambda: resolve(self, "www.up.test", "A").status == "NOERROR", 20)

    def verdict(self, name, rtype):
        """(rcode, AD) of an answer, by a datagram of our own: a process for each would be most of
        the work of a long run. None: no answer."""
        reply = dns_test.exchange(dns_test.packet(name, rtype, flags=0x0120, counts=(1, 0, 0, 1),
                                                  extra=dns_test.opt(flags=0x8000)),
                                  port=self.port, seconds=10)
        return None if reply is None else (reply[3] & 15, bool(reply[3] & 0x20))

    def names(self, host):
        """Whether its answer for the MX of the rolled zone has this host: a label."""
        reply = dns_test.exchange(dns_test.packet("roll.up.test", 15, flags=0x0100,
                                                  counts=(1, 0, 0, 1), extra=dns_test.opt()),
                                  port=self.port, seconds=10)
        return reply is None or host.encode() in reply


class Rolled(unittest.TestCase):
    def state(self):
        text = WORLD.operate("dnssec", "status", "roll.up.test")
        return re.findall(r"key (\d+) \S+ (\w+) since", text)

    def wait_state(self, *states):
        wait_until(f"keys {states}", lambda: sorted(s for _, s in self.state()) == sorted(states),
                   60)

    def publish_ds(self, wanted):
        """What the parent's operator does with CDS, once there are so many."""
        wait_until(f"{wanted} CDS",
                   lambda: len(Dig("roll.up.test", "CDS").answer) == wanted, 30)
        lines = [line.split(" CDS ")[1] for line in Dig("roll.up.test", "CDS").answer]
        select = " UNION ALL ".join(
            f"SELECT id, 'roll', 'DS', '{line}' FROM directory.domain WHERE name = 'up.test'"
            for line in lines)
        WORLD.postgres.sql(
            "BEGIN; DELETE FROM directory.record r USING directory.domain d WHERE d.id = "
            "r.domain_id AND d.name = 'up.test' AND r.type = 'DS'; INSERT INTO directory.record "
            f"(domain_id, owner, type, rdata) {select}; COMMIT")
        wait_until("DS", lambda: len(Dig("roll.up.test", "DS").answer) == len(lines), 5)
        WORLD.operate("dnssec", "ds", "roll.up.test",
                      *(word for line in lines for word in ("--seen", line.split(" ")[0])))

    def test_unbound_sees_no_bogus_answer_through_commits_and_a_key_roll(self):
        WORLD.operate("dnssec", "enable", "roll.up.test", "--ds-ttl", "1")
        WORLD.postgres.sql("UPDATE directory.dnssec SET propagation = 1")
        self.wait_state("waiting")
        self.publish_ds(1)
        self.wait_state("active")
        unbound = Resolver()
        self.addCleanup(unbound.stop)
        wait_until("a validated answer",
                   lambda: "ad" in resolve(unbound, "roll.up.test", "MX").flags, 30)
        stop = threading.Event()
        asked, wrong = [0], []

        def keep_asking():
            while not stop.is_set():
                for name, rtype, rcode in (("roll.up.test", 15, 0), ("www.roll.up.test", 1, 0),
                                           ("www.roll.up.test", 16, 0),
                                           ("none.roll.up.test", 1, 3),
                                           ("roll.up.test", 6, 0), ("roll.up.test", 48, 0)):
                    verdict = unbound.verdict(name, rtype)
                    asked[0] += 1
                    if verdict != (rcode, True):
                        wrong.append((name, rtype, verdict))
                time.sleep(0.01)  # what is asked must not keep the others from the machine

        resolver = threading.Thread(target=keep_asking)
        resolver.start()
        try:
            WORLD.operate("dnssec", "roll", "roll.up.test")
            self.wait_state("active", "waiting")
            self.publish_ds(2)
            commits = 0
            while commits < COMMITS or len(self.state()) > 1:
                clear()
                out = f"mail{1 + commits % 3}"
                override(("drain", "down")[commits % 2], out)
                commits += 1
                seen = asked[0]
                # What its cache has runs out after a second: each commit is resolved and validated.
                wait_until(f"commit {commits} at unbound", lambda h=out: not unbound.names(h), 30)
                wait_until("more answers", lambda s=seen: asked[0] >= s + 6, 30)
                if commits == COMMITS // 2:
                    self.publish_ds(1)  # the new key alone is wanted
        finally:
            clear()
            stop.set()
            resolver.join(30)
        print(f"{COMMITS} commits and a roll: {asked[0]} answers, {len(wrong)} of them wrong or "
              "not validated", file=sys.stderr)
        self.assertEqual(wrong, [])
        self.assertEqual([s for _, s in self.state()], ["active"])
        self.assertGreater(asked[0], 6 * COMMITS)


if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
