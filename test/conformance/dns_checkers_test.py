#!/usr/bin/env python3
"""Our zones before checkers that others wrote: named-checkzone and validns judge what is exported
and what is transferred; DNSViz and Zonemaster judge what two of our name servers answer, from the
root down.

In a network namespace of its own, where the addresses of the name servers are local and have port
53; BIND serves a root and `test`, signed, with the DS of our domains. Everything that a checker
says and that is not in ALLOWED, with a reason, fails the test.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "test" / "conformance"), str(ROOT / "ops" / "demo"),
                str(ROOT / "test" / "support")]
import dns_test  # noqa: E402
import namespace  # noqa: E402
import ran  # noqa: E402
from dns_test import NameServer  # noqa: E402
from endpoints import wait_until  # noqa: E402
from unbound import Unbound  # noqa: E402

RESOLVER = "127.0.0.1"
PARENT, PRIMARIES = "192.0.2.1", {"ns1": "192.0.2.53", "ns2": "192.0.2.54"}
SIGNED = ("hosts.test", "load.test", "rotate.test")
ZONES = ("hosts.test", "mail.test", "load.test", "table.test", "rotate.test")

NAMED = """
options {{
    directory "{base}"; pid-file none; session-keyfile none; listen-on port 53 {{ {address}; }};
    listen-on-v6 {{ none; }}; recursion no; dnssec-validation no; notify no;
}};
controls {{ }};
zone "." {{ type primary; file "root.signed"; }};
zone "test" {{ type primary; file "test.signed"; }};
"""
SOA = ("$TTL 3600\n@ IN SOA ns.test. hostmaster.test. 2026112601 7200 900 1209600 300\n"
       "@ NS ns.test.\n")


class Parent:
    """BIND with a signed root and a signed `test` above our domains."""

    def __init__(self, directory, delegations):
        self.base = directory / "parent"
        self.base.mkdir()
        self._sign("test", "test", SOA + f"ns.test. A {PARENT}\n{delegations}")
        root_ds = (self.base / "dsset-test.").read_text()
        self._sign(".", "root", SOA + f"ns.test. A {PARENT}\ntest. NS ns.test.\n" + root_ds)
        self.hints = self.base / "hints"
        self.hints.write_text(f". 3600000 NS ns.test.\nns.test. 3600000 A {PARENT}\n")
        self.anchor = self.base / "anchor"
        self.anchor.write_text("".join(
            line for key in self.base.glob("K*.key")
            for line in key.read_text().splitlines(True) if not line.startswith(";")))
        (self.base / "named.conf").write_text(NAMED.format(base=self.base, address=PARENT))
        with (self.base / "out").open("ab") as out:
            self.process = subprocess.Popen(["named", "-g", "-c", self.base / "named.conf"],
                                            stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        wait_until("the parent", lambda: subprocess.run(
            ["dig", f"@{PARENT}", "+short", "+tries=1", "+time=1", "test", "SOA"],
            capture_output=True, text=True).stdout, 20)

    def _sign(self, zone, name, text):
        (self.base / name).write_text(text)
        subprocess.run(["dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", zone],
                       cwd=self.base, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["dnssec-signzone", "-q", "-z", "-S", "-o", zone, "-f", f"{name}.signed",
                        name], cwd=self.base, check=True, stdout=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class World(dns_test.World):
    def __init__(self):
        super().__init__()
        # validns knows no dot within a label.
        self.postgres.sql("INSERT INTO directory.transfer_peer (name, networks) "
                          "VALUES ('tools', '{127.0.0.0/8}'); "
                          "UPDATE directory.domain SET contact = NULL")
        for zone in SIGNED:
            self.roundtable("dnssec", "enable", zone)
        self.servers = [self.serve(name, address) for name, address in PRIMARIES.items()]
        for zone in SIGNED:
            wait_until(f"signatures of {zone}", lambda z=zone: all(
                " RRSIG " in "".join(dns_test.Dig(z, "SOA", "+dnssec", port=server.port).answer)
                for server in self.servers), 20)
        delegations = "".join(
            f"{zone}. NS {name}.hosts.test.\n" for zone in ZONES for name in PRIMARIES)
        delegations += "".join(f"{name}.hosts.test. A {address}\n"
                               for name, address in PRIMARIES.items())
        self.parent = Parent(self.directory, delegations + "".join(map(self.ds, SIGNED)))
        self.cleanup.callback(self.parent.stop)
        self.resolver = Unbound(
            self.directory, RESOLVER, f'    root-hints: "{self.parent.hints}"\n'
            f'    trust-anchor-file: "{self.parent.anchor}"\n')
        self.cleanup.callback(self.resolver.stop)
        wait_until("the resolver", lambda: subprocess.run(
            ["dig", f"@{RESOLVER}", "+short", "+tries=1", "+time=2", "www.mail.test", "A"],
            capture_output=True, text=True).stdout == "192.0.2.80\n", 20)

    def ds(self, zone):
        """Of the key that the zone has; `dnssec ds` shows it when that has been there for long."""
        keys = subprocess.run(["dig", f"@{dns_test.HOST}", "-p", str(self.server.port), "+noall",
                               "+answer", zone, "DNSKEY"], check=True, capture_output=True).stdout
        return subprocess.run(["dnssec-dsfromkey", "-2", "-f", "-", zone], input=keys, check=True,
                              capture_output=True).stdout.decode()

    def serve(self, name, address):
        server = NameServer(self.directory, f"at-{name}",
                            self.postgres.conninfo("roundtable_dnsd"))
        text = server.config.read_text()
        server.config.write_text(text.replace("\nlisten: [", f"\nlisten: ['{address}:53', ", 1))
        self.cleanup.callback(server.stop)
        server.start()
        return server

    def roundtable(self, *arguments):
        binaries = pathlib.Path(os.environ.get("ROUNDTABLE_BIN", ROOT / "build/release/bin"))
        return subprocess.run([binaries / "roundtable", *arguments, "--database",
                               self.postgres.conninfo("roundtable_operator")],
                              check=True, capture_output=True, text=True).stdout


WORLD = None


def setUpModule():
    global WORLD
    for program in ("named-checkzone", "validns", "dnsviz", "zonemaster-cli", "named"):
        if not shutil.which(program):
            raise RuntimeError(f"no {program}: ops/scripts/packages test")
    namespace.enter(RESOLVER, (PARENT, *PRIMARIES.values()))
    WORLD = dns_test.WORLD = World()


def tearDownModule():
    WORLD.cleanup.close()


def checked(*command, code=0):
    """What it prints, when it ends as it should."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    if done.returncode != code:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}"
                             f"{done.stderr}")
    return done.stdout + done.stderr


