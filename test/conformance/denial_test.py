#!/usr/bin/env python3
"""What is not there, said in each of the three ways that zones can be signed with (NSEC, NSEC3,
compact), judged by delv, unbound, ldns-verify-zone and dnssec-verify.

One roundtable-dnsd with a private PostgreSQL; mail.test denies by NSEC, load.test and rotate.test
the other two ways. ROUNDTABLE_DENIAL_FLOOD sets how many random names the flood asks for.
"""

import os
import pathlib
import re
import select
import socket
import struct
import subprocess
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "test" / "conformance"), str(ROOT / "ops" / "demo"),
                str(ROOT / "test" / "support")]
import dns_test  # noqa: E402
import dnssec_test  # noqa: E402
import ran  # noqa: E402
from dns_test import HOST, Dig, encode_name  # noqa: E402
from dnssec_test import anchor, delv, resolve, signed  # noqa: E402
from endpoints import wait_until  # noqa: E402
from ports import free_port  # noqa: E402
from unbound import Unbound  # noqa: E402

FLOOD = int(os.environ.get("ROUNDTABLE_DENIAL_FLOOD", "20000"))
ZONES = {"nsec.test": "nsec", "nsec3.test": "nsec3", "compact.test": "compact"}
RECORDS = (("www", "A", "192.0.2.1"), ("alias", "CNAME", "www"), ("lost", "CNAME", "gone"),
           ("a.b.c", "TXT", "deep"), ("*.wild", "TXT", "wild"), ("*.wild", "MX", "10 www"),
           ("!a.wild", "TXT", "beside"), ("closer.wild", "A", "192.0.2.2"),
           ("away", "DNAME", "elsewhere.test."), ("cut", "NS", "ns.cut"),
           ("ns.cut", "A", "192.0.2.3"), ("safe", "NS", "ns.cut"),
           ("safe", "DS", "1 13 2 "
            "b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17"),
           ("@", "TXT", "apex"), ("strange", "TYPE65280", "\\# 3 abcdef"))
# Name below the zone, type, and what delv says of it. Each kind of answer that denies something.
POSITIVE = (("www", "A"), ("alias", "A"), ("", "MX"), ("", "SOA"), ("x.wild", "TXT"),
            ("x.y.wild", "TXT"), ("!.wild", "TXT"), ("closer.wild", "A"), ("strange", "TYPE65280"),
            ("safe", "DS"))
NODATA = (("www", "MX"), ("", "SRV"), ("b.c", "TXT"), ("c", "A"), ("x.wild", "A"), ("wild", "TXT"),
          ("cut", "DS"), ("alias", "NSEC3"), ("closer.wild", "TXT"))
NONAME = (("none", "A"), ("x.www", "A"), ("x.closer.wild", "TXT"), ("zzz", "MX"), ("0", "A"),
          ("x.y.z.none", "TXT"), ("*.none", "A"), ("lost", "A"), ("imap", "MX"))


class World(dnssec_test.World):
    """Another world: no peers but for the zones that have a chain."""

    def __init__(self):
        dns_test.World.__init__(self)
        values = ", ".join(f"('{zone}', 'load', 60, 60)" for zone in ZONES)
        self.postgres.sql(
            f"INSERT INTO directory.domain (name, policy, minimum, ttl) VALUES {values};"
            "INSERT INTO directory.mail_exchange (domain_id, mail_server_id, preference) "
            "SELECT d.id, m.id, 10 FROM directory.domain d, directory.mail_server m "
            "WHERE d.name IN ('nsec.test', 'nsec3.test', 'compact.test')")
        for owner, rtype, data in RECORDS:
            text = f'"{data}"' if rtype == "TXT" else data
            self.postgres.sql(
                "INSERT INTO directory.record (domain_id, owner, type, rdata) SELECT id, "
                f"'{owner}', '{rtype}', '{text}' FROM directory.domain "
                "WHERE name IN ('nsec.test', 'nsec3.test', 'compact.test')")
        self.operate("transfer", "add", "tools", "--from", "127.0.0.0/8",
                     "--domain", "nsec.test", "--domain", "nsec3.test")
        for zone, denial in ZONES.items():
            self.operate("dnssec", "enable", zone, "--denial", denial)

    def refused(self, *arguments):
        try:
            self.operate(*arguments)
        except RuntimeError as error:
            return str(error)
        return ""


WORLD = None


def setUpModule():
    global WORLD
    WORLD = dns_test.WORLD = dnssec_test.WORLD = World()
    for zone in ZONES:
        wait_until(f"signatures of {zone}", lambda z=zone: signed(z), 20)


def tearDownModule():
    WORLD.cleanup.close()


