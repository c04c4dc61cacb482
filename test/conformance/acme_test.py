#!/usr/bin/env python3
"""ACME clients from end to end: lego and certbot get certificates from Pebble, the test server of
Let's Encrypt, which looks for the challenges where the client has put them by dynamic updates: at
our name server, with no wait in between.

One roundtable-dnsd with a private PostgreSQL; the key may write challenges and nothing else.
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "test" / "conformance"), str(ROOT / "ops" / "demo"),
                str(ROOT / "test" / "support")]
import dns_test  # noqa: E402
import ran  # noqa: E402
from dns_test import HOST  # noqa: E402
from endpoints import wait_until  # noqa: E402
from ports import free_port  # noqa: E402
from update_test import SECRET  # noqa: E402

KEY = "acme.key"


class Pebble:
    def __init__(self, directory, dns_port):
        self.base = directory / "pebble"
        self.base.mkdir()
        self.port, management, http, tls = (free_port() for _ in range(4))
        self.certificate = self.base / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=pebble", "-addext", f"subjectAltName=IP:{HOST}", "-keyout",
                        self.base / "key.pem", "-out", self.certificate],
                       check=True, capture_output=True)
        config = self.base / "config.json"
        config.write_text(json.dumps({"pebble": {
            "listenAddress": f"{HOST}:{self.port}",
            "managementListenAddress": f"{HOST}:{management}",
            "certificate": str(self.certificate), "privateKey": str(self.base / "key.pem"),
            "httpPort": http, "tlsPort": tls, "ocspResponderURL": "",
            "externalAccountBindingRequired": False}}))
        with (self.base / "out").open("ab") as out:
            self.process = subprocess.Popen(
                ["pebble", "-strict", "-config", config, "-dnsserver", f"{HOST}:{dns_port}"],
                stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                env=dict(os.environ, PEBBLE_VA_NOSLEEP="1"))
        wait_until("Pebble", self._listens, 30)

    def _listens(self):
        try:
            socket.create_connection((HOST, self.port), 1).close()
        except OSError:
            return False
        return True

    @property
    def url(self):
        return f"https://{HOST}:{self.port}/dir"

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class World(dns_test.World):
    def __init__(self):
        super().__init__()
        self.roundtable("transfer", "key", "add", KEY, "--secret-stdin", input=SECRET)
        self.roundtable("update", "allow", KEY, "mail.test", "--acme")
        self.pebble = Pebble(self.directory, self.server.port)
        self.cleanup.callback(self.pebble.stop)

    def roundtable(self, *arguments, **more):
        binaries = pathlib.Path(os.environ.get("ROUNDTABLE_BIN", ROOT / "build/release/bin"))
        subprocess.run([binaries / "roundtable", *arguments, "--database",
                        self.postgres.conninfo("postgres")],
                       check=True, capture_output=True, text=True, **more)


WORLD = None


def setUpModule():
    global WORLD
    for program in ("pebble", "lego", "certbot"):
        if not shutil.which(program):
            raise RuntimeError(f"no {program}: ops/scripts/packages test")
    WORLD = dns_test.WORLD = World()


def tearDownModule():
    WORLD.cleanup.close()


class Certificates(unittest.TestCase):
    def run_client(self, *command, **environment):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300,
                              stdin=subprocess.DEVNULL, env=dict(os.environ, **environment))
        log = (WORLD.pebble.base / "out").read_text()[-2000:]
        self.assertEqual(done.returncode, 0, f"{done.stdout}{done.stderr}\n{log}")

    def check(self, file, *names):
        """The certificate has the names, and the challenges have gone."""
        text = subprocess.run(["openssl", "x509", "-in", file, "-noout", "-ext",
                               "subjectAltName"], check=True, capture_output=True, text=True).stdout
        for name in names:
            self.assertIn(f"DNS:{name}", text)
            challenge = "_acme-challenge." + name.removeprefix("*.")
            self.assertEqual(dns_test.Dig(challenge, "TXT").answer, [])

    def lego(self, *names):
        path = WORLD.directory / "lego"
        self.run_client(
            "lego", "--path", path, "--server", WORLD.pebble.url, "--email", "it@mail.test",
            "--accept-tos", "--dns", "rfc2136", "--dns.resolvers",
            f"{HOST}:{WORLD.server.port}",
            # It would ask the zone's NS at port 53, where this world has nobody.
            "--dns.disable-cp", *(word for name in names for word in ("--domains", name)), "run",
            LEGO_CA_CERTIFICATES=str(WORLD.pebble.certificate),
            RFC2136_NAMESERVER=f"{HOST}:{WORLD.server.port}", RFC2136_TSIG_KEY=KEY,
            RFC2136_TSIG_ALGORITHM="hmac-sha256.", RFC2136_TSIG_SECRET=SECRET)
        return path / "certificates" / (names[0].replace("*", "_") + ".crt")

    def test_lego(self):
        self.check(self.lego("lego.mail.test"), "lego.mail.test")

    def test_lego_with_a_wildcard_beside_its_name(self):
        """Two challenges of one name, at the same time."""
        names = ("both.mail.test", "*.both.mail.test")
        self.check(self.lego(*names), *names)

    def test_certbot(self):
        base = WORLD.directory / "certbot"
        base.mkdir()
        credentials = base / "credentials.ini"
        credentials.write_text(
            f"dns_rfc2136_server = {HOST}\ndns_rfc2136_port = {WORLD.server.port}\n"
            f"dns_rfc2136_name = {KEY}\ndns_rfc2136_secret = {SECRET}\n"
            "dns_rfc2136_algorithm = HMAC-SHA256\n")
        credentials.chmod(0o600)
        self.run_client(
            "certbot", "certonly", "-n", "--agree-tos", "-m", "it@mail.test", "--server",
            WORLD.pebble.url, "--config-dir", base / "config", "--work-dir", base / "work",
            "--logs-dir", base / "logs", "--dns-rfc2136", "--dns-rfc2136-credentials", credentials,
            "--dns-rfc2136-propagation-seconds", "0", "-d", "certbot.mail.test",
            REQUESTS_CA_BUNDLE=str(WORLD.pebble.certificate))
        self.check(base / "config" / "live" / "certbot.mail.test" / "cert.pem",
                   "certbot.mail.test")

    def test_a_key_that_may_not_gets_no_certificate(self):
        with self.assertRaisesRegex(AssertionError, "(?i)refused"):
            self.lego("www.hosts.test")


if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