class Files(unittest.TestCase):
    """What a zone is, as a file."""

    def transferred(self, zone):
        file = WORLD.directory / f"{zone}.transferred"
        file.write_text(checked("dig", f"@{dns_test.HOST}", "-p", WORLD.server.port, "+noall",
                                "+answer", "+onesoa", zone, "AXFR"))
        return file

    def exported(self, zone):
        file = WORLD.directory / f"{zone}.exported"
        file.write_text(WORLD.roundtable("zone", "export", zone))
        return file

    def test_named_checkzone(self):
        for zone in ZONES:
            for file in (self.transferred(zone), self.exported(zone)):
                self.assertIn("OK\n", checked("named-checkzone", "-i", "local", "-k", "fail", "-m",
                                              "fail", "-M", "fail", "-S", "fail", "-n", "fail",
                                              zone, file))

    def test_validns(self):
        """With all its policies. That of Debian 12 cannot read an ECDSA key, nobody's ("error
        building pkey"), so that it judges signed zones without their signatures."""
        self.assertIn("error building pkey", checked("validns", "-z", "test", WORLD.parent.base /
                                                     "test.signed", code=1))
        for zone in ZONES:
            file = self.transferred(zone)
            lines = [line for line in file.read_text().splitlines(True)
                     if line.split()[3] not in ("RRSIG", "DNSKEY", "NSEC", "CDS", "CDNSKEY")]
            file.write_text("".join(lines))
            self.assertEqual(checked("validns", "-p", "all", "-z", zone, file), "", zone)

    def test_dnssec_verify(self):
        for zone in SIGNED:
            self.assertIn("Zone fully signed", checked("dnssec-verify", "-z", "-o", zone,
                                                       self.transferred(zone)))

    def test_they_see_what_is_wrong(self):
        file = self.transferred("load.test")
        text = file.read_text()
        file.write_text(re.sub(r"\bMX\t(\d+) mail1", r"MX\t\1 mail9", text))
        self.assertNotEqual(file.read_text(), text)
        with self.assertRaisesRegex(AssertionError, "signature"):
            checked("dnssec-verify", "-z", "-o", "load.test", file)
        file = self.transferred("mail.test")
        file.write_text(file.read_text() + "alias.mail.test. 60 IN A 192.0.2.1\n")
        with self.assertRaisesRegex(AssertionError, "CNAME"):
            checked("validns", "-p", "all", "-z", "mail.test", file)
        with self.assertRaisesRegex(AssertionError, "CNAME and other data"):
            checked("named-checkzone", "mail.test", file)


