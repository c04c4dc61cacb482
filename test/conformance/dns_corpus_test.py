#!/usr/bin/env python3
"""Every input of the fuzz targets' corpora for what comes from a network or a socket, sent to a
roundtable-dnsd that runs: over UDP and TCP, to the public port and to the internal view's, as it is
and as its target would put it together; to the sockets of PowerDNS and of explanations. After each
the server answers, over UDP and over TCP; it is the same process to the end, and no larger.
"""

import os
import pathlib
import re
import socket
import struct
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "test" / "conformance"), str(ROOT / "ops" / "demo"),
                str(ROOT / "test" / "support")]
import dns_test  # noqa: E402
import ran  # noqa: E402
import update_test  # noqa: E402
from dns_test import HOST, NameServer, opt, packet  # noqa: E402
from endpoints import wait_until  # noqa: E402

CORPUS = pathlib.Path(os.environ.get("ROUNDTABLE_CORPUS", ROOT / "test" / "fuzz" / "corpus"))
KEY = "full.key"
UDP_MAX = 65507
GROWTH = 8 << 20  # octets that serving all of it may leave behind: buffers, a table of rates
SIGNED = ("load.test", "rotate.test")
SOA = packet("mail.test", rtype=6, counts=(1, 0, 0, 1), extra=opt())


class World(dns_test.World):
    """Two zones are signed, updates are taken, and whoever is on this machine is an admin."""

    def __init__(self):
        super().__init__()
        self.roundtable("transfer", "key", "add", KEY, "--secret-stdin", input=update_test.SECRET)
        # Of the corpora's updates; and whole zones are given to this machine.
        self.postgres.sql(
            "INSERT INTO directory.domain (name) VALUES ('a'); INSERT INTO "
            "directory.transfer_peer (name, networks) VALUES ('all', '{127.0.0.0/8}')")
        for zone in ("a", "hosts.test"):
            self.roundtable("update", "allow", KEY, zone, "--below")
        for zone in SIGNED:
            self.roundtable("dnssec", "enable", zone)
        self.server = self.target = NameServer(
            self.directory, "target", self.postgres.conninfo("roundtable_dnsd"),
            "admin_acl: ['127.0.0.0/8']\nchaos: {version: 'v', id: 'i'}\n"
            "powerdns_socket: {path: " + str(self.directory / "powerdns") + ", mode: '0600'}\n")
        self.cleanup.callback(self.target.stop)
        self.target.start()
        wait_until("the signatures", lambda: all(
            " RRSIG " in "".join(dns_test.Dig(zone, "MX", "+dnssec", port=self.target.port).answer)
            for zone in SIGNED), 20)

    roundtable = update_test.World.roundtable


WORLD = None


def setUpModule():
    global WORLD
    WORLD = dns_test.WORLD = World()


def tearDownModule():
    WORLD.cleanup.close()


def inputs(target):
    found = sorted(path for path in (CORPUS / f"dns_{target}").iterdir() if path.is_file())
    assert len(found) >= 5, f"no corpus of dns_{target}"
    return [(path.name, path.read_bytes()) for path in found]


def update_of(data):
    """As fuzz_dns_update.cpp makes it one, and signed, so that it passes the gate."""
    if len(data) < 12:
        return data
    return update_test.sign(data[:2] + b"\x28\x00" + data[4:], KEY)


def edns_of(data):
    """As fuzz_dns_edns.cpp does: the options of a query."""
    question = not data or (data[0] & 4) == 0
    name = packet("www.mail.test", counts=(1, 0, 0, 1)) if question else (
        struct.pack("!6H", 0x1234, 0, 0, 0, 0, 1))
    return name + opt(options=data[2:1400])


# What an input is sent as, beside as it is.
FORMS = {
    "answer": [lambda data: data[1:]],
    "signed": [lambda data: data[1:]],
    "edns": [edns_of],
    "tsig": [lambda data: data[1:],
             lambda data: update_test.sign(data[1:], KEY) if len(data) > 12 else data],
    "update": [update_of],
    "internal": [lambda data: data[1:]],
    "explain": [lambda data: data[1:]],
    "powerdns": [],
    "zone": [],
    "probe_text": [],
}


def updates(outcome):
    """How many the name server has counted."""
    found = re.search(rf'roundtable_dns_updates_total{{outcome="{outcome}"}} (\d+)',
                      WORLD.target.metrics())
    return int(found[1]) if found else 0


