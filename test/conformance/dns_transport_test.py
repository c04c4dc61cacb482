#!/usr/bin/env python3
"""The transport of roundtable-dnsd: EDNS options, cookies, response rate limiting, connections.

The world is dns_test's; asked by dig and by raw datagrams, from several networks of the loopback.
"""

import contextlib
import pathlib
import re
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import dns_test  # noqa: E402
import ran  # noqa: E402
from dns_test import (FORMERR, HOST, NOERROR, Dig, NameServer, exchange,  # noqa: E402
                      name_of, opt, packet, rcode)
from endpoints import wait_until  # noqa: E402


def setUpModule():
    dns_test.setUpModule()


def tearDownModule():
    dns_test.tearDownModule()


def edns(reply):
    """The extended RCODE and the options of a reply whose only additional record is its OPT."""
    at = reply.rindex(b"\0\0\x29\x04\xd0")
    found, data = {}, reply[at + 11:]
    while data:
        code, size = struct.unpack("!HH", data[:4])
        found[code], data = data[4:4 + size], data[4 + size:]
    return reply[at + 5] * 16 + rcode(reply), found


def option(code, data=b""):
    return struct.pack("!HH", code, len(data)) + data


def ask(options=b"", name="www.mail.test", port=None, seconds=5):
    """The reply to a datagram with these EDNS options, or None."""
    return exchange(packet(name, counts=(1, 0, 0, 1), extra=opt(options=options)), port, seconds)


def siphash(key, data):
    """SipHash-2-4, 64 bits, as octets."""
    mask = (1 << 64) - 1
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
         k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573]

    def rotate(x, bits):
        return ((x << bits) | (x >> (64 - bits))) & mask

    def rounds(count):
        for _ in range(count):
            for a, b, c, d, first, second in ((0, 1, 2, 3, 13, 16), (2, 1, 0, 3, 17, 21)):
                v[a] = (v[a] + v[b]) & mask
                v[c] = (v[c] + v[d]) & mask
                v[b] = rotate(v[b], first) ^ v[a]
                v[d] = rotate(v[d], second) ^ v[c]
                v[a] = rotate(v[a], 32)

    tail = len(data) % 8
    padded = data + bytes(7 - tail) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 255
    rounds(4)
    return struct.pack("<Q", v[0] ^ v[1] ^ v[2] ^ v[3])


def metric(server, name):
    found = re.search(rf"^{re.escape(name)} (\d+)", server.metrics(), re.M)
    return int(found[1]) if found else 0


class EdnsOptions(unittest.TestCase):
    def test_cookie(self):
        reply = Dig("www.mail.test", "A", "+cookie=2464c4abcf10c957")
        self.assertRegex(reply.reply, r"COOKIE: 2464c4abcf10c957010000[0-9a-f]{26} \(good\)")
        cookie = re.search(r"COOKIE: ([0-9a-f]{48})", reply.reply)[1]
        valid = 'roundtable_dns_cookies_total{verdict="valid"}'
        before = metric(dns_test.WORLD.server, valid)
        self.assertIn(f"COOKIE: {cookie} (good)",
                      Dig("www.mail.test", "A", f"+cookie={cookie}").reply)
        wait_until("the cookie is believed",
                   lambda: metric(dns_test.WORLD.server, valid) > before, 10)
        # Of another address it is none, and is replaced; the answer comes all the same.
        other = Dig("www.mail.test", "A", f"+cookie={cookie}", source="127.0.7.1")
        self.assertEqual((other.status, len(other.answer)), ("NOERROR", 1))
        self.assertNotIn(cookie, other.reply)

    def test_cookie_that_is_none(self):
        for size in (0, 7, 9, 15, 41):
            self.assertEqual(rcode(ask(option(10, b"c" * size))), FORMERR)

    def test_cookie_alone(self):
        reply = exchange(struct.pack("!HHHHHH", 7, 0, 0, 0, 0, 1) + opt(
            options=option(10, b"clientck")))
        code, options = edns(reply)
        self.assertEqual((code, len(options[10])), (NOERROR, 24))
        self.assertEqual(struct.unpack("!HHHH", reply[4:12]), (0, 0, 0, 1))

    def test_nsid(self):
        self.assertRegex(Dig("www.mail.test", "A", "+nsid").reply, r'NSID: 6e 73 31 \("ns1"\)')

    def test_keepalive(self):
        # Told in units of 100 ms, and over TCP only.
        self.assertIn("TCP KEEPALIVE: 10.0 secs",
                      Dig("www.mail.test", "A", "+tcp", "+keepalive").reply)
        self.assertNotIn("KEEPALIVE", Dig("www.mail.test", "A", "+keepalive").reply)

    def test_padding_and_subnet_are_ignored(self):
        code, options = edns(ask(option(12, bytes(100)) + option(8, b"\0\1\x18\0\xc0\0\2")))
        self.assertEqual((code, options), (NOERROR, {}))

    def test_errors_say_why(self):
        for name, rtype, rclass, expected in (
                ("example.org", "A", "IN", "20 (Not Authoritative)"),
                (name_of("alice"), "TXT", "IN", "18 (Prohibited)"),
                ("version.bind", "TXT", "CH", "21 (Not Supported)")):
            reply = Dig(name, rtype, rclass)
            self.assertEqual(reply.status, "REFUSED")
            self.assertIn(f"EDE: {expected}", reply.reply)
        self.assertNotIn("EDE", Dig("nothing.mail.test", "A").reply)
        self.assertIn("EDE: 18", Dig(name_of("alice"), "TXT", source="127.9.0.1",
                                     port=dns_test.WORLD.server.internal_port).reply)


