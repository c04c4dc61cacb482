#!/usr/bin/env python3
"""PowerDNS with a roundtable-dnsd behind it: Debian's pdns_server and its remote backend.

One name server with a private PostgreSQL, as dns_test.py has it, and three pdns_server in front of
its unix socket: a plain one, one that heeds client subnets, one that signs. What they say must be
what our own port says.
"""

import json
import pathlib
import re
import shutil
import signal
import socket
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
from dns_test import HOST, Dig  # noqa: E402
from endpoints import wait_until  # noqa: E402
from ports import free_port  # noqa: E402

# One record of each type whose text PowerDNS 4.7 reads, and some that it does not know.
TYPES = (
    ("A", "192.0.2.1"), ("NS", "ns1.hosts.test."), ("CNAME", "www.mail.test."),
    ("MR", "www.mail.test."), ("PTR", "www.mail.test."), ("HINFO", '"cpu" "os"'),
    ("MX", "10 mail1.hosts.test."), ("TXT", r'"a \"b\" \\ c" "\000\255;"'),
    ("RP", "a.mail.test. b.mail.test."), ("AFSDB", "1 www.mail.test."),
    ("KEY", "256 3 13 AwEAAQ=="), ("AAAA", "2001:db8::1"),
    ("LOC", "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m"),
    ("SRV", "10 5 143 www.mail.test."), ("NAPTR", '100 10 "S" "SIP+D2U" "" _sip._udp.mail.test.'),
    ("KX", "10 www.mail.test."), ("CERT", "1 12345 8 AwEAAQ=="), ("DNAME", "elsewhere.example."),
    ("APL", "1:192.0.2.0/24 !2:2001:db8::/32"), ("DS", "12345 13 2 " + "ab" * 32),
    ("SSHFP", "4 2 " + "cd" * 32), ("IPSECKEY", "10 1 2 192.0.2.3 AwEAAQ=="),
    ("DHCID", "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA="),
    ("TLSA", "3 1 1 " + "ef" * 32), ("SMIMEA", "3 1 1 " + "01" * 32),
    ("TYPE57", r"\# 8 0000030D01020304"),
    ("CDS", "12345 13 2 " + "23" * 32), ("CDNSKEY", "257 3 13 AwEAAQ=="),
    ("OPENPGPKEY", "AwEAAQ=="), ("CSYNC", "66 3 A NS AAAA"),
    ("ZONEMD", "2026112601 1 1 " + "45" * 48), ("SVCB", "1 www.mail.test. alpn=h2 port=853"),
    ("HTTPS", "1 . alpn=h3,h2 ipv4hint=192.0.2.1"), ("SPF", '"v=spf1 -all"'),
    ("EUI48", "00-00-5e-00-53-2a"), ("EUI64", "00-00-5e-ef-10-00-00-2a"),
    ("URI", '10 1 "https://www.mail.test/"'), ("CAA", '0 issue "ca.example"'),
    ("DLV", "12345 13 2 " + "67" * 32),
    ("MB", "www.mail.test."), ("MG", "www.mail.test."), ("NID", "10 0014:4fff:ff20:ee64"),
    ("L32", "10 10.1.2.0"), ("L64", "10 2001:0DB8:1140:1000"), ("LP", "10 www.mail.test."),
    ("TALINK", "a.mail.test. b.mail.test."), ("MINFO", "a.mail.test. b.mail.test."),
    ("X25", '"311061700956"'), ("ISDN", '"150862028003217"'), ("RT", "10 www.mail.test."),
    ("PX", "10 a.mail.test. b.mail.test."), ("TYPE10", r"\# 2 0102"), ("TYPE56", r"\# 2 0161"),
    ("TYPE65280", r"\# 4 0A000001"), ("TYPE65281", r"\# 0"))
# In a zone of their own: not below others of the list.
APART = ("NS", "DNAME", "DS", "CNAME", "DLV")


