#!/usr/bin/env python3
"""Dynamic updates (RFC 2136) as their clients send them: nsupdate, certbot's rfc2136 plugin, and
messages that no client would send.

Two roundtable-dnsd with a private PostgreSQL. An update that was answered NOERROR must be in the
answers of that server at once, of the other one soon.
"""

import base64
import hashlib
import hmac
import os
import pathlib
import socket
import struct
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
from dns_test import HOST, NameServer  # noqa: E402
from endpoints import wait_until  # noqa: E402

SECRET = base64.b64encode(bytes(range(32))).decode()
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 2, 3, 4, 5
YXDOMAIN, YXRRSET, NXRRSET, NOTAUTH, NOTZONE = 6, 7, 8, 9, 10
A, NS, CNAME, SOA, MX, TXT, AAAA, ANY, TSIG = 1, 2, 5, 6, 15, 16, 28, 255, 250
IN, CH, NONE = 1, 3, 254


class World(dns_test.World):
    def __init__(self):
        super().__init__()
        sql = self.postgres.sql
        for key in ("full.key", "acme.key", "host.key", "none.key"):
            self.roundtable("transfer", "key", "add", key, "--secret-stdin", input=SECRET)
        self.roundtable("update", "allow", "full.key", "hosts.test", "--below")
        self.roundtable("update", "allow", "full.key", "mail.test", "--below")
        self.roundtable("update", "allow", "acme.key", "mail.test", "--acme")
        self.roundtable("update", "allow", "host.key", "mail.test", "--name", "dyn",
                        "--type", "A", "--type", "AAAA")
        sql("INSERT INTO directory.mail_records (domain_id) SELECT id FROM directory.domain "
            "WHERE name = 'hosts.test'")
        sql("INSERT INTO directory.record (domain_id, owner, type, rdata) SELECT id, '@', 'TXT', "
            "'\"v=spf1 mx ~all\"' FROM directory.domain WHERE name = 'hosts.test'")
        self.other = NameServer(self.directory, "ns2", self.postgres.conninfo("roundtable_dnsd"))
        self.cleanup.callback(self.other.stop)
        self.other.start()
        wait_until("the keys", lambda: update(self.server, "mail.test", key="none.key") == REFUSED
                   and update(self.other, "mail.test", key="none.key") == REFUSED, 10)

    def roundtable(self, *arguments, check=True, **more):
        binaries = pathlib.Path(os.environ.get("ROUNDTABLE_BIN", ROOT / "build/release/bin"))
        return subprocess.run([binaries / "roundtable", *arguments, "--database",
                               self.postgres.conninfo("postgres")],
                              check=check, capture_output=True, text=True, **more)


WORLD = None


def setUpModule():
    global WORLD
    WORLD = dns_test.WORLD = World()


def tearDownModule():
    WORLD.cleanup.close()


def wire(name):
    return dns_test.encode_name(name)


def record(name, rtype, rclass=IN, ttl=0, data=b""):
    return wire(name) + struct.pack("!HHIH", rtype, rclass, ttl, len(data)) + data


def text(*strings):
    return b"".join(bytes([len(s)]) + s.encode() for s in strings)


def a(address):
    return socket.inet_aton(address)


def sign(message, key, at=None, secret=SECRET):
    at = int(time.time()) if at is None else at
    name, algorithm = wire(key), wire("hmac-sha256")
    timers = struct.pack("!HIH", at >> 32, at & 0xffffffff, 300)
    variables = name + struct.pack("!HI", ANY, 0) + algorithm + timers + struct.pack("!HH", 0, 0)
    mac = hmac.digest(base64.b64decode(secret), message + variables, hashlib.sha256)
    data = algorithm + timers + struct.pack("!H", len(mac)) + mac + message[:2] + b"\0\0\0\0"
    count = struct.unpack("!H", message[10:12])[0] + 1
    return message[:10] + struct.pack("!H", count) + message[12:] + record(key, TSIG, ANY, 0, data)


NEXT_ID = iter(range(1, 65536))


def message(zone, prerequisites=(), updates=(), zone_class=IN, zone_type=SOA, zones=1):
    return (struct.pack("!HHHHHH", next(NEXT_ID), 5 << 11, zones, len(prerequisites), len(updates),
                        0)
            + wire(zone) + struct.pack("!HH", zone_type, zone_class)
            + b"".join(prerequisites) + b"".join(updates))