class Limits(unittest.TestCase):
    """A name server of its own, with limits that a test can reach."""

    SETTINGS = """
nsid: ''
tcp: {connections: 4, connections_per_client: 3, idle: 2s, slow: 500ms}
cookies: {secrets_file: SECRETS}
rate_limit:
  {answers_per_second: 20, errors_per_second: 20, window: 1s, slip: 2, exempt: [127.5.0.0/16]}
"""

    @classmethod
    def setUpClass(cls):
        secrets = dns_test.WORLD.directory / "cookie-secrets"
        secrets.write_text("e5e973e5a6b2a43f48e7dc849e37bfcf\n")
        secrets.chmod(0o600)
        cls.server = NameServer(dns_test.WORLD.directory, "limits",
                                dns_test.WORLD.postgres.conninfo("roundtable_dnsd"),
                                cls.SETTINGS.replace("SECRETS", str(secrets)))
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()

    def flood(self, source, count=400, options=b""):
        """What came back of so many queries from one network."""
        query = packet(counts=(1, 0, 0, 1), extra=opt(options=options))
        replies = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind((source, 0))
            udp.connect((HOST, self.server.port))
            udp.settimeout(0.02)
            for _ in range(count // 20):
                for _ in range(20):
                    udp.send(query)
                with contextlib.suppress(TimeoutError):
                    while True:
                        replies.append(udp.recv(65536))
        return replies

    def test_a_flood_is_limited(self):
        replies = self.flood("127.3.1.1")
        answered = [r for r in replies if struct.unpack("!H", r[6:8])[0] == 1]
        cut = [r for r in replies if r[2] & 2]
        # A window's worth, and every second one of the rest, without records.
        self.assertLess(len(answered), 80)
        self.assertGreater(len(cut), 100)
        self.assertLess(len(cut), 220)
        self.assertEqual(len(answered) + len(cut), len(replies))
        self.assertLessEqual({len(r) for r in cut}, {len(packet()) + 11})
        port = self.server.port
        over_tcp = Dig("www.mail.test", "A", "+tcp", source="127.3.1.9", port=port)
        self.assertEqual(len(over_tcp.answer), 1)
        elsewhere = Dig("www.mail.test", "A", "+ignore", source="127.3.2.1", port=port)
        self.assertEqual(len(elsewhere.answer), 1, "another network")
        wait_until("it is counted", lambda: metric(
            self.server, 'roundtable_dns_rate_limited_total{action="truncated"}') >= 100, 10)

    def test_badcookie_leads_back(self):
        replies = self.flood("127.3.4.1", 200, option(10, b"clientck"))
        bad = [options[10] for code, options in map(edns, replies) if code == 23]
        self.assertGreater(len(bad), 20)
        good = self.flood("127.3.4.1", 200, option(10, bad[0]))
        self.assertEqual({(edns(r)[0], edns(r)[1][10]) for r in good}, {(NOERROR, bad[0])})
        self.assertGreater(len(good), 190)

    def test_exempt_networks_are_not_limited(self):
        replies = self.flood("127.5.1.1")
        self.assertEqual({struct.unpack("!H", r[6:8])[0] for r in replies}, {1})
        self.assertGreater(len(replies), 380)

    def test_cookies_of_a_shared_secret_are_believed(self):
        """Made here as RFC 9018 4 says, by another implementation of SipHash."""
        client, now = bytes.fromhex("2464c4abcf10c957"), int(time.time())
        head = client + b"\1\0\0\0" + struct.pack("!I", now)
        digest = siphash(bytes.fromhex("e5e973e5a6b2a43f48e7dc849e37bfcf"),
                         head + socket.inet_aton(HOST))
        cookie = head + digest
        self.assertEqual(edns(ask(option(10, cookie), port=self.server.port))[1][10], cookie)

    def test_the_longest_idle_connection_makes_room(self):
        query = packet("www.mail.test")

        def answered(tcp):
            tcp.sendall(struct.pack("!H", len(query)) + query)
            tcp.settimeout(5)
            return len(tcp.recv(65536)) > 12

        with contextlib.ExitStack() as stack:
            def connect(source):
                return stack.enter_context(socket.create_connection(
                    (HOST, self.server.port), 5, (source, 0)))
            open_now = [connect(f"127.6.0.{i}") for i in range(1, 5)]
            for tcp in open_now:
                self.assertTrue(answered(tcp))
            self.assertTrue(answered(open_now[0]))
            self.assertTrue(answered(connect("127.6.0.9")))
            self.assertEqual(open_now[1].recv(100), b"", "it was idle longest")
            self.assertTrue(answered(open_now[0]))
            # At its own cap a client is refused, whoever else is idle.
            for _ in range(2):
                self.assertTrue(answered(connect("127.6.0.9")))
            refused = connect("127.6.0.9")
            refused.settimeout(5)
            with contextlib.suppress(ConnectionError):
                self.assertEqual(refused.recv(100), b"")

    def test_refuses_secrets_that_everybody_may_read(self):
        secrets = dns_test.WORLD.directory / "open-secrets"
        secrets.write_text("e5e973e5a6b2a43f48e7dc849e37bfcf\n")
        secrets.chmod(0o644)
        server = NameServer(dns_test.WORLD.directory, "open",
                            dns_test.WORLD.postgres.conninfo("roundtable_dnsd"),
                            f"cookies: {{secrets_file: {secrets}}}\n")
        server.start(wait=False)
        self.assertNotEqual(server.process.wait(30), 0)
        log = (server.directory / "log").read_text()
        self.assertIn("everybody may read", log)
        self.assertNotIn("e5e973e5", log)


if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
