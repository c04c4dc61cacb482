#!/usr/bin/env python3
"""One roundtable-dnsd on the wire: asked by dig (a client we did not write) and by raw datagrams.

A private PostgreSQL and three stand-ins for mail servers, which answer load reports, are all that
it has around it.
"""

import contextlib
import hashlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "ops" / "demo"), str(ROOT / "test" / "support")]
import dns_client  # noqa: E402
import ran  # noqa: E402
from endpoints import wait_until  # noqa: E402
from ports import free_port  # noqa: E402
from postgres_server import children_of  # noqa: E402

HOST = "127.0.0.1"
NOERROR, FORMERR, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 3, 4, 5


class Postgres:
    """A private server on a unix socket, run by a user who is not root."""

    def __init__(self, directory):
        self.directory = directory / "pg"
        self.directory.mkdir(mode=0o755)
        self.bin = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))[-1].parent
        self.user = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.directory, nobody.pw_uid, nobody.pw_gid)
            self.user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self.process = None
        subprocess.run(
            [self.bin / "initdb", "-D", self.directory / "data", "-U", "postgres", "-A", "trust",
             "-E", "UTF8", "--locale=C.UTF-8", "-N"],
            check=True, stdout=subprocess.DEVNULL, cwd="/", **self.user)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.bin / "postgres", "-D", self.directory / "data", "-k", self.directory,
             "-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=32MB"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **self.user)
        wait_until("PostgreSQL", lambda: self.run("SELECT 1", check=False).returncode == 0, 30)

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
            self.process = None

    def send_all(self, number):
        """A signal to all of its processes; to the first of them first: stopped, it starts none."""
        os.kill(self.process.pid, number)
        for pid in children_of(self.process.pid):
            with contextlib.suppress(ProcessLookupError):  # it ends by itself
                os.kill(pid, number)

    def conninfo(self, role):
        return f"host={self.directory} dbname=postgres user={role}"

    def run(self, sql, check=True):
        return subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                               "-d", self.conninfo("postgres"), "-c", sql],
                              check=check, capture_output=True, text=True)

    def sql(self, text):
        return self.run(text).stdout.strip()


class LoadServer(socketserver.ThreadingTCPServer):
    """What the name server sees of a mail server: a load report (base/load_report.h)."""

    daemon_threads = True
    allow_reuse_address = True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(f"roundtable-load 1 name={self.server.name} start=1\r\n".encode())
            while self.rfile.readline(512) == b"LOAD\r\n":
                self.wfile.write(
                    f"start=1 busy_us={self.server.busy_us()} arrivals=0 refused=0 accepted=0 "
                    f"fit={int(self.server.fit)} reason=test\r\n".encode())

    def __init__(self, name):
        super().__init__((HOST, 0), self.Handler)
        self.name = name
        self.fit = True
        self.busy_since = None  # idle until it is set; then all its workers are busy
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def busy_us(self):
        since = self.busy_since
        return 0 if since is None else int((time.monotonic() - since) * 1e6)


class NameServer:
    def __init__(self, directory, name, conninfo, settings=""):
        self.directory = directory / name
        self.directory.mkdir(exist_ok=True)
        self.port, self.internal_port, self.admin_port = (free_port() for _ in range(3))
        self.config = self.directory / "dnsd.yaml"
        self.config.write_text(
            f"name: {name}\ndatabase: '{conninfo}'\nstate_dir: {self.directory}\n"
            f"listen: ['{HOST}:{self.port}']\ninternal_listen: ['{HOST}:{self.internal_port}']\n"
            f"internal_acl: ['127.0.0.0/16']\nadmin_listen: '{HOST}:{self.admin_port}'\n"
            f"threads: 2\n" + settings)
        self.process = None

    def start(self, wait=True, under=()):
        binaries = pathlib.Path(os.environ.get("ROUNDTABLE_BIN", ROOT / "build/release/bin"))
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*under, binaries / "roundtable-dnsd", "--config", self.config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            wait_until("the name server's port", lambda: self.answers(self.port), 30)

    def answers(self, port):
        if self.process.poll() is not None:
            raise RuntimeError(f"roundtable-dnsd ended with {self.process.returncode}: "
                               + (self.directory / "log").read_text(errors="replace")[-2000:])
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, port), 1).close()
            return True
        return False

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            if self.process.wait(30) != 0:
                raise RuntimeError(f"roundtable-dnsd ended with {self.process.returncode}")

    def metrics(self):
        with socket.create_connection((HOST, self.admin_port), 5) as admin:
            admin.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            return b"".join(iter(lambda: admin.recv(65536), b"")).decode()