class PowerDns:
    """A pdns_server in a directory of its own, in the foreground."""

    def __init__(self, world, name, settings=""):
        self.directory = world.directory / name
        self.directory.mkdir(mode=0o755)
        self.port = free_port()
        (self.directory / "pdns.conf").write_text(
            "launch=remote\n"
            f"remote-connection-string=unix:path={world.socket},timeout=20000\n"
            f"local-address={HOST}\nlocal-port={self.port}\nsocket-dir={self.directory}\n"
            "guardian=no\ndaemon=no\ndisable-syslog=yes\nwrite-pid=no\nsetuid=\nsetgid=\n"
            "version-string=anonymous\n"
            # What the README says: no answer of one client for another, and nothing old.
            "cache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\n"
            "any-to-tcp=no\ndname-processing=yes\nallow-axfr-ips=127.0.0.0/8\n" + settings)
        self.process = None

    def start(self):
        log = (self.directory / "log").open("ab")
        self.process = subprocess.Popen(
            [shutil.which("pdns_server"), f"--config-dir={self.directory}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory)
        wait_until("PowerDNS", lambda: self.ask("mail.test", "SOA").answer, 30)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)

    def ask(self, *arguments, source=HOST):
        return Dig(*arguments, port=self.port, source=source)

    def util(self, *arguments):
        return subprocess.run(
            [shutil.which("pdnsutil"), f"--config-dir={self.directory}", *arguments],
            capture_output=True, text=True, check=False)


class World(dns_test.World):
    def __init__(self):
        super().__init__()
        self.socket = self.directory / "powerdns"
        self.restart_name_server(give_keys=True)
        sql = self.postgres.sql
        rows = [(f"{kind.lower()}-{number}", kind, text, "apart" if kind in APART else "types")
                for number, (kind, text) in enumerate(TYPES)]
        # A DS stands at a delegation.
        rows += [(owner, "NS", "ns.elsewhere.example.", zone) for owner, kind, _, zone in rows
                 if kind == "DS"]
        sql("INSERT INTO directory.domain (name) VALUES ('types.test'), ('apart.test'); "
            "INSERT INTO directory.record (domain_id, owner, type, rdata) SELECT d.id, v.owner, "
            "v.type, v.rdata FROM directory.domain d JOIN (VALUES "
            + ", ".join(f"('{owner}', '{kind}', $${text}$$, '{zone}.test')"
                        for owner, kind, text, zone in rows)
            + ") v (owner, type, rdata, zone) ON v.zone = d.name")
        sql("INSERT INTO directory.record (domain_id, owner, type, rdata) SELECT id, v.* FROM "
            "directory.domain, (VALUES ('sub', 'NS', 'ns.sub.mail.test.'), "
            "('ns.sub', 'A', '192.0.2.90'), ('tree', 'DNAME', 'wild.mail.test.')) v "
            "WHERE name = 'mail.test'")
        # table.test denies by compact records, and is fetched by nobody.
        sql("WITH p AS (INSERT INTO directory.transfer_peer (name, networks, all_domains) "
            "VALUES ('own', '{127.0.0.1/32}', false) RETURNING id) "
            "INSERT INTO directory.transfer_domain (peer_id, domain_id) SELECT p.id, d.id "
            "FROM p, directory.domain d WHERE d.name <> 'table.test'")
        wait_until("the zones", lambda: Dig(
            "ns.sub.mail.test", "A", port=self.server.port).authority, 10)
        self.plain = PowerDns(self, "pdns")
        # It ends itself when it is a primary and its backend is away: the last test but one.
        self.subnets = PowerDns(self, "pdns-subnets", "edns-subnet-processing=yes\nprimary=yes\n"
                                "xfr-cycle-interval=1\n")
        self.signing = PowerDns(self, "pdns-signing", "remote-dnssec=yes\n"
                                "dnssec-key-cache-ttl=0\nzone-metadata-cache-ttl=0\n")
        for server in (self.plain, self.subnets, self.signing):
            self.cleanup.callback(server.stop)
            server.start()

    def restart_name_server(self, *, give_keys):
        self.server.stop()
        config = self.server.config.read_text().partition("powerdns_socket:")[0]
        self.server.config.write_text(
            config + f"powerdns_socket:\n  path: {self.socket}\n  mode: '0600'\n"
            f"  give_keys: {str(give_keys).lower()}\n")
        self.server.start()


WORLD = None


def setUpModule():
    global WORLD
    for program in ("pdns_server", "pdnsutil"):
        if shutil.which(program) is None:
            raise RuntimeError(f"{program} is not there: ops/scripts/packages test")
    WORLD = World()
    dns_test.WORLD = WORLD


def tearDownModule():
    WORLD.cleanup.close()


def records(lines):
    """As a sorted list, without what a server may write as it likes."""
    return sorted(set(re.sub(r"\s+", " ", line).lower() for line in lines
                      if line and not line.startswith(";")))


def transfer(port, zone):
    text = subprocess.run(["dig", f"@{HOST}", "-p", str(port), "+tries=1", "+time=10", "+noall",
                           "+answer", zone, "AXFR"], capture_output=True, text=True,
                          check=False).stdout
    return records(text.splitlines())


def sources_of(zone):
    """Networks (127.x.y) that get different MX answers, two of them at least."""
    found = {}
    for i in range(40):
        network = f"127.{i}.{6 * i}"
        found.setdefault(frozenset(dns_client.query((HOST, WORLD.server.port), zone, "MX",
                                                    network + ".1", 5).answers), network)
    if len(found) < 2:
        raise AssertionError(f"{zone} has one row for all sources")
    return list(found.values())


class Steering(unittest.TestCase):
    def test_a_client_gets_the_row_that_it_gets_from_us(self):
        for zone, kind, least in (("load.test", "MX", 2), ("table.test", "MX", 2),
                                  ("mail.test", "MX", 1), ("imap.mail.test", "A", 1),
                                  ("_imap._tcp.mail.test", "SRV", 1),
                                  ("pop.mail.test", "AAAA", 1)):
            seen = set()
            for i in range(40):
                source = f"127.{i}.{6 * i}.1"
                own = dns_client.query((HOST, WORLD.server.port), zone, kind, source, 5)
                theirs = dns_client.query((HOST, WORLD.plain.port), zone, kind, source, 5)
                with self.subTest(zone=zone, kind=kind, source=source):
                    self.assertTrue(own.answers)
                    self.assertTrue(theirs.authoritative)
                    self.assertEqual(set(theirs.answers), set(own.answers))
                seen.add(frozenset(own.answers))
            self.assertGreaterEqual(len(seen), least, zone)

    def test_a_clients_subnet_stands_for_the_client_where_it_is_heeded(self):
        for network in sources_of("table.test"):
            # As a client there would be answered; the resolver is 127.0.0.1.
            own = Dig("table.test", "MX", source=network + ".1")
            theirs = WORLD.subnets.ask("table.test", "MX", f"+subnet={network}.0/24")
            self.assertEqual(records(theirs.answer), records(own.answer))
            self.assertIn(f"CLIENT-SUBNET: {network}.0/24/24", theirs.reply)
        own = Dig("table.test", "MX")
        theirs = WORLD.subnets.ask("table.test", "MX", "+subnet=127.9.0.0/16")
        self.assertEqual(records(theirs.answer), records(own.answer))
        self.assertIn("CLIENT-SUBNET: 127.9.0.0/16/0", theirs.reply)
        self.assertIn("/24/0", WORLD.subnets.ask("www.mail.test", "A",
                                                 "+subnet=127.9.0.0/24").reply)

    def follow(self, what, sql, condition):
        """After a change PowerDNS says at once what our own port says; how long that took."""
        WORLD.postgres.sql(sql)
        started = time.monotonic()
        wait_until(what, lambda: condition(WORLD.server.port), 10, 0.01)
        self.assertTrue(condition(WORLD.plain.port), f"{what}: not yet at PowerDNS")
        print(f"{what}: {time.monotonic() - started:.2f} s after psql", file=sys.stderr)

    def test_an_override_is_answered_as_soon_as_by_us(self):
        def has_mail1(port):
            return any(record.data[1] == "mail1.hosts.test" for record in
                       dns_client.query((HOST, port), "load.test", "MX", HOST, 5).answers)
        self.assertTrue(has_mail1(WORLD.plain.port))
        self.follow("mail1 drained", "INSERT INTO directory.mx_override (pool, action, server, "
                    "author, reason) VALUES ('mail', 'drain', 'mail1', 'test', 'for PowerDNS')",
                    lambda port: not has_mail1(port))
        self.follow("mail1 back", "UPDATE directory.mx_override SET removed_at = now(), "
                    "removed_by = 'test' WHERE removed_at IS NULL", has_mail1)

    def test_edits_and_domains_are_answered_as_soon_as_by_us(self):
        def rcode(name, kind):
            return lambda port: dns_client.query((HOST, port), name, kind, HOST, 5).rcode
        fresh, domain = rcode("fresh.mail.test", "A"), rcode("fresh.test", "SOA")
        self.follow("a record", "INSERT INTO directory.record (domain_id, owner, type, rdata) "
                    "SELECT id, 'fresh', 'A', '192.0.2.99' FROM directory.domain WHERE name = "
                    "'mail.test'", lambda port: fresh(port) == "NOERROR")
        self.follow("a domain", "INSERT INTO directory.domain (name) VALUES ('fresh.test')",
                    lambda port: domain(port) == "NOERROR")
        self.follow("no domain", "DELETE FROM directory.domain WHERE name = 'fresh.test'",
                    lambda port: domain(port) == "REFUSED")


class Answers(unittest.TestCase):
    def test_says_what_our_own_port_says(self):
        for name, kind in (("mail.test", "SOA"), ("mail.test", "NS"), ("www.mail.test", "A"),
                           ("WWW.mail.test", "AAAA"), ("www.mail.test", "TXT"),
                           ("www.mail.test", "MX"), ("nothing.mail.test", "A"),
                           ("a.ent.mail.test", "A"), ("ent.mail.test", "TXT"),
                           ("x.wild.mail.test", "A"), ("x.wild.mail.test", "TXT"),
                           ("x.deep.wild.mail.test", "A"), ("a.deep.wild.mail.test", "A"),
                           ("alias.mail.test", "A"), ("alias.mail.test", "CNAME"),
                           ("away.mail.test", "A"), ("strange.mail.test", "TYPE65280"),
                           ("x.sub.mail.test", "A"), ("sub.mail.test", "A"),
                           ("x.tree.mail.test", "A"), ("hosts.test", "MX"),
                           ("mail1.hosts.test", "A"), ("_sip._udp.mail.test", "SRV")):
            own, theirs = Dig(name, kind), WORLD.plain.ask(name, kind)
            with self.subTest(name=name, kind=kind):
                self.assertEqual(theirs.status, own.status)
                self.assertEqual(records(theirs.answer), records(own.answer))
                if not own.answer:
                    self.assertEqual(records(theirs.authority), records(own.authority))

    def test_any_has_all_there_is(self):
        reply = WORLD.plain.ask("mail.test", "ANY", "+tcp")
        self.assertEqual({line.split()[3] for line in reply.answer}, {"SOA", "NS", "MX"})

    def test_names_of_the_internal_view_are_not_there(self):
        name = dns_test.name_of("alice")
        self.assertEqual(WORLD.plain.ask(name, "TXT").answer, [])
        self.assertNotIn("_account", "".join(transfer(WORLD.plain.port, "mail.test")))

    def test_every_type_is_the_same(self):
        for number, (kind, _) in enumerate(TYPES):
            zone = "apart" if kind in APART else "types"
            name = f"{kind.lower()}-{number}.{zone}.test"
            own, theirs = Dig(name, kind), WORLD.plain.ask(name, kind)
            with self.subTest(kind=kind):
                self.assertTrue(own.answer + own.authority)
                self.assertEqual(theirs.status, "NOERROR")
                self.assertEqual(records(theirs.answer), records(own.answer))

    def test_a_zone_goes_out_as_we_send_it(self):
        """But for CDS and CDNSKEY: PowerDNS sends only those that it makes itself."""
        for zone in ("mail.test", "load.test", "hosts.test", "types.test", "apart.test"):
            own = transfer(WORLD.server.port, zone)
            with self.subTest(zone=zone):
                self.assertGreater(len(own), 2)
                self.assertEqual(transfer(WORLD.plain.port, zone),
                                 [line for line in own if not re.search(" cds | cdnskey ", line)])

    def test_pdnsutil_finds_nothing_wrong(self):
        listed = WORLD.plain.util("list-all-zones").stdout.split()
        for zone in ("mail.test", "load.test", "hosts.test", "types.test", "apart.test"):
            self.assertIn(zone, listed)
            checked = WORLD.plain.util("check-zone", zone)
            with self.subTest(zone=zone):
                self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
                self.assertIn(" 0 errors", checked.stdout + checked.stderr)
                if zone != "types.test":  # there it would write some data otherwise
                    self.assertNotIn("content are not equal", checked.stdout + checked.stderr)


class Signing(unittest.TestCase):
    """PowerDNS signs with keys of the directory; delv judges."""

    @classmethod
    def setUpClass(cls):
        cls.anchors = WORLD.directory / "anchors"
        text = ""
        for zone, denial, algorithm, number in (("mail.test", "nsec", "ECDSAP256SHA256", 13),
                                                ("table.test", "compact", "ED25519", 15)):
            made = subprocess.run(
                [shutil.which("dnssec-keygen"), "-q", "-a", algorithm, "-f", "KSK", zone],
                cwd=WORLD.directory, capture_output=True, text=True, check=True).stdout.strip()
            public = "".join((WORLD.directory / f"{made}.key").read_text().splitlines()[-1]
                             .split(" DNSKEY ")[1].split()[3:])
            private = re.search(r"PrivateKey: (\S+)",
                                (WORLD.directory / f"{made}.private").read_text())[1]
            WORLD.postgres.sql(
                "BEGIN; INSERT INTO directory.dnssec (domain_id, denial) SELECT id, "
                f"'{denial}' FROM directory.domain WHERE name = '{zone}'; WITH k AS (INSERT INTO "
                "directory.dnssec_key (domain_id, algorithm, public_key, state) SELECT id, "
                f"{number}, decode('{public}', 'base64'), 'active' FROM directory.domain WHERE "
                f"name = '{zone}' RETURNING id) INSERT INTO directory.dnssec_secret SELECT id, "
                f"decode('{private}', 'base64') FROM k; COMMIT")
            text += f'"{zone}." static-key 257 3 {number} "{public}";\n'
        cls.anchors.write_text(f"trust-anchors {{\n{text}}};\n")
        for zone in ("mail.test", "table.test"):
            wait_until(f"signed {zone}", lambda z=zone: any(
                " RRSIG " in line for line in
                WORLD.signing.ask(z, "SOA", "+dnssec").answer), 10)

    def delv(self, name, kind, zone):
        return subprocess.run(
            ["delv", f"@{HOST}", "-p", str(WORLD.signing.port), "-a", str(self.anchors),
             f"+root={zone}", name, kind], capture_output=True, text=True, check=False)

    def test_every_answer_validates(self):
        for name, kind, zone, told in (
                ("mail.test", "MX", "mail.test", "fully validated"),
                ("mail.test", "DNSKEY", "mail.test", "fully validated"),
                ("mail.test", "CDS", "mail.test", "fully validated"),
                ("www.mail.test", "A", "mail.test", "fully validated"),
                ("alias.mail.test", "A", "mail.test", "fully validated"),
                ("x.wild.mail.test", "A", "mail.test", "fully validated"),
                ("imap.mail.test", "A", "mail.test", "fully validated"),
                ("_imap._tcp.mail.test", "SRV", "mail.test", "fully validated"),
                ("nothing.mail.test", "A", "mail.test", "negative response, fully validated"),
                ("aaa.mail.test", "A", "mail.test", "negative response, fully validated"),
                ("zzz.mail.test", "A", "mail.test", "negative response, fully validated"),
                ("www.mail.test", "MX", "mail.test", "negative response, fully validated"),
                ("ent.mail.test", "A", "mail.test", "negative response, fully validated"),
                ("mail.test", "TXT", "mail.test", "negative response, fully validated"),
                ("table.test", "MX", "table.test", "fully validated"),
                ("nothing.table.test", "A", "table.test", "negative response, fully validated"),
                ("table.test", "TXT", "table.test", "negative response, fully validated")):
            with self.subTest(name=name, kind=kind):
                said = self.delv(name, kind, zone)
                self.assertIn(told, said.stdout, said.stdout + said.stderr)

    def test_every_row_validates(self):
        for network in sources_of("table.test"):
            source = network + ".1"
            said = subprocess.run(
                ["delv", f"@{HOST}", "-p", str(WORLD.signing.port), "-a", str(self.anchors),
                 "-b", source, "+root=table.test", "table.test", "MX"],
                capture_output=True, text=True, check=False).stdout
            self.assertIn("fully validated", said)
            mine = [line for line in said.splitlines() if "\tMX\t" in line]
            self.assertEqual(records(mine),
                             records(Dig("table.test", "MX", source=source).answer))

    def test_check_zone_knows_the_key(self):
        shown = WORLD.signing.util("show-zone", "mail.test").stdout
        self.assertIn("ECDSAP256SHA256", shown)
        self.assertRegex(shown, r"CSK|KSK")

    def test_an_unsigned_zone_stays_unsigned(self):
        reply = WORLD.signing.ask("load.test", "MX", "+dnssec")
        self.assertEqual(reply.status, "NOERROR")
        self.assertNotIn("RRSIG", reply.reply)


class Wire(unittest.TestCase):
    def call(self, method, **parameters):
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(10)
            wire.connect(str(WORLD.socket))
            wire.sendall(json.dumps({"method": method, "parameters": parameters}).encode() + b"\n")
            return json.loads(wire.makefile().readline())

    def test_a_primary_tells_what_has_changed(self):
        """PowerDNS with primary=yes asks for changed zones and says which it has told of."""
        number = self.call("getDomainInfo", name="mail.test.")["result"]["id"]

        def told():
            info = self.call("getDomainInfo", name="mail.test.")["result"]
            self.assertEqual(info["id"], number)
            return info["serial"] == info["notified_serial"]
        wait_until("mail.test told", told, 60)

    def test_metrics_count_the_calls(self):
        def count(metrics, outcome):
            found = re.search(r"roundtable_dns_powerdns_calls_total\{outcome=\"" + outcome
                              + r"\"\} (\d+)", metrics)
            return int(found[1]) if found else 0
        before = count(WORLD.server.metrics(), "unknown")
        self.assertEqual(self.call("feedRecord", rr={})["result"], False)
        wait_until("the metric", lambda: count(WORLD.server.metrics(), "unknown") > before, 10)
        self.assertGreater(count(WORLD.server.metrics(), "answered"), 0)

    def test_powerdns_comes_back_after_a_restart(self):
        WORLD.server.stop()
        self.assertFalse(WORLD.socket.exists())
        self.assertNotEqual(WORLD.plain.ask("mail.test", "MX").status, "NOERROR")
        WORLD.server.start()
        for server in (WORLD.plain, WORLD.signing):
            wait_until(f"{server.directory.name} again",
                       lambda s=server: s.ask("mail.test", "MX").status == "NOERROR", 10)

    def test_nobody_else_may_connect(self):
        self.assertEqual(WORLD.socket.stat().st_mode & 0o777, 0o600)


class WithoutKeys(unittest.TestCase):
    """Last: the name server is told to keep its keys."""

    def test_z_keys_stay_here_unless_they_are_to_be_given(self):
        WORLD.restart_name_server(give_keys=False)
        wire = Wire()
        self.assertEqual(wire.call("getDomainKeys", name="mail.test.")["result"], False)
        self.assertEqual(wire.call("getAllDomainMetadata", name="mail.test.")["result"], {})


if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
