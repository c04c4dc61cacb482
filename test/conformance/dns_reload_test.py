#!/usr/bin/env python3
"""Settings and zones of roundtable-dnsd change while it answers: by SIGHUP, by SQL, all or nothing,
and without one query lost. The world is dns_test's."""

import contextlib
import pathlib
import signal
import socket
import struct
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import dns_test  # noqa: E402
import ran  # noqa: E402
from dns_test import HOST, Dig, NameServer, exchange, name_of, opt, packet, rcode  # noqa: E402
from dns_transport_test import ask, edns, metric, option, siphash  # noqa: E402
from endpoints import wait_until  # noqa: E402

TAKEN = 'roundtable_dns_reloads_total{outcome="taken"}'
REFUSED = 'roundtable_dns_reloads_total{outcome="refused"}'


def setUpModule():
    dns_test.setUpModule()


def tearDownModule():
    dns_test.tearDownModule()


class Asker(threading.Thread):
    """Asks without a pause until it is told to end: bursts over UDP, or pipelined over TCP."""

    def __init__(self, port, transport, burst):
        super().__init__(daemon=True)
        self.port, self.transport, self.burst = port, transport, burst
        self.asked, self.answered, self.over = 0, 0, threading.Event()
        self.problem = None

    def run(self):
        try:
            {"udp": self._udp, "tcp": self._tcp}[self.transport]()
        except (OSError, ValueError) as error:
            self.problem = repr(error)

    def _query(self, number):
        return struct.pack("!H", number) + packet("www.mail.test")[2:]

    def _udp(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.connect((HOST, self.port))
            udp.settimeout(5)
            while not self.over.is_set():
                open_now = {(self.asked + i) & 0xffff for i in range(self.burst)}
                for number in open_now:
                    udp.send(self._query(number))
                self.asked += self.burst
                while open_now:
                    reply = udp.recv(65536)
                    open_now.remove(struct.unpack("!H", reply[:2])[0])
                    self.answered += struct.unpack("!H", reply[6:8])[0] == 1

    def _tcp(self):
        with socket.create_connection((HOST, self.port), 5) as tcp, tcp.makefile("rb") as file:
            tcp.settimeout(5)
            while not self.over.is_set():
                query = self._query(self.asked & 0xffff)
                tcp.sendall((struct.pack("!H", len(query)) + query) * self.burst)
                self.asked += self.burst
                for _ in range(self.burst):
                    reply = file.read(struct.unpack("!H", file.read(2))[0])
                    self.answered += struct.unpack("!H", reply[6:8])[0] == 1


class Reload(unittest.TestCase):
    def setUp(self):
        self.server = NameServer(dns_test.WORLD.directory, "reload",
                                 dns_test.WORLD.postgres.conninfo("roundtable_dnsd"))
        self.plain = self.server.config.read_text()
        self.addCleanup(self.server.stop)
        self.server.start()

    def reload(self, settings="", counter=TAKEN, plain=None):
        before = metric(self.server, counter)
        self.server.config.write_text((plain or self.plain) + settings)
        self.server.process.send_signal(signal.SIGHUP)
        wait_until("the reload", lambda: metric(self.server, counter) > before, 20)

    def nsid(self):
        return edns(ask(option(3), port=self.server.port))[1].get(3)

    def answers(self, options=b"", count=200):
        """How many of so many queries of one network brought records."""
        query = packet("www.mail.test", counts=(1, 0, 0, 1), extra=opt(options=options))
        found = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.3.1.1", 0))
            udp.connect((HOST, self.server.port))
            udp.settimeout(0.2)
            for _ in range(count):
                udp.send(query)
                with contextlib.suppress(TimeoutError):
                    found += struct.unpack("!H", udp.recv(65536)[6:8])[0]
        return found

    def test_no_query_is_lost_while_settings_and_zones_change(self):
        askers = [Asker(self.server.port, *kind)
                  for kind in (("udp", 1), ("udp", 40), ("udp", 40), ("tcp", 20))]
        for asker in askers:
            asker.start()
        for turn in range(15):
            self.reload(f"nsid: turn{turn}\ntcp: {{idle: {20 + turn}s}}\n"
                        f"cookies: {{enabled: {str(turn % 2 == 0).lower()}}}\n"
                        f"rate_limit: {{answers_per_second: {1000 + turn}, "
                        f"entries: {4096 << turn % 3}}}\n")
            dns_test.WORLD.postgres.sql(
                "INSERT INTO directory.record (domain_id, owner, type, rdata) "
                f"SELECT id, 'turn{turn}', 'A', '192.0.2.{turn}' "
                "FROM directory.domain WHERE name = 'mail.test'")
            # The threads take new settings with the next query; each has its own.
            wait_until("the settings", lambda at=turn: all(
                self.nsid() == b"turn%d" % at for _ in range(8)), 20)
            wait_until("the record", lambda at=turn: Dig(
                f"turn{at}.mail.test", "A", port=self.server.port).answer, 20)
        for asker in askers:
            asker.over.set()
        for asker in askers:
            asker.join(10)
            self.assertIsNone(asker.problem)
            self.assertEqual(asker.answered, asker.asked)
            self.assertGreater(asker.asked, 100)
        sys.stderr.write(f"\n{sum(a.asked for a in askers)} queries, none lost\n")

    def test_what_cannot_be_taken_changes_nothing(self):
        self.reload("nsid: before\n")
        secrets = dns_test.WORLD.directory / "open-to-all"
        secrets.write_text("e5e973e5a6b2a43f48e7dc849e37bfcf\n")
        secrets.chmod(0o644)
        open_to_all = f"cookies: {{secrets_file: {secrets}}}\n"
        other_threads = self.plain.replace("threads: 2", "threads: 3")
        other_port = other_threads.replace(f":{self.server.port}'", ":1'", 1)
        for settings, plain, reason in (
                ("nsid: after\nnsidd: x\n", None, "unknown key"),
                ("nsid: after\nrate_limit: {slip: 1000}\n", None, "slip"),
                ("nsid: after\nlog: {level: loud}\n", None, "level"),
                ("nsid: after\n  x: {\n", None, "dnsd.yaml"),
                ("nsid: after\n" + open_to_all, None, "everybody may read"),
                ("nsid: after\n", other_threads, "nothing was changed: threads"),
                ("nsid: after\n", other_port, "nothing was changed: listen, threads")):
            with self.subTest(reason):
                self.reload(settings, REFUSED, plain)
                self.assertEqual(self.nsid(), b"before")
                self.assertIn(reason, (self.server.directory / "log").read_text().splitlines()[-1])
        self.reload("nsid: after\n")
        wait_until("the good one", lambda: self.nsid() == b"after", 10)

    def test_rates(self):
        self.reload("rate_limit: {exempt: []}\n")
        self.assertEqual(self.answers(), 200)
        self.reload("rate_limit: {exempt: [], answers_per_second: 10, slip: 0}\n")
        wait_until("the lower rate", lambda: self.answers(count=40) < 30, 30)
        self.reload("rate_limit: {enabled: false}\n")
        wait_until("no rate", lambda: self.answers(count=40) == 40, 30)

    def test_cookie_secrets_roll(self):
        """As cookie.h says: the new one behind, then first, then the old one away."""
        old, new = "e5e973e5a6b2a43f48e7dc849e37bfcf", "445536bcd2513298075a5d379663c962"
        secrets = dns_test.WORLD.directory / "rolled-secrets"

        def use(*values):
            secrets.write_text("".join(value + "\n" for value in values))
            secrets.chmod(0o600)
            self.reload(f"cookies: {{secrets_file: {secrets}}}\n")

        def cookie(secret):
            head = (bytes.fromhex("2464c4abcf10c957") + b"\1\0\0\0"
                    + struct.pack("!I", int(time.time())))
            return head + siphash(bytes.fromhex(secret), head + socket.inet_aton(HOST))

        def made_with(secret):
            """What a server makes itself it gives back as it is."""
            sent = cookie(secret)
            return all(edns(ask(option(10, sent), port=self.server.port))[1][10] == sent
                       for _ in range(4))

        def judged(secret, verdict):
            counter = f'roundtable_dns_cookies_total{{verdict="{verdict}"}}'
            before = metric(self.server, counter)
            for _ in range(5):
                ask(option(10, cookie(secret)), port=self.server.port)
            wait_until(f"cookies are {verdict}",
                       lambda: metric(self.server, counter) >= before + 5, 10)

        use(old)
        wait_until("the first secret", lambda: made_with(old), 10)
        judged(new, "bad")
        use(old, new)
        wait_until("the second is known", lambda: judged(new, "valid") is None, 10)
        self.assertTrue(made_with(old))
        use(new, old)
        wait_until("the second makes them", lambda: made_with(new), 10)
        judged(old, "valid")
        use(new)
        wait_until("the second makes them still", lambda: made_with(new), 10)
        judged(old, "bad")

    def test_who_may_ask_the_internal_view(self):
        def status(source):
            return Dig(name_of("alice"), "TXT", port=self.server.internal_port,
                       source=source).status
        self.assertEqual((status(HOST), status("127.9.0.1")), ("NOERROR", "REFUSED"))
        self.reload(plain=self.plain.replace("127.0.0.0/16", "127.9.0.0/16"))
        wait_until("the other network", lambda: (status(HOST), status("127.9.0.1"))
                   == ("REFUSED", "NOERROR"), 10)

    def test_limits_of_tcp(self):
        query = packet("www.mail.test")

        def served(source):
            with socket.create_connection((HOST, self.server.port), 5, (source, 0)) as tcp:
                tcp.settimeout(5)
                tcp.sendall(struct.pack("!H", len(query)) + query)
                with contextlib.suppress(ConnectionError):
                    return len(tcp.recv(65536)) > 12
                return False

        with contextlib.ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(socket.create_connection((HOST, self.server.port), 5,
                                                             ("127.6.0.1", 0)))
            self.assertTrue(served("127.6.0.1"))
            self.reload("tcp: {connections_per_client: 3}\n")
            wait_until("the lower cap", lambda: not served("127.6.0.1"), 10)
            self.assertTrue(served("127.6.0.2"))
        self.assertEqual(rcode(exchange(query, self.server.port)), 0)


if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