ZONE = r"""
INSERT INTO directory.name_server (name, host_name, address) VALUES
    ('ns1', 'ns1.hosts.test', '192.0.2.53'), ('ns2', 'ns2.hosts.test', '192.0.2.54');
INSERT INTO directory.storage_server (name, failure_domain) VALUES ('store1', 'd1');
INSERT INTO directory.mail_server (name, host_name, address, load_port, storage_server_id, capacity)
    SELECT v.name, v.name || '.hosts.test', '127.0.0.1', v.port, s.id, v.capacity
    FROM (VALUES ('mail1', {0}, 4), ('mail2', {1}, 2), ('mail3', {2}, 1)) v(name, port, capacity),
         directory.storage_server s ORDER BY v.name;
INSERT INTO directory.access_server (name, host_name, address, address6) VALUES
    ('access1', 'access1.hosts.test', '192.0.2.11', '2001:db8::11'),
    ('access2', 'access2.hosts.test', '192.0.2.12', NULL);
INSERT INTO directory.domain (name, policy, minimum, ttl, contact) VALUES
    ('hosts.test', 'load', 60, 3600, NULL), ('mail.test', 'static', 45, 3600, 'it.staff@mail.test'),
    ('load.test', 'load', 60, 3600, NULL), ('table.test', 'roundtable', 60, 3600, NULL),
    ('rotate.test', 'rotate', 60, 3600, NULL);
INSERT INTO directory.mail_exchange (domain_id, mail_server_id, preference)
    SELECT d.id, m.id, 10 * row_number() OVER (PARTITION BY d.id ORDER BY m.name)
    FROM directory.domain d, directory.mail_server m WHERE d.name <> 'hosts.test';
INSERT INTO directory.access_exchange (domain_id, access_server_id)
    SELECT d.id, a.id FROM directory.domain d, directory.access_server a WHERE d.name = 'mail.test';
INSERT INTO directory.record (domain_id, owner, type, ttl, rdata)
    SELECT d.id, v.owner, v.type, v.ttl, v.rdata FROM directory.domain d, (VALUES
        ('www', 'A', 120, '192.0.2.80'), ('www', 'AAAA', NULL, '2001:db8::80'),
        ('www', 'TXT', NULL, '"v=spf1 -all" "second; \"string\""'),
        ('_sip._udp', 'SRV', NULL, '1 2 5060 www.mail.test.'),
        ('alias', 'CNAME', NULL, 'next.mail.test.'), ('next', 'CNAME', NULL, 'www.mail.test.'),
        ('away', 'CNAME', NULL, 'www.elsewhere.example.'),
        ('loop1', 'CNAME', NULL, 'loop2.mail.test.'), ('loop2', 'CNAME', NULL, 'loop1.mail.test.'),
        ('strange', 'TYPE65280', NULL, '\# 4 0A000001'),
        ('*.wild', 'A', NULL, '192.0.2.81'), ('a.deep.wild', 'A', NULL, '192.0.2.82'),
        ('b.a.ent', 'A', NULL, '192.0.2.83')) v(owner, type, ttl, rdata)
    WHERE d.name = 'mail.test';
INSERT INTO directory.record (domain_id, owner, type, rdata)
    SELECT id, 'big', 'TXT', '"' || n || repeat('x', 200) || '"'
    FROM directory.domain, generate_series(1, 20) n WHERE name = 'mail.test';
WITH a AS (INSERT INTO directory.account (login, domain_id)
    SELECT 'alice@mail.test', id FROM directory.domain WHERE name = 'mail.test'
    RETURNING id, domain_id)
INSERT INTO directory.address (domain_id, local_part, account_id)
    SELECT domain_id, 'alice', id FROM a;
"""