def resident():
    status = pathlib.Path(f"/proc/{WORLD.target.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024


class Asker:
    """Sends to one port, and asks after each what must be answered."""

    def __init__(self, port, proof, right):
        self.port, self.proof, self.right = port, proof, right
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.settimeout(10)
        self.udp.connect((HOST, port))
        self.count = 0

    def close(self):
        self.udp.close()

    def over_udp(self, data):
        self.udp.send(data[:UDP_MAX])
        self.count += 1
        number = struct.pack("!H", self.count & 0x7fff | 0x8000)
        self.udp.send(number + self.proof[2:])
        while True:  # the input may have been answered, too, before or after
            reply = self.udp.recv(65536)
            if reply[:2] == number and self.right(reply):
                return

    def over_tcp(self, stream):
        """A connection on which `stream` comes first; it may end it. Then another."""
        with socket.create_connection((HOST, self.port), 10) as tcp:
            tcp.sendall(stream)
            tcp.shutdown(socket.SHUT_WR)
            tcp.settimeout(10)
            try:
                while tcp.recv(65536):
                    pass
            except ConnectionResetError:
                pass
        with socket.create_connection((HOST, self.port), 10) as tcp:
            tcp.settimeout(10)
            tcp.sendall(struct.pack("!H", len(self.proof)) + self.proof)
            assert self.right(tcp.recv(65536)[2:])


def public_answer(reply):
    return reply[3] & 15 == 0 and struct.unpack("!H", reply[6:8])[0] == 1


class Corpus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pid = WORLD.target.process.pid
        cls.public = Asker(WORLD.target.port, SOA, public_answer)
        cls.internal = Asker(WORLD.target.internal_port,
                             packet(dns_test.name_of("alice"), rtype=16), public_answer)
        cls.addClassCleanup(cls.public.close)
        cls.addClassCleanup(cls.internal.close)
        wait_until("the internal view", lambda: public_answer(
            dns_test.exchange(cls.internal.proof, cls.internal.port)), 20)
        cls.send_all(cls, "answer")  # buffers get their size
        cls.memory = resident()

    def send_all(self, target):
        for name, data in inputs(target):
            for form in [bytes, *FORMS[target]]:
                made = form(data)
                for asker in (self.public, self.internal):
                    try:
                        asker.over_udp(made)
                        framed = made[:65535]
                        asker.over_tcp(struct.pack("!H", len(framed)) + framed)
                        asker.over_tcp(made)  # as a stream of its own making
                    except (OSError, AssertionError) as error:
                        raise AssertionError(f"after {target}/{name}, port {asker.port}: "
                                             f"{error!r}") from error

    def tearDown(self):
        self.assertIsNone(WORLD.target.process.poll(), "it ended")
        self.assertEqual(WORLD.target.process.pid, self.pid)
        self.assertLess(resident() - self.memory, GROWTH)

    def at_socket(self, path, name, data):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(10)
            stream.connect(str(path))
            try:
                stream.sendall(data)
                stream.shutdown(socket.SHUT_WR)
                while stream.recv(65536):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
            except TimeoutError as error:
                raise AssertionError(f"{name}: the connection stays open") from error

    def ask_socket(self, path, line):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(10)
            stream.connect(str(path))
            stream.sendall(line)
            return stream.recv(65536)

    def test_powerdns_s_socket(self):
        path = WORLD.directory / "powerdns"
        lookup = (b'{"method":"lookup","parameters":{"qtype":"SOA","qname":"mail.test.",'
                  b'"zone-id":-1}}\n')
        for target in FORMS:
            for name, data in inputs(target):
                self.at_socket(path, name, data)
                self.assertIn(b'"SOA"', self.ask_socket(path, lookup), f"after {target}/{name}")

    def test_the_socket_of_explanations(self):
        path = WORLD.target.directory / "explain"
        for target in FORMS:
            for name, data in inputs(target):
                for form in (data, data[1:]):
                    self.at_socket(path, name, form)
                    self.assertTrue(self.ask_socket(path, b"text steering\n").startswith(b"ok"),
                                    f"after {target}/{name}")


def add_tests():
    for target in FORMS:
        def test(self, target=target):
            self.send_all(target)
            if target == "update":
                for outcome in ("made", "refused", "malformed", "prerequisite"):
                    wait_until(f"an update that was {outcome}", lambda o=outcome: updates(o), 10)
        setattr(Corpus, f"test_{target}", test)


add_tests()

if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
