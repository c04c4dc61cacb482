#!/usr/bin/env python3
"""Explanations of the largest pool that there may be: 1,024 mail servers. At the socket all is
told; over DNS what a message holds, and who asks for more is told where to get it.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "test" / "conformance"), str(ROOT / "ops" / "demo"),
                str(ROOT / "test" / "support")]
import dns_test  # noqa: E402
import ran  # noqa: E402
from dns_test import HOST, NameServer, Postgres  # noqa: E402
from endpoints import wait_until  # noqa: E402
from ports import free_port  # noqa: E402

BINARIES = pathlib.Path(os.environ.get("ROUNDTABLE_BIN", ROOT / "build/release/bin"))
SERVERS = 1024
ROWS = """
INSERT INTO directory.name_server (name, host_name, address) VALUES
    ('ns1', 'ns1.hosts.test', '192.0.2.53');
INSERT INTO directory.storage_server (name, failure_domain) VALUES ('store1', 'd1');
INSERT INTO directory.mail_server (name, host_name, address, smtp_port, storage_server_id, capacity)
    SELECT 'mail' || n, 'mail' || n || '.hosts.test', '127.0.0.1', {port}, s.id, 1 + n % 16
    FROM generate_series(1, {servers}) n, directory.storage_server s;
INSERT INTO directory.domain (name) VALUES ('hosts.test'), ('mail.test');
INSERT INTO directory.mail_exchange (domain_id, mail_server_id, preference)
    SELECT d.id, m.id, 10 FROM directory.domain d, directory.mail_server m
    WHERE d.name = 'mail.test';
"""


class World:
    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="rt-explain-"))
        self.directory.chmod(0o755)
        self.cleanup = contextlib.ExitStack()
        self.cleanup.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self.postgres = Postgres(self.directory)
        self.cleanup.callback(self.postgres.stop)
        subprocess.run([BINARIES / "roundtable", "schema", "migrate", "--database",
                        self.postgres.conninfo("postgres")], check=True,
                       stdout=subprocess.DEVNULL)
        # Nobody listens there: all are down, and all are answered for.
        self.postgres.sql(ROWS.format(port=free_port(), servers=SERVERS))
        self.server = NameServer(self.directory, "ns1", self.postgres.conninfo("roundtable_dnsd"),
                                 "admin_acl: ['127.0.0.0/8']\n")
        self.cleanup.callback(self.server.stop)
        self.server.start()


WORLD = None


def setUpModule():
    global WORLD
    WORLD = dns_test.WORLD = World()
    wait_until("all are probed", lambda: all(
        server["probe"] == "refused" for server in told()["pools"][0]["servers"]), 120)


def tearDownModule():
    WORLD.cleanup.close()


def roundtable(*words, code=0):
    done = subprocess.run([BINARIES / "roundtable", "--database", "host=/nowhere", *words],
                          capture_output=True, text=True, timeout=60)
    if done.returncode != code:
        raise AssertionError(f"{words}: {done.returncode}, not {code}: {done.stdout[-2000:]}"
                             f"{done.stderr}")
    return done.stdout + done.stderr


def told():
    return json.loads(roundtable("--json", "mx", "explain", "mail.test", "--socket",
                                 str(WORLD.server.directory / "explain")))[0]


class Large(unittest.TestCase):
    def test_the_socket_tells_all(self):
        self.assertEqual(len(told()["pools"][0]["servers"]), SERVERS)
        text = roundtable("mx", "explain", "mail.test", "--socket",
                          str(WORLD.server.directory / "explain"))
        for number in (1, 2, SERVERS):
            self.assertIn(f"mail{number} ", text)

    def test_over_dns_as_much_as_a_message_holds(self):
        at = f"{HOST}:{WORLD.server.port}"
        self.assertIn("longer than a message; ask at the explain socket",
                      roundtable("--json", "mx", "explain", "mail.test", "--at", at, code=5))
        text = roundtable("mx", "explain", "mail.test", "--at", at)
        self.assertTrue(text.rstrip().endswith("... and more: ask at the explain socket"))
        reply = dns_test.Dig("CH", "explain.mail.test", "TXT", "+tcp", port=WORLD.server.port)
        self.assertEqual(reply.status, "NOERROR")
        self.assertGreater(len(reply.answer), 200)
        self.assertIn("ask at the explain socket", reply.answer[-1])

    def test_it_answers_on(self):
        reply = dns_test.Dig("mail.test", "MX", port=WORLD.server.port)
        self.assertEqual(reply.status, "NOERROR")
        self.assertGreaterEqual(len(reply.answer), 20)


if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