class World:
    """All that runs, started once for the program."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="rt-dns-"))
        self.directory.chmod(0o755)
        self.cleanup = contextlib.ExitStack()
        self.cleanup.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self.postgres = Postgres(self.directory)
        self.cleanup.callback(self.postgres.stop)
        binaries = pathlib.Path(os.environ.get("ROUNDTABLE_BIN", ROOT / "build/release/bin"))
        subprocess.run([binaries / "roundtable", "schema", "migrate",
                        "--database", self.postgres.conninfo("postgres")],
                       check=True, stdout=subprocess.DEVNULL)
        self.loads = [LoadServer(f"mail{i}") for i in (1, 2, 3)]
        self.postgres.sql(ZONE.format(*(load.server_address[1] for load in self.loads)))
        self.server = NameServer(self.directory, "ns1", self.postgres.conninfo("roundtable_dnsd"),
                                 "internal_keys: ['checker.test']\n")
        self.cleanup.callback(self.server.stop)
        self.server.start()


WORLD = None


def setUpModule():
    global WORLD
    WORLD = World()


def tearDownModule():
    WORLD.cleanup.close()


class Dig:
    """What dig shows of a reply."""

    def __init__(self, *arguments, port=None, source=HOST):
        self.text = subprocess.run(
            ["dig", f"@{HOST}", "-p", str(port or WORLD.server.port), "-b", source, "+norecurse",
             "+tries=1", "+time=5", "+qr", *arguments],
            capture_output=True, text=True).stdout
        # Before it stands the question, which has a status, too.
        reply = self.text.rpartition("Got answer:")[2] if "Got answer:" in self.text else ""
        self.status = (re.search(r"status: (\w+)", reply) or [None, None])[1]
        self.flags = (re.search(r"flags: ([a-z ]*);", reply) or ["", ""])[1].split()
        self.reply = reply
        self.answer = self._section("ANSWER")
        self.authority = self._section("AUTHORITY")
        self.additional = self._section("ADDITIONAL")

    def _section(self, name):
        found = re.search(rf";; {name} SECTION:\n(.*?)\n\n", self.reply, re.S)
        return [re.sub(r"\s+", " ", line) for line in found[1].splitlines()] if found else []


def name_of(local_part, domain="mail.test"):
    digest = hashlib.sha256(local_part.encode()).hexdigest()[:56]
    return f"{digest}._account.{domain}"


def encode_name(name):
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def packet(name="www.mail.test", rtype=1, rclass=1, flags=0, counts=(1, 0, 0, 0), extra=b""):
    return (struct.pack("!HHHHHH", 0x1234, flags, *counts) + encode_name(name)
            + struct.pack("!HH", rtype, rclass) + extra)


def opt(size=1232, version=0, options=b"", flags=0):
    return b"\0" + struct.pack("!HHBBHH", 41, size, 0, version, flags, len(options)) + options


def exchange(data, port=None, seconds=5):
    """The reply to a raw datagram, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(seconds)
        udp.connect((HOST, port or WORLD.server.port))
        udp.send(data)
        with contextlib.suppress(TimeoutError):
            return udp.recv(65536)
    return None


def rcode(reply):
    return reply[3] & 15


def mx(domain, source=None, port=None):
    """The MX answer as a sorted list of (preference, first label of the host)."""
    reply = dns_client.query((HOST, port or WORLD.server.port), domain, "MX", source)
    return sorted((r.data[0], r.data[1].split(".")[0]) for r in reply.answers)


def until_mx(domain, expected, seconds=10):
    wait_until(f"{domain} MX {expected}", lambda: mx(domain) == expected, seconds)