# Of Debian 12: pygraphviz has no `release` any more, for which dnsviz looks.
GROK = """
import pygraphviz, runpy, sys, types
pygraphviz.release = types.SimpleNamespace(version=pygraphviz.__version__)
sys.argv[0] = "/usr/bin/dnsviz"
runpy.run_path("/usr/bin/dnsviz", run_name="__main__")
"""


class DnsViz(unittest.TestCase):
    def probed(self, zone):
        file = WORLD.directory / f"{zone}.probed"
        checked("dnsviz", "probe", "-A", "-4", "-E", "-a", ".", "-x", f".:ns.test={PARENT}", zone,
                "-o", file)
        self.assertIn(f"{zone}.", json.loads(file.read_text()))
        return file

    def grok(self, file, level, anchor=None):
        text = checked("/usr/bin/python3", "-c", GROK, "grok", "-l", level, "-t",
                       anchor or WORLD.parent.anchor, "-r", file)
        return json.loads(text) if text.strip() else {}

    def test_nothing_to_warn_of(self):
        for zone in ZONES:
            self.assertEqual(self.grok(self.probed(zone), "warning"), {}, zone)

    def test_signed_zones_are_secure_from_the_root_down(self):
        for zone in SIGNED:
            told = self.grok(self.probed(zone), "info")[f"{zone}."]
            self.assertEqual(told["delegation"]["status"], "SECURE", zone)
            self.assertEqual({key["id"] for key in told["dnskey"]},
                             {f"13/{tag}" for tag in tags(zone)}, zone)


def tags(zone):
    """Of its keys, as dig tells them."""
    return re.findall(r"key id = (\d+)", checked(
        "dig", f"@{PRIMARIES['ns1']}", "+multiline", "+noall", "+answer", zone, "DNSKEY"))


# What Zonemaster says and why it may; for all zones, or for those that are named.
THE_WORLD = "of this world, which is none of the Internet: "
ALLOWED = {
    "NAMESERVER_IP_PRIVATE_NETWORK": THE_WORLD + "its addresses are those of documentation",
    "NAMESERVER_IP_WITHOUT_REVERSE": THE_WORLD + "it has no reverse zones",
    "NO_IPV6_NS_CHILD": THE_WORLD + "it has no IPv6",
    "NO_IPV6_NS_DEL": THE_WORLD + "it has no IPv6",
    "RNAME_MAIL_DOMAIN_INVALID": THE_WORLD + "its mail servers are at loopback addresses",
    "Z09_MISSING_MAIL_TARGET": THE_WORLD + "hosts.test has no mail",
    "NEITHER_DNSKEY_NOR_DS": "two of its zones are not signed",
    "NOT_SIGNED": "two of its zones are not signed",
    # dns/README.md: several name servers agree on content, not on every number.
    "MULTIPLE_SOA_SERIALS": "each name server moves serials by itself",
    "SOA_SERIAL_VARIATION": "each name server moves serials by itself",
    "Z01_MNAME_NOT_MASTER": "each name server moves serials by itself",
    # What steering is: the answer of one moment to one client.
    "Z09_INCONSISTENT_MX_DATA": "policies `rotate` and `load` do not give all the same answer",
    # RIPE-203's values are of zones with foreign secondaries, told by nobody: ours are told.
    "REFRESH_MINIMUM_VALUE_LOWER": "secondaries are told of changes, and ask every two hours",
    "RETRY_MINIMUM_VALUE_LOWER": "secondaries are told of changes",
    "SOA_DEFAULT_TTL_MAXIMUM_VALUE_LOWER": "a denied host shall be found soon when it is there",
}


class Zonemaster(unittest.TestCase):
    def told(self, zone):
        text = checked("zonemaster-cli", "--json", "--level", "NOTICE", "--no-progress",
                       "--no-ipv6", "--hints", WORLD.parent.hints, zone)
        return json.loads(text[text.index("["):])

    def test_says_nothing_but_what_is_allowed(self):
        seen = set()
        for zone in ZONES:
            told = self.told(zone)
            seen |= {message["tag"] for message in told}
            self.assertEqual([message for message in told if message["tag"] not in ALLOWED], [],
                             zone)
        self.assertIn("NAMESERVER_IP_PRIVATE_NETWORK", seen, "it has not run")


if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
