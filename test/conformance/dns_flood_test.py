#!/usr/bin/env python3
"""Floods: forged queries twenty times as many as those of real clients, and ten thousand TCP
connections that are slow. Real clients are answered, a victim is sent no more than was forged in
its name, and memory stays bounded.

In a network namespace of its own, where 198.18.0.0/15 (RFC 2544) is local: sources are forged by
raw sockets from all of it. The world is dns_test's. ROUNDTABLE_FLOOD_SECONDS: of each flood
(default 4). ROUNDTABLE_FIGURES: a file to which figures are appended, for prove-dns-flood.
"""

import base64
import contextlib
import ctypes
import ipaddress
import json
import os
import pathlib
import random
import re
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import dns_test  # noqa: E402
import ran  # noqa: E402
from dns_test import HOST, NameServer, exchange, opt, packet, rcode  # noqa: E402
from dns_transport_test import edns, metric, option  # noqa: E402
from endpoints import wait_until  # noqa: E402

SECONDS = float(os.environ.get("ROUNDTABLE_FLOOD_SECONDS", "4"))
REAL_PER_SECOND = 100
FORGED_PER_SECOND = 20 * REAL_PER_SECOND  # at least half of it must get out
CLONE_NEWNET = 0x40000000


def setUpModule():
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise RuntimeError("no network namespace: this needs root")
    for command in ("ip link set lo up", "ip route add local 198.18.0.0/15 dev lo"):
        subprocess.run(command.split(), check=True)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    dns_test.setUpModule()


def tearDownModule():
    dns_test.tearDownModule()


def tell(what, figures):
    """One line for people, and one of JSON for prove-dns-flood."""
    sys.stderr.write(f"\n{what}: {figures}\n")
    if file := os.environ.get("ROUNDTABLE_FIGURES"):
        with open(file, "a", encoding="utf-8") as out:
            out.write(json.dumps([what, figures]) + "\n")


def forge(source, port, query):
    """An IP packet; the kernel fills in its checksum."""
    udp = struct.pack("!HHHH", random.randint(1024, 65535), port, 8 + len(query), 0) + query
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + source + \
        socket.inet_aton(HOST) + udp


def flood(port, network, names, seconds):
    """The child's part: sends at its rate, then says how many. `names` may end in /TYPE."""
    first = int(ipaddress.ip_network(network)[0])
    size = ipaddress.ip_network(network).num_addresses
    names, _, rtype = names.partition("/")
    packets = [forge(struct.pack("!I", first + random.randrange(size)), port, packet(
        names.replace("RANDOM", f"r{random.randrange(1 << 30)}"), int(rtype or 1)))
        for _ in range(20000)]
    print("begins", flush=True)
    sent, start = 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        while (now := time.monotonic() - start) < seconds:
            while sent < now * FORGED_PER_SECOND:
                raw.sendto(packets[sent % len(packets)], (HOST, 0))
                sent += 1
            time.sleep(0.002)
    print(sent)


class Client(threading.Thread):
    """A resolver that follows TC and BADCOOKIE, but does not ask again when nothing comes."""

    def __init__(self, source, port, seconds, cookies):
        super().__init__(daemon=True)
        self.source, self.port, self.seconds, self.cookies = source, port, seconds, cookies
        self.asked, self.answered, self.slowest, self.cookie = 0, 0, 0.0, b"clientck"

    def run(self):
        start = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind((self.source, 0))
            udp.connect((HOST, self.port))
            udp.settimeout(2)
            while time.monotonic() - start < self.seconds:
                self.asked += 1
                began = time.monotonic()
                with contextlib.suppress(OSError):
                    self.answered += self.ask(udp)
                self.slowest = max(self.slowest, time.monotonic() - began)
                time.sleep(max(0, start + self.asked * 10 / REAL_PER_SECOND - time.monotonic()))

    def ask(self, udp):
        options = option(10, self.cookie) if self.cookies else b""
        query = struct.pack("!H", self.asked) + packet(
            "www.mail.test", counts=(1, 0, 0, 1), extra=opt(options=options))[2:]
        udp.send(query)
        reply = udp.recv(65536)
        if reply[2] & 2:
            with socket.create_connection((HOST, self.port), 2, (self.source, 0)) as tcp:
                tcp.settimeout(2)
                tcp.sendall(struct.pack("!H", len(query)) + query)
                reply = tcp.recv(65536)[2:]
        elif self.cookies:
            code, options = edns(reply)
            self.cookie = options[10]
            if code == 23:
                return self.ask(udp)  # with the cookie that it was given
        return struct.unpack("!H", reply[6:8])[0] == 1