class Records(unittest.TestCase):
    def test_soa(self):
        reply = Dig("mail.test", "SOA")
        self.assertEqual(reply.status, "NOERROR")
        self.assertIn("aa", reply.flags)
        self.assertNotIn("ra", reply.flags)
        self.assertRegex(reply.answer[0], r"^mail\.test\. 3600 IN SOA ns1\.hosts\.test\. "
                                          r"it\\\.staff\.mail\.test\. \d+ 7200 900 1209600 45$")

    def test_ns_with_addresses(self):
        self.assertEqual(len(Dig("mail.test", "NS").answer), 2)
        reply = Dig("hosts.test", "NS")
        self.assertEqual(len(reply.answer), 2)
        self.assertIn("ns1.hosts.test. 3600 IN A 192.0.2.53", reply.additional)

    def test_mx_with_addresses(self):
        reply = Dig("mail.test", "MX")
        self.assertEqual(sorted(reply.answer), [f"mail.test. 60 IN MX {i}0 mail{i}.hosts.test."
                                                for i in (1, 2, 3)])
        self.assertEqual(len(reply.additional), 3)

    def test_plain_types(self):
        for rtype, expected in (("A", "120 IN A 192.0.2.80"),
                                ("AAAA", "3600 IN AAAA 2001:db8::80"),
                                ("TXT", r'3600 IN TXT "v=spf1 -all" "second; \"string\""')):
            self.assertEqual(Dig("www.mail.test", rtype).answer, [f"www.mail.test. {expected}"])

    def test_srv_with_target_s_addresses(self):
        reply = Dig("_sip._udp.mail.test", "SRV")
        self.assertEqual(reply.answer, ["_sip._udp.mail.test. 3600 IN SRV 1 2 5060 www.mail.test."])
        self.assertIn("www.mail.test. 120 IN A 192.0.2.80", reply.additional)

    def test_access_servers(self):
        self.assertEqual(len(Dig("imap.mail.test", "A").answer), 2)
        self.assertEqual(len(Dig("imap.mail.test", "AAAA").answer), 1)
        srv = Dig("_imap._tcp.mail.test", "SRV").answer
        self.assertEqual(len(srv), 2)
        self.assertRegex(srv[0], r"SRV 10 \d+ 143 access[12]\.hosts\.test\.$")

    def test_unknown_type(self):
        self.assertEqual(Dig("strange.mail.test", "TYPE65280").answer,
                         [r"strange.mail.test. 3600 IN TYPE65280 \# 4 0A000001"])
        self.assertEqual(Dig("www.mail.test", "TYPE65281").status, "NOERROR")

    def test_cname_chain(self):
        self.assertEqual(Dig("alias.mail.test", "A").answer,
                         ["alias.mail.test. 3600 IN CNAME next.mail.test.",
                          "next.mail.test. 3600 IN CNAME www.mail.test.",
                          "www.mail.test. 120 IN A 192.0.2.80"])
        self.assertEqual(len(Dig("alias.mail.test", "CNAME").answer), 1)
        self.assertEqual(len(Dig("away.mail.test", "A").answer), 1)

    def test_cname_loop_ends(self):
        reply = Dig("loop1.mail.test", "A")
        self.assertLess(len(reply.answer), 20)
        self.assertGreater(len(reply.answer), 0)

    def test_wildcard(self):
        self.assertEqual(Dig("any.wild.mail.test", "A").answer,
                         ["any.wild.mail.test. 3600 IN A 192.0.2.81"])
        self.assertEqual(len(Dig("x.y.wild.mail.test", "A").answer), 1)
        nodata = Dig("any.wild.mail.test", "AAAA")
        self.assertEqual((nodata.status, nodata.answer), ("NOERROR", []))
        # RFC 4592 2.2.1: deep.wild exists as an empty non-terminal: the wildcard is not for it.
        self.assertEqual(Dig("x.deep.wild.mail.test", "A").status, "NXDOMAIN")

    def test_empty_non_terminal_is_no_data(self):
        for name in ("ent.mail.test", "a.ent.mail.test"):
            self.assertEqual(Dig(name, "A").status, "NOERROR")
        self.assertEqual(Dig("c.a.ent.mail.test", "A").status, "NXDOMAIN")

    def test_denials_carry_the_soa_with_the_negative_ttl(self):
        for name, status in (("www.mail.test", "NOERROR"), ("nothing.mail.test", "NXDOMAIN")):
            reply = Dig(name, "MX")
            self.assertEqual((reply.status, reply.answer), (status, []))
            self.assertRegex(reply.authority[0], r"^mail\.test\. 45 IN SOA ")

    def test_case_is_preserved(self):
        reply = exchange(packet("wWw.MaIl.TeSt"))
        self.assertEqual(rcode(reply), NOERROR)
        self.assertEqual(reply[12:27], encode_name("wWw.MaIl.TeSt"))

    def test_any_is_minimal(self):
        reply = Dig("www.mail.test", "ANY", "+notcp")
        self.assertEqual(reply.status, "NOERROR")
        self.assertEqual(len({line.split()[3] for line in reply.answer}), 1)

    def test_foreign_names_are_refused(self):
        self.assertEqual(Dig("example.org", "A").status, "REFUSED")
        self.assertEqual(Dig("mail.test", "AXFR", "+tries=1").answer, [])
        self.assertEqual(rcode(exchange(packet("mail.test", 252))), REFUSED)
        self.assertEqual(rcode(exchange(packet("mail.test", 251))), REFUSED)
        self.assertEqual(Dig("version.bind", "CH", "TXT").status, "REFUSED")
        self.assertEqual(rcode(exchange(packet(rclass=4))), REFUSED)