def full(name, zone):
    return f"{name}.{zone}" if name else zone


class Denied(unittest.TestCase):
    def test_delv_believes_every_kind_of_answer(self):
        for zone in ZONES:
            for name, rtype in POSITIVE:
                with self.subTest(zone=zone, name=name, type=rtype):
                    self.assertIn("; fully validated", delv(zone, full(name, zone), rtype))
            for name, rtype in NODATA + NONAME:
                with self.subTest(zone=zone, name=name, type=rtype):
                    self.assertRegex(delv(zone, full(name, zone), rtype),
                                     "; (negative response, )?fully validated")

    def test_chains_verify_whole(self):
        for zone, kind in (("nsec.test", " NSEC "), ("nsec3.test", " NSEC3 ")):
            text = subprocess.run(["dig", f"@{HOST}", "-p", str(WORLD.server.port), zone, "AXFR",
                                   "+noall", "+answer", "+onesoa"],
                                  capture_output=True, text=True, check=True).stdout
            file = WORLD.directory / f"{zone}.zone"
            file.write_text(text)
            self.assertIn(kind, re.sub(r"\s+", " ", text))
            for tool in (["ldns-verify-zone", file], ["dnssec-verify", "-z", "-o", zone, file]):
                with self.subTest(zone=zone, tool=tool[0]):
                    done = subprocess.run(tool, capture_output=True, text=True, check=False)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_hashes_have_no_salt_and_no_iterations(self):
        answer = Dig("nsec3.test", "NSEC3PARAM", "+dnssec").answer
        self.assertTrue([line for line in answer if line.endswith("NSEC3PARAM 1 0 0 -")], answer)

    def test_compact_denial_is_one_record_at_the_name(self):
        reply = Dig("one.compact.test", "A", "+dnssec")
        self.assertEqual(reply.status, "NOERROR")
        nsec = [line for line in reply.authority if line.split()[3] == "NSEC"]
        self.assertEqual(len(nsec), 1)
        self.assertRegex(nsec[0], r"^one\.compact\.test\. .* NSEC \\000\.one\.compact\.test\. "
                                  r"RRSIG NSEC (TYPE128|NXNAME)$")
        # Without DO, and for who understands CO, it is NXDOMAIN (RFC 9824 3.1, 5.1).
        self.assertEqual(Dig("one.compact.test", "A").status, "NXDOMAIN")
        header, flags = self.ask_with_co("one.compact.test")
        self.assertEqual((header[3] & 15, flags), (3, 0xc000))
        self.assertEqual(Dig("one.compact.test", "TYPE128").status, "FORMERR")
        self.assertIn(" NSEC ", " ".join(Dig("two.compact.test", "NSEC", "+dnssec").answer))

    @staticmethod
    def ask_with_co(name):
        """The header of the answer, and the flags of its OPT; dig 9.18 cannot set CO."""
        query = (struct.pack("!6H", 7, 0, 1, 0, 0, 1) + encode_name(name)
                 + struct.pack("!HH", 1, 1)
                 + b"\0" + struct.pack("!HHBBHH", 41, 1232, 0, 0, 0xc000, 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(5)
            udp.sendto(query, (HOST, WORLD.server.port))
            reply = udp.recv(4096)
        opt = reply.rindex(b"\0\0\x29")  # the root, type 41
        return reply[:12], struct.unpack_from("!H", reply, opt + 7)[0]

    def test_steered_types_are_in_the_bitmaps(self):
        for zone in ("nsec.test", "compact.test"):
            line = Dig(zone, "NSEC").answer[0]
            self.assertIn(" MX ", line)
            self.assertEqual(len(Dig(zone, "NSEC").answer), 1)  # without DO no RRSIG


class Resolved(unittest.TestCase):
    def test_unbound_believes_every_kind_of_answer(self):
        """It knows the three zones, and concludes what it can from what it has (RFC 8198)."""
        unbound = Unbound(WORLD.directory, HOST, "    aggressive-nsec: yes\n", port=free_port(),
                          stubs={zone: [f"{HOST}@{WORLD.server.port}"] for zone in ZONES},
                          anchors={zone: anchor(zone) for zone in ZONES})
        self.addCleanup(unbound.stop)
        wait_until("unbound",
                   lambda: resolve(unbound, "www.nsec.test", "A").status == "NOERROR", 20)
        for zone in ZONES:
            for name, rtype in POSITIVE + NODATA + NONAME:
                if zone == "compact.test" and rtype == "NSEC3":
                    continue
                with self.subTest(zone=zone, name=name, type=rtype):
                    reply = resolve(unbound, full(name, zone), rtype)
                    absent = (name, rtype) in NONAME
                    if absent and zone == "compact.test":
                        # Beside a wildcard it may know better by itself: there is a piece of
                        # chain, and names that it covers are gone (RFC 8198).
                        self.assertIn(reply.status, ("NOERROR", "NXDOMAIN"))
                    else:
                        self.assertEqual(reply.status, "NXDOMAIN" if absent else "NOERROR")
                    self.assertIn("ad", reply.flags)


class Refused(unittest.TestCase):
    def test_compact_and_transfers_are_refused_together(self):
        said = WORLD.refused("dnssec", "enable", "nsec.test", "--denial", "compact")
        self.assertIn("nsec.test is transferred to tools", said)
        said = WORLD.refused("transfer", "add", "all", "--from", "127.0.0.0/8")
        self.assertIn("compact.test denies by compact records", said)
        said = WORLD.refused("transfer", "add", "one", "--from", "127.0.0.0/8", "--domain",
                             "compact.test")
        self.assertIn("compact.test denies by compact records", said)
        for statement in (
                "UPDATE directory.dnssec SET denial = 'compact'",
                "UPDATE directory.transfer_peer SET all_domains = true",
                "INSERT INTO directory.transfer_domain (peer_id, domain_id) SELECT p.id, d.id FROM "
                "directory.transfer_peer p, directory.domain d WHERE d.name = 'compact.test'"):
            with self.subTest(statement=statement):
                with self.assertRaises(subprocess.CalledProcessError) as raised:
                    WORLD.postgres.sql(statement)
                self.assertIn("dnssec_chain_for_transfers", raised.exception.stderr)

    def test_the_way_of_denial_is_changed_in_place(self):
        WORLD.operate("dnssec", "enable", "nsec.test", "--denial", "nsec3")
        try:
            wait_until("NSEC3", lambda: any(
                " NSEC3 " in line for line in Dig("no.nsec.test", "A", "+dnssec").authority), 10)
            self.assertIn("fully validated", delv("nsec.test", "no.nsec.test", "A"))
        finally:
            WORLD.operate("dnssec", "enable", "nsec.test", "--denial", "nsec")
            wait_until("NSEC", lambda: any(
                " NSEC " in line for line in Dig("no.nsec.test", "A", "+dnssec").authority), 10)


def query(number, name, source):
    """A query with DO for a name, from one of our own addresses."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    packet = (number.to_bytes(2, "big") + bytes.fromhex("000000010000000000 01".replace(" ", ""))
              + labels + bytes.fromhex("0000010001") + bytes.fromhex("00002904d0000080000000"))
    source.send(packet)


class Flooded(unittest.TestCase):
    def counts(self):
        text = WORLD.server.metrics() if hasattr(WORLD.server, "metrics") else ""
        return dict(re.findall(
            r'roundtable_dns_compact_denials_total\{outcome="(\w+)"\} (\d+)', text))

    def test_a_flood_of_names_gets_no_more_signatures_than_the_budget(self):
        """From eight networks as fast as it goes; a resolver elsewhere is answered meanwhile."""
        sources = []
        for network in range(8):
            source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            source.bind((f"127.{network + 1}.0.1", 0))
            source.connect((HOST, WORLD.server.port))
            source.setblocking(False)
            sources.append(source)
            self.addCleanup(source.close)
        start = time.monotonic()
        answered = {"signed": 0, "cut": 0, "failed": 0}

        def take():
            for source in sources:
                try:
                    while True:
                        reply = source.recv(4096)
                        kind = ("cut" if reply[2] & 2 else "failed" if reply[3] & 15 == 2
                                else "signed")
                        answered[kind] += 1
                except BlockingIOError:
                    pass

        legitimate = []
        for number in range(FLOOD):
            query(number % 65536, f"r{number}.compact.test", sources[number % 8])
            if number % 64 == 0:
                take()
            if number % (FLOOD // 20) == 0:
                # Existing names are signed beforehand; another network's new name comes by TCP.
                legitimate.append(Dig("www.compact.test", "A", "+dnssec").status)
                legitimate.append(Dig(f"l{number}.compact.test", "A", "+dnssec").status)
        while select.select(sources, [], [], 0.2)[0]:
            take()
        took = time.monotonic() - start
        print(f"{FLOOD} names in {took:.1f} s: {answered}", file=sys.stderr)
        self.assertEqual(set(legitimate), {"NOERROR"})
        # 100 a second and network, and what each may take at once.
        self.assertLess(answered["signed"], 8 * 100 * (took + 2))
        self.assertGreater(answered["signed"], 0)
        self.assertGreater(answered["cut"], 0)


if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