class Victim(threading.Thread):
    """Counts what the name server sends to a network of this machine: (when, octets of UDP)."""

    def __init__(self, port, network):
        super().__init__(daemon=True)
        self.port, self.network, self.got = port, ipaddress.ip_network(network), []
        self.ended = threading.Event()
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)
        self.raw.settimeout(0.1)

    def run(self):
        with self.raw:
            while not self.ended.is_set():
                with contextlib.suppress(TimeoutError):
                    datagram = self.raw.recv(65536)
                    source, = struct.unpack_from("!H", datagram, 20)
                    if source == self.port and ipaddress.ip_address(
                            datagram[16:20]) in self.network:
                        self.got.append((time.monotonic(), len(datagram) - 28))


def resident(process):
    """Octets."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024


class Flooded(unittest.TestCase):
    """Rates as by default, but that nobody is exempt."""

    limited = 0  # answers, by the floods before

    @classmethod
    def setUpClass(cls):
        cls.server = NameServer(dns_test.WORLD.directory, "flooded",
                                dns_test.WORLD.postgres.conninfo("roundtable_dnsd"),
                                "rate_limit: {exempt: []}\n")
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()

    def flooded(self, network, names, sources, cookies=False):
        port = self.server.port
        memory = resident(self.server.process)
        attacker = subprocess.Popen(
            [sys.executable, __file__, "--flood", str(port), network, names, str(SECONDS + 1)],
            stdout=subprocess.PIPE, text=True)
        self.assertEqual(attacker.stdout.readline(), "begins\n")
        clients = [Client(source, port, SECONDS, cookies) for source in sources]
        for client in clients:
            client.start()
        for client in clients:
            client.join(SECONDS + 30)
        forged = int(attacker.communicate(timeout=60)[0])
        asked, answered = (sum(getattr(c, what) for c in clients) for what in ("asked", "answered"))
        limited = sum(metric(self.server, f'roundtable_dns_rate_limited_total{{action="{action}"}}')
                      for action in ("dropped", "truncated", "badcookie"))
        tell(f"`{names}` in the name of {network}{', cookies' if cookies else ''}",
             f"{forged:,} forged, {limited - self.limited:,.0f} answers limited; clients: {asked} "
             f"asked, {answered} answered, slowest {max(c.slowest for c in clients):.3f} s; "
             f"RSS +{(resident(self.server.process) - memory) >> 10} KiB")
        Flooded.limited = limited
        self.assertGreater(forged, 10 * asked, "the flood was none")
        self.assertGreaterEqual(answered, 0.99 * asked)
        for client in clients:
            self.assertGreaterEqual(client.answered, 0.9 * client.asked, client.source)
        self.assertLess(resident(self.server.process) - memory, 16 << 20)

    sources = [f"198.19.{i}.1" for i in range(10)]

    def test_from_everywhere(self):
        self.flooded("198.18.0.0/16", "www.mail.test", self.sources)

    def test_names_that_do_not_exist(self):
        self.flooded("198.18.0.0/16", "RANDOM.mail.test", self.sources)

    def test_names_that_are_not_ours(self):
        self.flooded("198.18.0.0/16", "RANDOM.example.org", self.sources)

    def test_in_the_name_of_the_clients_networks(self):
        """The victims themselves: over their rate, they are sent to TCP."""
        self.flooded("198.19.0.0/29", "www.mail.test", ["198.19.0.129", *self.sources[1:]])

    def test_in_the_name_of_clients_that_know_cookies(self):
        self.flooded("198.19.0.0/29", "www.mail.test", ["198.19.0.129", *self.sources[1:]], True)


class Reflected(unittest.TestCase):
    """What a victim is sent when queries are forged in its name: never more than was forged, once
    its rate is used up. Without the limit it is several times as much, which shows that this
    measures it."""

    NETWORK, NAMES = "198.19.0.0/29", "mail.test/15"
    SETTLED_SECONDS = 2  # of the flood: the rate of one second is used up by then

    def reflected(self, name, settings):
        """Octets to the victim for each that was forged, while the flood lasts."""
        server = NameServer(dns_test.WORLD.directory, name,
                            dns_test.WORLD.postgres.conninfo("roundtable_dnsd"), settings)
        self.addCleanup(server.stop)
        server.start()
        victim = Victim(server.port, self.NETWORK)
        victim.start()
        attacker = subprocess.Popen(
            [sys.executable, __file__, "--flood", str(server.port), self.NETWORK, self.NAMES,
             str(SECONDS + self.SETTLED_SECONDS)], stdout=subprocess.PIPE, text=True)
        self.assertEqual(attacker.stdout.readline(), "begins\n")
        forged = int(attacker.communicate(timeout=SECONDS + 60)[0])
        query = len(packet("mail.test", 15))
        wait_until("the last answer", lambda: time.monotonic() - victim.got[-1][0] > 0.5, 10)
        victim.ended.set()
        victim.join()
        settled = victim.got[0][0] + self.SETTLED_SECONDS
        late = [size for when, size in victim.got if when > settled]
        tell(f"`mail.test MX` in the name of a victim, {name}",
             f"{forged * query:,} octets forged, {sum(size for _, size in victim.got):,} to the "
             f"victim; after {self.SETTLED_SECONDS} s {sum(late) / len(late) / query:.2f} octets "
             f"for each forged")
        self.assertGreater(len(victim.got), 0.9 * forged, "slip: each is answered")
        return sum(late) / len(late) / query

    def test_a_victim_is_sent_no_more_than_was_forged(self):
        self.assertLessEqual(self.reflected("limited", "rate_limit: {exempt: []}\n"), 1.0)

    def test_without_the_limit_it_is_several_times_as_much(self):
        self.assertGreater(self.reflected("unlimited", "rate_limit: {enabled: false}\n"), 3)


class SlowConnections(unittest.TestCase):
    COUNT = 10000
    LONG = 2000

    def serve(self, name, settings):
        server = NameServer(dns_test.WORLD.directory, name,
                            dns_test.WORLD.postgres.conninfo("roundtable_dnsd"), settings)
        self.addCleanup(server.stop)
        server.start()
        return server

    def open_all(self, server, stack):
        """Each has sent half a length, and will be slow with the rest."""
        for i in range(self.COUNT):
            tcp = stack.enter_context(socket.socket())
            tcp.bind((f"198.18.{i >> 8 & 255}.{i & 255}", 0))
            tcp.connect((HOST, server.port))
            with contextlib.suppress(OSError):
                tcp.send(b"\0")

    def check_udp(self, server):
        times = []
        for _ in range(500):
            began = time.monotonic()
            reply = exchange(packet("www.mail.test"), server.port, seconds=2)
            self.assertIsNotNone(reply)
            self.assertEqual(rcode(reply), 0)
            times.append(time.monotonic() - began)
        return sorted(times)[len(times) * 99 // 100]

    def test_ten_thousand_are_held_without_effect_on_udp(self):
        server = self.serve("slow", f"tcp: {{connections: {self.COUNT + 100}, idle: 10m}}\n")
        quiet, memory = self.check_udp(server), resident(server.process)
        with contextlib.ExitStack() as stack:
            self.open_all(server, stack)
            count = 'roundtable_dns_tcp_connections_total{outcome="accepted"}'
            wait_until("all are accepted",
                       lambda: metric(server, count) >= self.COUNT, 60)
            busy = self.check_udp(server)
            each = (resident(server.process) - memory) // self.COUNT
            tell(f"{self.COUNT:,} slow connections, all held",
                 f"{each:,} octets each; UDP p99 {quiet * 1000:.2f} ms without them, "
                 f"{busy * 1000:.2f} ms with")
            self.assertLess(each, 64 << 10)
            self.assertEqual(self.over_tcp(server), 1)

    def test_by_default_they_make_room_for_others(self):
        server = self.serve("default", "")
        memory = resident(server.process)
        with contextlib.ExitStack() as stack:
            self.open_all(server, stack)
            self.assertEqual(self.over_tcp(server), 1)
            self.check_udp(server)
            self.assertLess(resident(server.process) - memory, 64 << 20)
            count = 'roundtable_dns_tcp_connections_total{outcome="replaced"}'
            wait_until("8000 are replaced", lambda: metric(server, count) > 8000, 10)
            tell(f"{self.COUNT:,} slow connections, by default",
                 f"{metric(server, count):,.0f} replaced by later ones; "
                 f"RSS +{(resident(server.process) - memory) >> 10:,} KiB")

    def test_slow_senders_of_long_updates_take_no_more_than_their_room(self):
        """Each is a client of its own and stops just short of the end: the class of a length that
        is believed. Who sends the whole of its update is served meanwhile."""
        secret = base64.b64encode(bytes(32)).decode()
        binaries = pathlib.Path(os.environ.get(
            "ROUNDTABLE_BIN", dns_test.ROOT / "build/release/bin"))
        for command in (("transfer", "key", "add", "long.key", "--secret-stdin"),
                        ("update", "allow", "long.key", "mail.test", "--below")):
            subprocess.run([binaries / "roundtable", *command, "--database",
                            dns_test.WORLD.postgres.conninfo("postgres")],
                           input=secret, text=True, check=True, capture_output=True)
        server = self.serve("long", f"tcp: {{connections: {self.COUNT + 100}, idle: 10m}}\n")
        begin = struct.pack("!HHH", 65535, 7, 5 << 11)  # length, id, an UPDATE
        memory, most = resident(server.process), 0
        with contextlib.ExitStack() as stack:
            for i in range(self.LONG):
                tcp = stack.enter_context(socket.socket())
                tcp.bind((f"198.18.{i >> 8 & 255}.{i & 255}", 0))
                tcp.connect((HOST, server.port))
                with contextlib.suppress(OSError):
                    tcp.sendall(begin + bytes(65000 - len(begin)))
                if i % 100 == 0:
                    most = max(most, resident(server.process))
            lost = 'roundtable_dns_tcp_connections_total{outcome="refused_large"}'
            wait_until("most have lost their room",
                       lambda: metric(server, lost) >= self.LONG - 70, 30)
            done = subprocess.run(
                ["nsupdate"], input="\n".join([
                    f"server {HOST} {server.port}", f"key hmac-sha256:long.key {secret}",
                    "zone mail.test", *(f"update add l{i}.mail.test 60 TXT {i:0200}"
                                        for i in range(250)), "send", ""]),
                capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(self.over_tcp(server), 1)
            self.check_udp(server)
            most = max(most, resident(server.process))
        tell(f"{self.LONG:,} slow senders of 64 KiB",
             f"{metric(server, lost):,.0f} lost their room to later ones; "
             f"RSS +{(most - memory) >> 10:,} KiB; an update of 50 KiB was made meanwhile")
        self.assertLess(most - memory, 24 << 20)

    def over_tcp(self, server):
        """Records in the answer to a client that comes after all of them."""
        query = packet("www.mail.test")
        with socket.create_connection((HOST, server.port), 10, ("198.19.7.7", 0)) as tcp:
            tcp.settimeout(10)
            tcp.sendall(struct.pack("!H", len(query)) + query)
            return struct.unpack("!H", tcp.recv(65536)[8:10])[0]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--flood"]:
        flood(int(sys.argv[2]), sys.argv[3], sys.argv[4], float(sys.argv[5]))
    else:
        unittest.main(testRunner=ran.Runner(verbosity=1))