class Edns(unittest.TestCase):
    def test_our_size_and_no_echo(self):
        reply = Dig("www.mail.test", "A", "+bufsize=4096", "+ednsopt=65001:beef")
        self.assertIn("udp: 1232", reply.reply)
        self.assertNotIn("65001", reply.reply.split("OPT PSEUDOSECTION")[1])
        self.assertEqual(len(reply.answer), 1)

    def test_none_without_a_request(self):
        self.assertNotIn("OPT PSEUDOSECTION", Dig("www.mail.test", "A", "+noedns").reply)

    def test_version_one_is_badvers(self):
        reply = Dig("www.mail.test", "A", "+edns=1", "+noednsneg")
        self.assertEqual((reply.status, reply.answer), ("BADVERS", []))

    def test_do_is_copied(self):
        self.assertIn("flags: do;", Dig("www.mail.test", "A", "+dnssec").reply)
        self.assertIn("flags:;", Dig("www.mail.test", "A", "+bufsize=1232").reply
                      .split("EDNS: version: 0, ")[1])

    def test_two_opts_are_malformed(self):
        reply = exchange(packet(counts=(1, 0, 0, 2), extra=opt() + opt()))
        self.assertEqual(rcode(reply), FORMERR)

    def test_what_does_not_fit_goes_over_tcp(self):
        for size in (512, 1232, 4096):
            reply = exchange(packet("big.mail.test", 16, counts=(1, 0, 0, 1), extra=opt(size)))
            self.assertTrue(reply[2] & 2, "truncated")
            self.assertLessEqual(len(reply), min(size, 1232))
        over_tcp = Dig("big.mail.test", "TXT")
        self.assertEqual(len(over_tcp.answer), 20)
        self.assertIn("(TCP)", over_tcp.reply)
        self.assertEqual(Dig("big.mail.test", "TXT", "+ignore").flags.count("tc"), 1)

    def test_pipelined_queries_over_tcp(self):
        query = packet("www.mail.test")
        with socket.create_connection((HOST, WORLD.server.port), 5) as tcp:
            tcp.sendall((struct.pack("!H", len(query)) + query) * 3)
            stream = tcp.makefile("rb")
            for _ in range(3):
                size = struct.unpack("!H", stream.read(2))[0]
                self.assertEqual(rcode(stream.read(size)), NOERROR)


class Malformed(unittest.TestCase):
    def tearDown(self):
        self.assertEqual(rcode(exchange(packet())), NOERROR, "it lives on")

    def test_formerr_or_silence(self):
        header = struct.pack("!HHHHHH", 0x1234, 0, 1, 0, 0, 0)
        cases = {
            "empty": b"", "one octet": b"\0", "half a header": header[:11],
            "no question": header, "name without end": header + b"\x03www",
            "label beyond the end": header + b"\x3fabc\0\0\1\0\1",
            "pointer to itself": header + b"\xc0\x0c\0\1\0\1",
            "pointer beyond the end": header + b"\xff\xff\0\1\0\1",
            "reserved label type": header + b"\x80\0\0\1\0\1",
            "name of 256 octets": header + b"\x3f" + b"a" * 63 + (b"\x3f" + b"b" * 63) * 3 + b"\0"
                                  + b"\0\1\0\1",
            "half a type": header + b"\3www\0\0",
            "two questions": struct.pack("!HHHHHH", 1, 0, 2, 0, 0, 0) + packet()[12:] * 2,
            "counts without records": packet(counts=(1, 0, 0, 1)),
            "65535 of everything": packet(counts=(1, 65535, 65535, 65535)),
            "option beyond OPT": packet(counts=(1, 0, 0, 1), extra=opt(options=b"\0\3\0\xff")),
            "answer in a query": packet(counts=(1, 1, 0, 0), extra=encode_name("www.mail.test")
                                        + struct.pack("!HHIH", 1, 1, 0, 4) + b"\1\2\3\4"),
            "1500 octets of ones": b"\xff" * 1400, "zeros": b"\0" * 600,
        }
        for title, data in cases.items():
            with self.subTest(title):
                reply = exchange(data, seconds=0.15)
                self.assertTrue(reply is None or rcode(reply) in (FORMERR, NOTIMP),
                                reply and reply.hex())

    def test_responses_are_never_answered(self):
        self.assertIsNone(exchange(packet(flags=0x8000), seconds=0.15))

    def test_other_opcodes_are_not_implemented(self):
        for opcode in (1, 2, 4, 5, 15):
            self.assertEqual(rcode(exchange(packet(flags=opcode << 11))), NOTIMP)

    def test_broken_tcp(self):
        for data in (b"\0", b"\0\0", b"\0\x05hello", b"\xff\xff" + b"x" * 100):
            with socket.create_connection((HOST, WORLD.server.port), 5) as tcp:
                tcp.sendall(data)
                tcp.shutdown(socket.SHUT_WR)
                self.assertLess(len(tcp.recv(65536)), 60)


