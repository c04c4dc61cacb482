#!/usr/bin/env python3
"""Settings and zones of roundtable-dnsd change while it answers: by SIGHUP, by SQL, all or nothing,
and without one query lost. The world is dns_test's."""

import contextlib
import os
import pathlib
import signal
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
from dns_test import HOST, Dig, NameServer, exchange, name_of, opt, packet, rcode  # noqa: E402
from dns_transport_test import ask, edns, metric, option, siphash  # noqa: E402
from endpoints import wait_until  # noqa: E402
from ports import free_port  # noqa: E402

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

    def end_without_a_loss(self, askers):
        for asker in askers:
            asker.over.set()
        for asker in askers:
            asker.join(10)
            self.assertIsNone(asker.problem)
            self.assertEqual(asker.answered, asker.asked)

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
        self.end_without_a_loss(askers)
        for asker in askers:
            self.assertGreater(asker.asked, 100)
        sys.stderr.write(f"\n{sum(a.asked for a in askers)} queries, none lost\n")

    def test_what_cannot_be_taken_changes_nothing(self):
        self.reload("nsid: before\n")
        secrets = dns_test.WORLD.directory / "open-to-all"
        secrets.write_text("e5e973e5a6b2a43f48e7dc849e37bfcf\n")
        secrets.chmod(0o644)
        open_to_all = f"cookies: {{secrets_file: {secrets}}}\n"
        other_threads = self.plain.replace("threads: 2", "threads: 3")
        other_port = other_threads.replace(f":{self.server.port}'", f":{free_port()}'", 1)
        for settings, plain, reason in (
                ("nsid: after\nnsidd: x\n", None, "unknown key"),
                ("nsid: after\nrate_limit: {slip: 1000}\n", None, "slip"),
                ("nsid: after\nlog: {level: loud}\n", None, "level"),
                ("nsid: after\n  x: {\n", None, "dnsd.yaml"),
                ("nsid: after\n" + open_to_all, None, "everybody may read"),
                ("nsid: after\n", other_threads, "nothing was changed: threads"),
                ("nsid: after\n", other_port, "nothing was changed: threads")):
            with self.subTest(reason):
                self.reload(settings, REFUSED, plain)
                self.assertEqual(self.nsid(), b"before")
                self.assertIn(reason, (self.server.directory / "log").read_text().splitlines()[-1])
        self.reload("nsid: after\n")
        wait_until("the good one", lambda: self.nsid() == b"after", 10)

    def listen(self, *endpoints, **more):
        """Reloads with these public addresses."""
        lines = [f"listen: {list(endpoints)}" if line.startswith("listen: ") else line
                 for line in self.plain.splitlines()]
        self.reload(plain="\n".join(lines) + "\n", **more)

    def port_answers(self, port):
        return Dig("www.mail.test", "A", "+time=1", "+tries=1", port=port).answer != []

    @staticmethod
    def hears(port):
        """Knows at once that nobody listens: the moment between two addresses is short."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, \
                contextlib.suppress(OSError):
            udp.connect((HOST, port))
            udp.settimeout(2)
            udp.send(packet("www.mail.test"))
            return len(udp.recv(65536)) > 12
        return False

    def test_addresses_change_without_a_gap(self):
        first, second = self.server.port, free_port()
        stays, moves = threading.Event(), []

        def follow():
            """Asks at the first address until it is closed, then at the second, without a pause."""
            port = first
            while not stays.is_set():
                if self.hears(port):
                    moves.append(port)
                elif port == first:
                    port = second
                else:
                    moves.append("a gap")
        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        askers = [Asker(first, *kind) for kind in (("udp", 40), ("udp", 1))]
        for asker in askers:
            asker.start()
        counted = 'roundtable_dns_answers_total{kind="positive"}'
        with socket.create_connection((HOST, first), 5) as tcp:
            for turn in range(3):  # the first address stays, and loses no query
                self.listen(f"{HOST}:{first}", f"{HOST}:{second}", f"127.0.0.2:{second}")
                self.assertTrue(self.port_answers(second))
                self.listen(f"{HOST}:{first}", f"[::1]:{first}", settings=f"nsid: turn{turn}\n")
                self.assertFalse(self.port_answers(second))
            self.end_without_a_loss(askers)
            wait_until("the counts", lambda: metric(self.server, counted) > askers[0].asked, 10)
            before = metric(self.server, counted)
            self.listen(f"{HOST}:{second}")
            self.assertFalse(self.port_answers(first))
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection((HOST, first), 5)
            # The connection is older than the change.
            query = packet("www.mail.test")
            tcp.sendall(struct.pack("!H", len(query)) + query)
            self.assertGreater(len(tcp.recv(65536)), 12)
        wait_until("the second address", lambda: second in moves, 20)
        stays.set()
        follower.join(10)
        self.assertNotIn("a gap", moves)
        self.assertGreaterEqual(metric(self.server, counted), before)
        self.assertIn(f"dns={HOST}:{second}", (self.server.directory / "log").read_text())

    def test_secondaries_are_told_from_the_new_address(self):
        binaries = pathlib.Path(os.environ.get(
            "ROUNDTABLE_BIN", dns_test.ROOT / "build/release/bin"))

        def transfer(*arguments):
            subprocess.run([binaries / "roundtable", "transfer", *arguments, "--database",
                            dns_test.WORLD.postgres.conninfo("postgres")],
                           check=True, capture_output=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as secondary:
            secondary.bind((HOST, 0))
            secondary.settimeout(20)
            transfer("add", "told", "--from", HOST, "--domain", "mail.test", "--notify",
                     f"{HOST}:{secondary.getsockname()[1]}")
            self.addCleanup(transfer, "remove", "told")

            def told_from(address):
                # Unanswered ones come again, and the other name server tells as well.
                deadline = time.monotonic() + 20
                while time.monotonic() < deadline:
                    if secondary.recvfrom(65536)[1][0] == address:
                        return True
                return False
            self.assertTrue(told_from(HOST))
            self.listen(f"127.0.0.3:{free_port()}")
            dns_test.WORLD.postgres.sql(
                "INSERT INTO directory.record (domain_id, owner, type, rdata) SELECT id, 'told', "
                "'A', '192.0.2.1' FROM directory.domain WHERE name = 'mail.test'")
            self.assertTrue(told_from("127.0.0.3"))

    def test_an_address_that_cannot_be_had_refuses_the_whole_change(self):
        own, other = f"{HOST}:{self.server.port}", free_port()
        self.reload("nsid: before\n")
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind((HOST, 0))
            tcp.listen()
            udp.bind((HOST, 0))
            for endpoint, reason in ((f"{HOST}:{tcp.getsockname()[1]}", "in use"),
                                     (f"{HOST}:{udp.getsockname()[1]}", "in use"),
                                     ("192.0.2.1:53", "assign requested address"),
                                     (f"0.0.0.0:{self.server.port}", f"overlaps {own}"),
                                     (own, "there twice")):
                with self.subTest(endpoint):
                    self.listen(own, f"{HOST}:{other}", endpoint, settings="nsid: after\n",
                                counter=REFUSED)
                    self.assertIn(reason,
                                  (self.server.directory / "log").read_text().splitlines()[-1])
                    self.assertEqual(self.nsid(), b"before")
                    self.assertFalse(self.port_answers(other))
                    self.assertTrue(self.port_answers(self.server.port))
            # Nor is the old one closed before all new ones are open.
            self.listen(f"{HOST}:{other}", f"{HOST}:{tcp.getsockname()[1]}", counter=REFUSED)
            self.assertTrue(self.port_answers(self.server.port))
            self.assertFalse(self.port_answers(other))

    def test_a_privileged_port_needs_the_right_that_was_given_at_the_start(self):
        low = next(port for port in range(1023, 500, -1) if self.is_free(port))
        self.server.stop()
        self.server.start(under=("setpriv", "--bounding-set=-net_bind_service"))
        self.listen(f"{HOST}:{self.server.port}", f"{HOST}:{low}", counter=REFUSED)
        self.assertIn("needs CAP_NET_BIND_SERVICE",
                      (self.server.directory / "log").read_text().splitlines()[-1])
        self.assertTrue(self.port_answers(self.server.port))
        self.server.stop()
        self.server.config.write_text(self.plain)
        self.server.start()
        self.listen(f"{HOST}:{self.server.port}", f"{HOST}:{low}")
        self.assertTrue(self.port_answers(low))

    @staticmethod
    def is_free(port):
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, \
                contextlib.suppress(OSError):
            tcp.bind((HOST, port))
            udp.bind((HOST, port))
            return True
        return False

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