def rcode_of(reply):
    return None if reply is None else reply[3] & 15


def update(server, zone, *updates, prerequisites=(), key="full.key", tcp=False, **more):
    """The RCODE that a signed update gets."""
    packet = message(zone, prerequisites, updates, **more)
    packet = sign(packet, key) if key else packet
    if not tcp:
        return rcode_of(dns_test.exchange(packet, server.port, 12))
    with socket.create_connection((HOST, server.port), 50) as stream:
        stream.sendall(struct.pack("!H", len(packet)) + packet)
        size = struct.unpack("!H", stream.recv(2))[0]
        return rcode_of(stream.recv(size))


def answers(name, rtype, server=None):
    return dns_test.Dig(name, rtype, port=(server or WORLD.server).port).answer


def data_of(name, rtype, server=None):
    return sorted(line.split(" ", 4)[4] for line in answers(name, rtype, server))


def nsupdate(commands, *options, key="full.key", server=None):
    lines = [f"server {HOST} {(server or WORLD.server).port}",
             *([f"key hmac-sha256:{key} {SECRET}"] if key else []), *commands, "send"]
    return subprocess.run(["nsupdate", *options], input="\n".join(lines) + "\n",
                          capture_output=True, text=True, check=False, timeout=60)


class Nsupdate(unittest.TestCase):
    """The client that acme.sh, dehydrated's hooks and DHCP servers use."""

    def test_adds_and_removes_over_udp_and_tcp(self):
        for options in ((), ("-v",)):
            with self.subTest(options=options):
                done = nsupdate(["zone mail.test", "update add new.mail.test 60 A 192.0.2.7",
                                 "update add new.mail.test 60 A 192.0.2.8",
                                 "update add new.mail.test 60 TXT \"some text\""], *options)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                # At once: the answer came when it was in force.
                self.assertEqual(data_of("new.mail.test", "A"), ["192.0.2.7", "192.0.2.8"])
                wait_until("the other server", lambda: len(answers("new.mail.test", "A",
                                                                   WORLD.other)) == 2, 10)
                done = nsupdate(["zone mail.test", "update delete new.mail.test A 192.0.2.8"],
                                *options)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(data_of("new.mail.test", "A"), ["192.0.2.7"])
                done = nsupdate(["zone mail.test", "update delete new.mail.test"], *options)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(dns_test.Dig("new.mail.test", "A").status, "NXDOMAIN")

    def test_finds_the_zone_by_itself(self):
        done = nsupdate(["update add found.mail.test 60 TXT here"])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(data_of("found.mail.test", "TXT"), ['"here"'])

    def test_the_serial_moves_and_the_history_says_who(self):
        def serial():
            return int(answers("mail.test", "SOA")[0].split()[6])
        before = serial()
        self.assertEqual(nsupdate(["update add who.mail.test 60 TXT me"]).returncode, 0)
        self.assertGreater(serial(), before)
        history = WORLD.roundtable("update", "history", "--domain", "mail.test").stdout
        self.assertRegex(history, r"full\.key +127\.0\.0\.1 +ns1 +\+who 60 TXT \"me\"")

    def test_every_type_that_it_writes(self):
        for rtype, data in (("AAAA", "2001:db8::1"), ("MX", "10 mx.elsewhere.test."),
                            ("SRV", "1 2 3 target.elsewhere.test."), ("CAA", '0 issue "ca.test"'),
                            ("TLSA", "3 1 1 " + "AB" * 32), ("SSHFP", "4 2 " + "CD" * 32),
                            ("NAPTR", '1 2 "s" "SIP+D2U" "" _sip._udp.elsewhere.test.'),
                            ("PTR", "host.elsewhere.test."), ("HTTPS", "1 . alpn=h2"),
                            ("URI", '10 1 "https://elsewhere.test/"'), ("HINFO", '"a" "b"'),
                            ("LOC", "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m"),
                            ("CERT", "1 2 3 AAAA"), ("RP", "a.elsewhere.test. b.elsewhere.test."),
                            ("DNAME", "elsewhere.test."), ("TYPE65280", r"\# 3 010203")):
            with self.subTest(rtype=rtype):
                name = f"{rtype.lower()}.types.mail.test"
                done = nsupdate([f"update add {name} 60 {rtype} {data}"])
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(len(answers(name, rtype)), 1)
                done = nsupdate([f"update delete {name} {rtype} {data}"])
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(answers(name, rtype), [])

    def test_wrong_keys_get_nothing(self):
        for key, secret, expected in (("no.key", SECRET, "BADKEY"),
                                      ("full.key", SECRET[::-1].replace("=", "A"), "BADSIG")):
            lines = [f"server {HOST} {WORLD.server.port}", f"key hmac-sha256:{key} {secret}",
                     "zone mail.test", "update add bad.mail.test 60 TXT bad", "send"]
            for options in ([], ["-v"]):
                done = subprocess.run(["nsupdate", *options], input="\n".join(lines) + "\n",
                                      capture_output=True, text=True, check=False)
                self.assertIn(expected, done.stderr)
        for options in ([], ["-v"]):
            done = nsupdate(["zone mail.test", "update add bad.mail.test 60 TXT bad"], *options,
                            key=None)
            self.assertIn("REFUSED", done.stderr)
        self.assertEqual(answers("bad.mail.test", "TXT"), [])