class InternalView(unittest.TestCase):
    def ask(self, name, rtype="TXT", *arguments, **options):
        return Dig(name, rtype, *arguments, port=WORLD.server.internal_port, **options)

    def test_verifies_addresses(self):
        reply = self.ask(name_of("alice"))
        self.assertEqual(reply.status, "NOERROR")
        self.assertRegex(reply.answer[0], r' 0 IN TXT "v=1 account=\d+ state=active"$')
        denied = self.ask(name_of("nobody"))
        self.assertEqual((denied.status, denied.authority), ("NXDOMAIN", []))
        self.assertEqual(self.ask(name_of("alice"), source=HOST).status, "NOERROR")

    def test_takes_changes(self):
        WORLD.postgres.sql("UPDATE directory.account SET state = 'disabled'")
        wait_until("the account is disabled",
                   lambda: "state=disabled" in self.ask(name_of("alice")).reply, 10)
        WORLD.postgres.sql("UPDATE directory.account SET state = 'active'")
        wait_until("the account is active",
                   lambda: "state=active" in self.ask(name_of("alice")).reply, 10)

    def test_refuses_everything_else(self):
        for name in ("www.mail.test", name_of("alice", "example.org"), "mail.test"):
            self.assertEqual(self.ask(name).status, "REFUSED")
        self.assertEqual(self.ask(name_of("alice"), source="127.9.0.1").status, "REFUSED")

    def test_its_names_are_refused_on_the_public_port(self):
        for name in (name_of("alice"), name_of("nobody"), "_account.mail.test"):
            self.assertEqual(Dig(name, "TXT").status, "REFUSED")

    def test_over_tcp(self):
        self.assertEqual(Dig(name_of("alice"), "TXT", "+tcp",
                             port=WORLD.server.internal_port).status, "NOERROR")

    def test_aliases_come_and_go_within_a_second(self):
        for n in range(10):
            WORLD.postgres.sql(
                "INSERT INTO directory.address (domain_id, local_part, account_id) "
                f"SELECT domain_id, 'alias{n}', account_id FROM directory.address "
                "WHERE local_part = 'alice'")
            wait_until("the alias", lambda name=name_of(f"alias{n}"):
                       self.ask(name).status == "NOERROR", 1)
        WORLD.postgres.sql("DELETE FROM directory.address WHERE local_part LIKE 'alias%'")
        wait_until("no alias", lambda: self.ask(name_of("alias9")).status == "NXDOMAIN", 1)
        whole = re.search(r'account_reads_total\{kind="whole"\} (\d+)', WORLD.server.metrics())
        self.assertEqual(whole[1], "1", "addresses are read once, and followed")

    def test_a_listed_key_opens_it_to_any_network(self):
        secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
        WORLD.postgres.sql(
            "INSERT INTO directory.transfer_key (name) VALUES ('checker.test'), ('other.test'); "
            "INSERT INTO directory.transfer_secret (key_id, secret) "
            f"SELECT id, decode('{secret}', 'base64') FROM directory.transfer_key")
        self.addCleanup(WORLD.postgres.sql, "DELETE FROM directory.transfer_key")

        def signed(key, *options, secret=secret):
            return self.ask(name_of("alice"), "TXT", "-y", f"hmac-sha256:{key}:{secret}", *options,
                            source="127.9.0.1")

        wait_until("the key", lambda: signed("checker.test").status == "NOERROR", 10)
        for options in ((), ("+tcp",), ("+noedns",)):
            reply = signed("checker.test", *options)
            self.assertEqual((reply.status, len(reply.answer)), ("NOERROR", 1))
            self.assertNotIn("verify", reply.text)  # dig says so where it cannot
            self.assertIn("TSIG PSEUDOSECTION", reply.reply)
        self.assertEqual(signed("other.test").status, "NOTAUTH")
        self.assertEqual(signed("checker.test", secret=secret.replace("M", "N")).status, "NOTAUTH")
        self.assertEqual(self.ask(name_of("alice"), source="127.9.0.1").status, "REFUSED")


class Overriding(unittest.TestCase):
    """Takes its overrides back."""

    def override(self, values):
        WORLD.postgres.sql(
            "INSERT INTO directory.mx_override (action, server, value, reason) "
            f"VALUES ({values}, 'test')")

    def tearDown(self):
        WORLD.postgres.sql("UPDATE directory.mx_override SET removed_at = now(), removed_by = 'me' "
                           "WHERE removed_at IS NULL")
        until_mx("mail.test", [(10, "mail1"), (20, "mail2"), (30, "mail3")])


class Steering(Overriding):
    """Preferences 10 and 20 are the two levels of a row; capacities are 4, 2 and 1."""

    sources = [f"127.3.{net}.1" for net in range(48)]

    def test_roundtable_and_load_give_rows_by_source(self):
        for domain in ("table.test", "load.test"):
            answers = {source: mx(domain, source) for source in self.sources}
            rows = {tuple(answer) for answer in answers.values()}
            self.assertEqual(rows, {
                ((10, "mail1"), (10, "mail2"), (10, "mail3")),
                ((10, "mail1"), (10, "mail2"), (20, "mail3"))}, domain)
            for source in self.sources[:5]:
                self.assertEqual(mx(domain, source), answers[source], "a source keeps its row")

    def test_rotate_gives_each_pair_its_turn(self):
        pairs = set()
        for _ in range(24):
            answer = mx("rotate.test")
            self.assertEqual(len(answer), 3)
            pairs.add(tuple(host for preference, host in answer if preference == 10))
        self.assertEqual(pairs, {("mail1", "mail2"), ("mail2", "mail3"), ("mail1", "mail3")})

    def test_static_gives_what_is_configured(self):
        self.assertEqual({tuple(mx("mail.test", source)) for source in self.sources[:8]},
                         {((10, "mail1"), (20, "mail2"), (30, "mail3"))})

    def test_pin(self):
        self.override("'pin', 'mail3', 5")
        until_mx("mail.test", [(5, "mail3"), (10, "mail1"), (20, "mail2")])
        for domain in ("table.test", "load.test"):
            self.assertTrue(all((5, "mail3") in mx(domain, source) for source in self.sources[:8]))

    def test_weight(self):
        self.override("'weight', 'mail3', 4")
        self.override("'weight', 'mail2', 4")
        equal = [(10, "mail1"), (10, "mail2"), (10, "mail3")]
        wait_until("one row of equals", lambda: all(mx("table.test", source) == equal
                                                    for source in self.sources), 10)

    def test_the_trace_of_an_override(self):
        self.override("'pin', 'mail2', 3")
        until_mx("mail.test", [(3, "mail2"), (10, "mail1"), (30, "mail3")])
        wait_until("the priority index", lambda: WORLD.postgres.sql(
            "SELECT x.priority_index FROM directory.mail_exchange x "
            "JOIN directory.mail_server m ON m.id = x.mail_server_id "
            "JOIN directory.domain d ON d.id = x.domain_id "
            "WHERE d.name = 'mail.test' AND m.name = 'mail2'") == "3", 10)
        self.assertEqual(WORLD.postgres.sql(
            "SELECT count(*) FROM directory.priority_history WHERE domain = 'mail.test' "
            "AND mail_server = 'mail2' AND priority_index = 3 AND to_at IS NULL"), "1")

    def test_metrics(self):
        mx("mail.test")
        wait_until("steered answers are counted", lambda: re.search(
            r'roundtable_dns_answers_total\{kind="steered"\} [1-9]', WORLD.server.metrics()), 10)