class LongUpdates(unittest.TestCase):
    """Over TCP, up to what a message can be (RFC 1035 4.2.2)."""

    def test_nsupdate_with_hundreds_of_records(self):
        # What cannot be compressed of each: 12 octets, and the strings with their lengths.
        for count, size in ((100, 60), (1500, 20)):
            with self.subTest(count=count):
                data = [f"{i:0{size}}" for i in range(count)]
                self.assertGreater(count * (size + 13), 4096)
                began = time.monotonic()
                done = nsupdate(["zone mail.test", *(
                    f"update add l{i % (count // 10)}.long.mail.test 60 TXT {text}"
                    for i, text in enumerate(data))])
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                sys.stderr.write(f"\n{count} records in {time.monotonic() - began:.2f} s\n")
                self.assertEqual(data_of("l7.long.mail.test", "TXT"),
                                 [f'"{text}"' for text in data[7::count // 10]])
                done = nsupdate(["zone mail.test", *(
                    f"update delete l{i}.long.mail.test" for i in range(count // 10))])
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(answers("l7.long.mail.test", "TXT"), [])

    def records(self, octets):
        """Records for an update that has so many octets with its signature."""
        made, left = [], octets - len(sign(message("mail.test"), "full.key"))
        while left:
            name = f"n{len(made)}.full.mail.test"
            fixed = len(record(name, TXT, IN, 60, text("")))
            size = min(left - fixed, 255)
            if 0 < left - fixed - size < fixed + 10:
                size -= fixed + 10
            made.append(record(name, TXT, IN, 60, text("x" * size)))
            left -= fixed + size
        return made

    def test_to_the_last_octet(self):
        for octets in (4096, 4097, 60000, 65535):
            with self.subTest(octets=octets):
                change = self.records(octets)
                self.assertEqual(len(sign(message("mail.test", (), change), "full.key")), octets)
                self.assertEqual(update(WORLD.server, "mail.test", *change, tcp=True), NOERROR)
                self.assertEqual(len(answers("n0.full.mail.test", "TXT")), 1)
                self.assertEqual(len(answers(f"n{len(change) - 1}.full.mail.test", "TXT")), 1)
                self.assertEqual(update(WORLD.server, "mail.test", tcp=True, *[
                    record(f"n{i}.full.mail.test", ANY, ANY) for i in range(len(change))]), NOERROR)

    def test_as_many_records_as_a_message_holds(self):
        # "aXXX" and a pointer to the zone's name: 21 octets each.
        change = [b"\4a%03x\300\14" % i + struct.pack("!HHIH", A, IN, 60, 4) + struct.pack("!I", i)
                  for i in range(3100)]
        self.assertGreater(len(sign(message("mail.test", (), change), "full.key")), 65000)
        began = time.monotonic()
        self.assertEqual(update(WORLD.server, "mail.test", *change, tcp=True), NOERROR)
        sys.stderr.write(f"\n{len(change)} records in {time.monotonic() - began:.2f} s\n")
        self.assertEqual(data_of("a007.mail.test", "A"), ["0.0.0.7"])
        self.assertEqual(data_of(f"a{len(change) - 1:03x}.mail.test", "A"), ["0.0.12.27"])
        self.assertEqual(update(WORLD.server, "mail.test", tcp=True, *[
            b"\4a%03x\300\14" % i + struct.pack("!HHIH", ANY, ANY, 0, 0)
            for i in range(len(change))]), NOERROR)
        self.assertEqual(answers("a007.mail.test", "A"), [])

    def test_who_has_no_right_gets_none_by_length(self):
        change = self.records(50000)
        self.assertEqual(update(WORLD.server, "mail.test", *change, key=None, tcp=True), REFUSED)
        self.assertEqual(update(WORLD.server, "mail.test", *change, key="unknown", tcp=True),
                         NOTAUTH)
        self.assertEqual(update(WORLD.server, "mail.test", *change, key="none.key", tcp=True),
                         REFUSED)
        self.assertEqual(answers("n0.full.mail.test", "TXT"), [])

    def test_only_updates_are_long(self):
        query = dns_test.packet("www.mail.test")
        with socket.create_connection((HOST, WORLD.server.port), 12) as stream:
            stream.sendall(struct.pack("!H", len(query)) + query
                           + struct.pack("!H", 5000) + query + bytes(5000 - len(query)))
            size = struct.unpack("!H", stream.recv(2))[0]
            self.assertEqual(rcode_of(stream.recv(size, socket.MSG_WAITALL)), NOERROR)
            try:
                self.assertEqual(stream.recv(1), b"")
            except ConnectionResetError:
                pass


class Rights(unittest.TestCase):
    def refused(self, zone, *updates, key="full.key", rcode=REFUSED):
        before = data_of(zone, "SOA")
        self.assertEqual(update(WORLD.server, zone, *updates, key=key), rcode)
        self.assertEqual(data_of(zone, "SOA"), before)

    def test_an_acme_key_writes_challenges_and_nothing_else(self):
        for name in ("_acme-challenge.mail.test", "_acme-challenge.deep.www.mail.test"):
            self.assertEqual(update(WORLD.server, "mail.test",
                                    record(name, TXT, IN, 60, text("token")), key="acme.key"),
                             NOERROR)
            self.assertEqual(data_of(name, "TXT"), ['"token"'])
        for change in (record("www.mail.test", TXT, IN, 60, text("x")),
                       record("x._acme-challenge.mail.test", TXT, IN, 60, text("x")),
                       record("_acme-challenge.mail.test", A, IN, 60, a("192.0.2.1")),
                       record("www.mail.test", ANY, ANY),
                       record("www.mail.test", TXT, ANY)):
            self.refused("mail.test", change, key="acme.key")
        self.refused("hosts.test", record("_acme-challenge.hosts.test", TXT, IN, 60, text("x")),
                     key="acme.key")

    def test_a_name_and_types(self):
        self.assertEqual(update(WORLD.server, "mail.test",
                                record("dyn.mail.test", A, ANY),
                                record("dyn.mail.test", A, IN, 60, a("192.0.2.99")),
                                key="host.key"), NOERROR)
        self.assertEqual(data_of("dyn.mail.test", "A"), ["192.0.2.99"])
        self.refused("mail.test", record("sub.dyn.mail.test", A, IN, 60, a("192.0.2.99")),
                     key="host.key")
        self.refused("mail.test", record("dyn.mail.test", TXT, IN, 60, text("x")), key="host.key")

    def test_one_refused_record_refuses_all(self):
        self.refused("mail.test", record("dyn.mail.test", A, IN, 60, a("192.0.2.98")),
                     record("www.mail.test", A, ANY), key="host.key")
        self.assertNotIn("192.0.2.98", data_of("dyn.mail.test", "A"))

    def test_what_nobody_may_change(self):
        soa = wire("ns.mail.test") + wire("root.mail.test") + struct.pack("!IIIII", 9, 1, 1, 1, 1)
        digest = dns_test.name_of("alice")
        for zone, change in (
                ("mail.test", record("mail.test", SOA, IN, 60, soa)),
                ("mail.test", record("mail.test", NS, IN, 60, wire("ns.elsewhere.test"))),
                ("mail.test", record("mail.test", NS, ANY)),
                ("mail.test", record("mail.test", MX, IN, 60, b"\0\1" + wire("mx.elsewhere.test"))),
                ("mail.test", record("mail.test", MX, ANY)),
                ("mail.test", record("imap.mail.test", A, IN, 60, a("192.0.2.1"))),
                ("mail.test", record("_imap._tcp.mail.test", 33, IN, 60,
                                     b"\0\0\0\0\0\1" + wire("x.elsewhere.test"))),
                ("mail.test", record(digest, TXT, IN, 60, text("v=1"))),
                ("mail.test", record("mail.test", 46, IN, 60, bytes(30))),
                ("mail.test", record("mail.test", 48, IN, 60, b"\1\1\3\15" + bytes(64))),
                ("hosts.test", record("mail1.hosts.test", A, IN, 60, a("192.0.2.1"))),
                ("hosts.test", record("mail1.hosts.test", CNAME, IN, 60, wire("x.hosts.test"))),
                ("hosts.test", record("ns1.hosts.test", A, ANY)),
                ("hosts.test", record("_dmarc.hosts.test", TXT, IN, 60, text("v=DMARC1; p=none"))),
                ("hosts.test", record("hosts.test", TXT, IN, 60, text("v=spf1 +all"))),
                ("hosts.test", record("hosts.test", TXT, ANY)),
                ("hosts.test", record("hosts.test", ANY, ANY))):
            with self.subTest(change=change):
                self.refused(zone, change)
        # Beside what is kept others may stand.
        self.assertEqual(update(WORLD.server, "hosts.test",
                                record("hosts.test", TXT, IN, 3600, text("site=1"))), NOERROR)
        self.assertEqual(data_of("hosts.test", "TXT"), ['"site=1"', '"v=spf1 mx ~all"'])

    def test_a_zone_that_would_not_be_served_is_refused(self):
        for change in (record("ns.mail.test", NS, IN, 60, wire("nowhere.ns.mail.test")),
                       record("x.mail.test", MX, IN, 60, b"\0\1" + wire("alias.mail.test")),
                       record("x.mail.test", 43, IN, 60, b"\0\1\15\2" + bytes(32))):
            self.refused("mail.test", change)
        self.assertEqual(data_of("www.mail.test", "A"), ["192.0.2.80"])

    def test_whose_zone(self):
        change = record("x.nowhere.test", A, IN, 60, a("192.0.2.1"))
        self.assertEqual(update(WORLD.server, "nowhere.test", change), NOTAUTH)
        self.assertEqual(update(WORLD.server, "www.mail.test"), NOTAUTH)
        self.assertEqual(update(WORLD.server, "mail.test", key="none.key"), REFUSED)
        self.assertEqual(update(WORLD.server, "load.test"), REFUSED)


class Protocol(unittest.TestCase):
    """RFC 2136 3, by messages that no client would send."""

    def expect(self, rcode, *updates, prerequisites=(), **more):
        self.assertEqual(update(WORLD.server, "mail.test", *updates, prerequisites=prerequisites,
                                **more), rcode)

    def test_prerequisites(self):
        www = "www.mail.test"
        for rcode, *prerequisites in (
                (NOERROR, record(www, ANY, ANY)), (NXDOMAIN, record("no.mail.test", ANY, ANY)),
                (NOERROR, record("no.mail.test", ANY, NONE)), (YXDOMAIN, record(www, ANY, NONE)),
                (NOERROR, record(www, A, ANY)), (NXRRSET, record(www, MX, ANY)),
                (NOERROR, record(www, MX, NONE)), (YXRRSET, record(www, A, NONE)),
                (NOERROR, record(www, A, IN, 0, a("192.0.2.80"))),
                (NXRRSET, record(www, A, IN, 0, a("192.0.2.81"))),
                (NXRRSET, record(www, A, IN, 0, a("192.0.2.80")),
                 record(www, A, IN, 0, a("192.0.2.81"))),
                (NOERROR, record("mail.test", MX, ANY)), (YXRRSET, record("mail.test", SOA, NONE)),
                (YXRRSET, record("mail.test", NS, NONE)),
                (NOERROR, record("ALIAS.mail.test", CNAME, IN, 0, wire("NEXT.Mail.Test"))),
                (NOTZONE, record("www.load.test", ANY, ANY))):
            with self.subTest(prerequisites=prerequisites):
                self.expect(rcode, record("pre.mail.test", TXT, IN, 60, text("was")),
                            prerequisites=prerequisites)
                there = ['"was"'] if rcode == NOERROR else []
                self.assertEqual(data_of("pre.mail.test", "TXT"), there)
                self.expect(NOERROR, record("pre.mail.test", ANY, ANY))

    def test_malformed(self):
        x = "x.mail.test"
        for more in ({"zones": 0}, {"zones": 2}, {"zone_type": A}, {"zone_class": ANY},
                     {"zone_class": NONE}):
            self.expect(FORMERR, **more)
        self.expect(NOTAUTH, zone_class=CH)
        for bad in (record(x, ANY, ANY, 1), record(x, A, ANY, 0, b"1234"),
                    record(x, ANY, NONE, 1), record(x, A, NONE, 0, b"1234"),
                    record(x, A, IN, 1, b"1234"), record(x, ANY, IN), record(x, A, CH),
                    record(x, 252, ANY), record(x, 0, ANY), record(x, A, 0)):
            with self.subTest(prerequisite=bad):
                self.expect(FORMERR, prerequisites=[bad])
        for bad in (record(x, ANY, IN, 1, b"x"), record(x, 252, IN, 1, b"x"),
                    record(x, 251, ANY), record(x, A, ANY, 1), record(x, A, ANY, 0, b"1234"),
                    record(x, ANY, NONE), record(x, A, NONE, 1, b"1234"),
                    record(x, A, CH, 0, b"1234"), record(x, A, 77, 0, b"1234"),
                    record(x, A, IN, 1, b"123"),
                    record(x, TXT, IN, 1, b"\5abc"), record(x, MX, IN, 1, b"\0\1\300\377"),
                    record(x, 257, IN, 1, b"\0\0x"), record(x, TXT, IN, 1, b"")):
            with self.subTest(update=bad):
                self.expect(FORMERR, bad)
        self.expect(NOTZONE, record("www.load.test", A, IN, 60, b"1234"))
        self.assertEqual(answers(x, "ANY"), [])

    def test_names_may_be_compressed(self):
        # "c" below the zone's name in the zone section, a target that points to the owner.
        change = (b"\1c\300\14" + struct.pack("!HHIH", MX, IN, 60, 4) + b"\0\12\300\14")
        packet = sign(message("mail.test", (), (change,)), "full.key")
        self.assertEqual(rcode_of(dns_test.exchange(packet)), NOERROR)
        self.assertEqual(data_of("c.mail.test", "MX"), ["10 mail.test."])

    def test_aliases_stand_alone(self):
        self.expect(NOERROR, record("www.mail.test", CNAME, IN, 60, wire("x.mail.test")))
        self.assertEqual(answers("www.mail.test", "CNAME"), [])
        self.expect(NOERROR, record("alias.mail.test", A, IN, 60, b"1234"))
        self.assertEqual(data_of("alias.mail.test", "CNAME"), ["next.mail.test."])
        self.expect(NOERROR, record("al.mail.test", CNAME, IN, 60, wire("one.mail.test")))
        self.expect(NOERROR, record("al.mail.test", CNAME, IN, 60, wire("two.mail.test")))
        self.assertEqual(data_of("al.mail.test", "CNAME"), ["two.mail.test."])

    def test_a_new_ttl_is_that_of_the_whole_set(self):
        self.expect(NOERROR, record("ttl.mail.test", A, IN, 60, b"\1\1\1\1"))
        self.expect(NOERROR, record("ttl.mail.test", A, IN, 90, b"\1\1\1\2"))
        self.assertEqual([line.split()[1] for line in answers("ttl.mail.test", "A")], ["90", "90"])

    def test_the_same_request_is_made_once(self):
        packet = sign(message("mail.test", (record("once.mail.test", ANY, NONE),),
                              (record("once.mail.test", TXT, IN, 60, text("x")),)), "full.key")
        self.assertEqual(rcode_of(dns_test.exchange(packet)), NOERROR)
        # Again, here and elsewhere: its prerequisite fails now, and yet it has been made.
        self.assertEqual(rcode_of(dns_test.exchange(packet)), NOERROR)
        self.assertEqual(rcode_of(dns_test.exchange(packet, WORLD.other.port, 12)), NOERROR)
        self.expect(NOERROR, record("once.mail.test", ANY, ANY))
        self.assertEqual(rcode_of(dns_test.exchange(packet)), NOERROR)
        self.assertEqual(answers("once.mail.test", "TXT"), [])

    def test_an_old_signature_is_too_old(self):
        packet = sign(message("mail.test"), "full.key", at=int(time.time()) - 400)
        reply = dns_test.exchange(packet)
        self.assertEqual(rcode_of(reply), NOTAUTH)
        self.assertIn(struct.pack("!HH", 18, 6), reply)  # BADTIME, and our time

    def test_many_at_once(self):
        results = []

        def one(i):
            results.append(update(WORLD.server, "mail.test", tcp=i % 2 == 0, *[
                record(f"many{i}.mail.test", TXT, IN, 60, text(str(j))) for j in range(3)]))
        threads = [threading.Thread(target=one, args=(i,)) for i in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [NOERROR] * 24)
        for i in range(24):
            self.assertEqual(len(answers(f"many{i}.mail.test", "TXT")), 3)


class Lifetimes(unittest.TestCase):
    def test_records_go_by_themselves_unless_they_were_written_to_stay(self):
        sql = WORLD.postgres.sql
        name = "_acme-challenge.short.mail.test"
        sql("INSERT INTO directory.record (domain_id, owner, type, ttl, rdata) SELECT id, "
            "'_acme-challenge.short', 'TXT', 60, '\"stays\"' FROM directory.domain "
            "WHERE name = 'mail.test'")
        for token in ("goes", "stays"):
            self.assertEqual(update(WORLD.server, "mail.test",
                                    record(name, TXT, IN, 60, text(token)), key="acme.key"),
                             NOERROR)
        left = ("SELECT extract(epoch FROM expires_at - now())::int FROM directory.record "
                "WHERE rdata = '\"goes\"'")
        self.assertAlmostEqual(int(sql(left)), 3600, delta=60)
        # What is added again lives longer.
        sql("UPDATE directory.record SET expires_at = now() + interval '1 minute' "
            "WHERE rdata = '\"goes\"'")
        self.assertEqual(update(WORLD.server, "mail.test",
                                record(name, TXT, IN, 60, text("goes")), key="acme.key"), NOERROR)
        self.assertAlmostEqual(int(sql(left)), 3600, delta=60)
        sql("UPDATE directory.record SET expires_at = now() WHERE rdata = '\"goes\"'")
        wait_until("its end", lambda: data_of(name, "TXT") == ['"stays"'], 20)
        self.assertIn("(expired)", WORLD.roundtable("update", "history").stdout)


class Acme(unittest.TestCase):
    """Clients of certificate authorities, as far as they go without one: their DNS part."""

    def test_certbot(self):
        done = subprocess.run(
            ["/usr/bin/python3", "-c", "import sys, dns.tsig\n"
             "from certbot_dns_rfc2136._internal.dns_rfc2136 import _RFC2136Client\n"
             "c = _RFC2136Client(sys.argv[1], int(sys.argv[2]), 'acme.key', sys.argv[3], "
             "dns.tsig.HMAC_SHA256, 15)\n"
             "n = '_acme-challenge.certbot.mail.test'\n"
             "c.add_txt_record(n, 'first', 60)\nc.add_txt_record(n, 'second', 60)\n"
             "c.del_txt_record(n, 'first')\n",
             HOST, str(WORLD.server.port), SECRET],
            capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(data_of("_acme-challenge.certbot.mail.test", "TXT"), ['"second"'])


class Away(unittest.TestCase):
    def test_without_the_database_the_client_is_told_to_ask_again(self):
        WORLD.postgres.stop()
        try:
            packet = sign(message("mail.test", (), (record("late.mail.test", TXT, IN, 60,
                                                           text("x")),)), "full.key")
            self.assertEqual(rcode_of(dns_test.exchange(packet, seconds=15)), SERVFAIL)
            self.assertEqual(data_of("www.mail.test", "A"), ["192.0.2.80"])
        finally:
            WORLD.postgres.start()
        # The same request, when the database is back.
        wait_until("the update", lambda: rcode_of(dns_test.exchange(packet, seconds=12)) == NOERROR,
                   40)
        self.assertEqual(data_of("late.mail.test", "TXT"), ['"x"'])


if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