class WeighedByLoad(Overriding):
    """After Steering: what is learnt about loads stays for a while."""

    def test_the_busy_one_loses_its_priority_and_only_where_load_counts(self):
        for server in ("mail1", "mail2", "mail3"):
            self.override(f"'weight', '{server}', 1")
        equal = [(10, "mail1"), (10, "mail2"), (10, "mail3")]
        for domain in ("load.test", "table.test"):
            wait_until("all equal", lambda at=domain: all(
                mx(at, source) == equal for source in Steering.sources), 30)
        WORLD.loads[0].busy_since = time.monotonic()
        try:
            wait_until("mail1 behind the others, for some", lambda: any(
                (20, "mail1") in mx("load.test", source) for source in Steering.sources), 60, 0.5)
            for source in Steering.sources:
                self.assertEqual(mx("table.test", source), equal)
        finally:
            WORLD.loads[0].busy_since = None

    def test_the_unfit_one_is_withdrawn(self):
        WORLD.loads[1].fit = False
        try:
            until_mx("mail.test", [(10, "mail1"), (30, "mail3")])
        finally:
            WORLD.loads[1].fit = True
        # Not before its dwell of 10 s is over, and longer if it went down before.
        until_mx("mail.test", [(10, "mail1"), (20, "mail2"), (30, "mail3")], 45)


class Withdrawn(Overriding):
    """After Steering, which would see that a server that comes back starts slowly."""

    def test_drain_and_down(self):
        for action in ("drain", "down"):
            with self.subTest(action):
                self.override(f"'{action}', 'mail1', NULL")
                until_mx("mail.test", [(20, "mail2"), (30, "mail3")])
                for domain in ("table.test", "rotate.test"):
                    self.assertEqual([host for _, host in mx(domain)], ["mail2", "mail3"])
                self.tearDown()

    def test_all_down_is_all_that_are_configured(self):
        for server in ("mail1", "mail2", "mail3"):
            self.override(f"'down', '{server}', NULL")
        wait_until("the last override", lambda: WORLD.postgres.sql(
            "SELECT count(*) FROM directory.steering_commit WHERE cause LIKE '%down mail3 by%'")
            != "0", 10)
        self.assertEqual(len(mx("mail.test")), 3, "an answer is never empty")


class ZDatabaseAway(unittest.TestCase):
    """Last: it stops the database."""

    def test_starts_and_answers_without_it(self):
        server = WORLD.server
        serial = int(Dig("mail.test", "SOA").answer[0].split()[6])
        server.stop()
        WORLD.postgres.stop()
        server.start()
        self.assertEqual([host for _, host in mx("mail.test")], ["mail1", "mail2", "mail3"])
        self.assertGreaterEqual(int(Dig("mail.test", "SOA").answer[0].split()[6]), serial)
        internal = {"port": server.internal_port}
        self.assertEqual(Dig(name_of("alice"), "TXT", **internal).status, "NOERROR")
        self.assertEqual(Dig(name_of("nobody"), "TXT", **internal).status, "SERVFAIL")

        empty = NameServer(WORLD.directory, "ns2", WORLD.postgres.conninfo("roundtable_dnsd"))
        empty.start(wait=False)
        self.addCleanup(empty.stop)
        wait_until("the internal view", lambda: empty.answers(empty.internal_port), 10)
        self.assertEqual(Dig(name_of("alice"), "TXT", port=empty.internal_port).status, "SERVFAIL")
        self.assertFalse(empty.answers(empty.port), "it has nothing to answer from")

        WORLD.postgres.start()
        wait_until("the second name server", lambda: empty.answers(empty.port), 20)
        for source in Steering.sources:
            self.assertEqual(mx("table.test", source, empty.port), mx("table.test", source),
                             "name servers that share a key give a source the same row")
        wait_until("the first is sure again", lambda: Dig(
            name_of("nobody"), "TXT", **internal).status == "NXDOMAIN", 20)

    def test_stops_while_the_database_hangs(self):
        server = WORLD.server
        WORLD.postgres.send_all(signal.SIGSTOP)
        try:
            server.process.terminate()
            self.assertEqual(server.process.wait(20), 0)
        finally:
            WORLD.postgres.send_all(signal.SIGCONT)
        server.start()
        self.assertEqual(Dig("www.mail.test", "A").status, "NOERROR")


if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
