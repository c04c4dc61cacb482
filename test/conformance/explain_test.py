#!/usr/bin/env python3
"""What a name server says of its own steering: by dig in class CHAOS, by `roundtable mx explain`
and `mx watch`, in /metrics and in the database. Two name servers with a private PostgreSQL and
stand-ins for mail servers, which are drained and pinned.
"""

import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "test" / "conformance"), str(ROOT / "ops" / "demo"),
                str(ROOT / "test" / "support")]
import dns_test  # noqa: E402
import ran  # noqa: E402
from dns_test import HOST, NameServer  # noqa: E402
from endpoints import wait_until  # noqa: E402

BINARIES = pathlib.Path(os.environ.get("ROUNDTABLE_BIN", ROOT / "build/release/bin"))
OTHER = "127.0.1.1"  # on this machine, and no admin
SETTINGS = ("admin_acl: ['127.0.0.0/24']\n"
            "chaos: {version: 'roundtable-test', id: 'ns-test'}\n")


def setUpModule():
    dns_test.WORLD = dns_test.World()
    world = dns_test.WORLD
    world.second = NameServer(world.directory, "ns2", world.postgres.conninfo("roundtable_dnsd"),
                              SETTINGS)
    world.cleanup.callback(world.second.stop)
    world.second.start()


def tearDownModule():
    dns_test.WORLD.cleanup.close()


def dig(name, *options, rtype="TXT", source=HOST, port=None):
    return dns_test.Dig("CH", name, rtype, *options, source=source,
                        port=port or dns_test.WORLD.second.port)


def lines(reply):
    """The texts of the records, as one."""
    return "\n".join(re.search(r'TXT "(.*)"$', line)[1] for line in reply.answer)


def roundtable(*words, code=0):
    done = subprocess.run(
        [BINARIES / "roundtable", "--database",
         dns_test.WORLD.postgres.conninfo("roundtable_operator"), *words],
        capture_output=True, text=True, timeout=60)
    if done.returncode != code:
        raise AssertionError(f"roundtable {' '.join(words)}: {done.returncode}, not {code}: "
                             f"{done.stdout}{done.stderr}")
    return done.stdout if code == 0 else done.stderr


def socket_of(server):
    return str(server.directory / "explain")


def explain(domain="mail.test", server=None):
    """The JSON of one name server, by its socket."""
    return json.loads(roundtable("--json", "mx", "explain", domain, "--socket",
                                 socket_of(server or dns_test.WORLD.server)))[0]


def mail_server(name, **where):
    pool = explain(**where)["pools"][0]
    return next(server for server in pool["servers"] if server["server"] == name)


class Identity(unittest.TestCase):
    def test_what_is_set_is_told_and_the_rest_refused(self):
        for name, text in (("version.bind", "roundtable-test"),
                           ("VERSION.SERVER", "roundtable-test"), ("id.server", "ns-test")):
            reply = dig(name)
            self.assertEqual(reply.status, "NOERROR", name)
            self.assertIn("aa", reply.flags)
            self.assertTrue(reply.answer[0].endswith(f'0 CH TXT "{text}"'), reply.answer)
        self.assertEqual(dig("hostname.bind").status, "REFUSED")
        for name in ("version.bind", "id.server", "hostname.bind"):
            self.assertEqual(dig(name, port=dns_test.WORLD.server.port).status, "REFUSED",
                             "off unless set")
        self.assertEqual(dig("version.bind", rtype="A").status, "REFUSED")


class Chaos(unittest.TestCase):
    def test_dig_falls_back_to_tcp_and_gets_the_lines_of_the_command(self):
        reply = dig("explain.mail.test")
        self.assertEqual(reply.status, "NOERROR")
        self.assertIn("Truncated, retrying in TCP mode", reply.text)
        text = lines(reply)
        self.assertIn("mail.test on ns2 at ", text)
        for server in ("mail1", "mail2", "mail3", "access1"):
            self.assertIn(server, text)
        self.assertIn("127.0.0.0/24 gets variant", text)
        by_command = roundtable("mx", "explain", "mail.test", "--source", HOST, "--socket",
                                socket_of(dns_test.WORLD.second))
        strip = lambda words: re.sub(r"[\d.]+|never|reply|min| +", "", words)  # noqa: E731
        self.assertEqual(strip(text).split("\n"), [line for line in strip(by_command).split("\n")
                                                   if line])

    def test_over_udp_nothing_is_amplified(self):
        reply = dig("explain.mail.test", "+ignore", "+noedns")
        self.assertIn("tc", reply.flags)
        self.assertEqual(reply.answer, [])

    def test_others_are_refused(self):
        for name in ("explain.mail.test", "steering", "steering-json"):
            for options in ((), ("+tcp",)):
                self.assertEqual(dig(name, *options, source=OTHER).status, "REFUSED")
        self.assertEqual(dig("version.bind", source=OTHER).status, "NOERROR")

    def test_a_domain_that_is_not_ours(self):
        self.assertIn("there is no domain none.test", lines(dig("explain.none.test", "+tcp")))


class Explain(unittest.TestCase):
    def test_says_what_the_answers_are_made_from(self):
        wait_until("the first probes", lambda: all(
            server["probe"] == "reply"
            for server in explain("load.test")["pools"][0]["servers"]), 20)
        told = explain("load.test")
        self.assertEqual(told["name_server"], "ns1")
        self.assertEqual(told["serial"],
                         int(dns_test.Dig("load.test", "SOA").answer[0].split()[6]))
        pool = told["pools"][0]
        self.assertTrue(pool["in_force"])
        self.assertEqual((pool["policy"], pool["basis"]), ("load", "healthy"))
        self.assertAlmostEqual(sum(s["first_share"] for s in pool["servers"]), 1, 4)
        self.assertAlmostEqual(sum(v["share"] for v in pool["variants"]), 1, 4)
        self.assertEqual([s["capacity"] for s in pool["servers"]], [4, 2, 1])
        self.assertTrue(all(s["probe_age_s"] < 30 for s in pool["servers"]))

    def test_the_variant_of_a_source_is_what_it_is_answered(self):
        for i in range(1, 20):
            source = f"127.0.{i}.1"
            told = json.loads(roundtable(
                "--json", "mx", "explain", "table.test", "--source", source, "--socket",
                socket_of(dns_test.WORLD.server)))[0]
            variant = told["pools"][0]["source_variant"]
            self.assertEqual(sorted((r["preference"], r["server"]) for r in variant["records"]),
                             dns_test.mx("table.test", source), source)

    def test_several_name_servers_one_after_the_other(self):
        world = dns_test.WORLD
        text = roundtable("mx", "explain", "mail.test", "--socket", socket_of(world.server), "--at",
                          f"{HOST}:{world.second.port}")
        self.assertIn("mail.test on ns1 at", text)
        self.assertIn("mail.test on ns2 at", text)
        both = json.loads(roundtable("--json", "mx", "explain", "mail.test", "--socket",
                                     socket_of(world.server), "--at",
                                     f"{HOST}:{world.second.port}"))
        self.assertEqual([one["name_server"] for one in both], ["ns1", "ns2"])
        self.assertEqual(both[0]["pools"][0]["variants"], both[1]["pools"][0]["variants"])
        at = f"{HOST}:{world.second.port}"
        self.assertIn("no domain none.test",
                      roundtable("mx", "explain", "none.test", "--at", at, code=3))
        self.assertIn("/nowhere", roundtable("mx", "explain", "mail.test", "--socket",
                                             "/nowhere/explain", code=3))

    def test_only_owner_and_group_may_ask_at_the_socket(self):
        mode = os.stat(socket_of(dns_test.WORLD.server)).st_mode
        self.assertEqual(mode & 0o777, 0o660)


class Overrides(unittest.TestCase):
    def tearDown(self):
        dns_test.WORLD.postgres.sql(
            "UPDATE directory.mx_override SET removed_at = now(), removed_by = 'test' "
            "WHERE removed_at IS NULL; UPDATE directory.cluster SET mail_policy = 'load', "
            "mail_form = 'paired'; UPDATE directory.domain SET policy = 'load', policy_form = NULL "
            "WHERE name = 'load.test'")
        dns_test.until_mx("mail.test", [(10, "mail1"), (20, "mail2"), (30, "mail3")])

    def test_a_drain_by_pattern_is_explained_and_reported_as_quiet(self):
        postgres = dns_test.WORLD.postgres
        roundtable("mx", "drain", "mail?", "--reason", "site", "--domain", "load.test")
        wait_until("all are drained in load.test", lambda: explain("load.test")["pools"][0][
            "basis"] == "all-configured", 10)
        self.assertEqual(len(dns_test.mx("load.test")), 3, "never an empty answer")
        postgres.sql("UPDATE directory.mx_override SET removed_at = now(), removed_by = 'test'")
        roundtable("mx", "drain", "mail2", "--reason", "disks")
        dns_test.until_mx("mail.test", [(10, "mail1"), (30, "mail3")])
        self.assertIn("drained, quiet from", roundtable("mx", "list", "mail.test"))
        told = mail_server("mail2")
        self.assertEqual(told["state"], "drained")
        self.assertRegex(told["why"],
                         r"^drained by \w+: disks; caches may name it for another [45]")
        # As if it had been so for long: both name servers, which hear of the change, tell it once.
        wait_until("the event", lambda: self.aged_event(), 20)
        self.assertEqual(postgres.sql(
            "SELECT subject || ' ' || (detail->>'reason') FROM directory.event "
            "WHERE kind = 'drained_quiet'"), "mail2 disks")
        self.assertIn("drained, quiet", roundtable("mx", "list", "mail.test"))
        self.assertRegex(roundtable("mx", "history"), r"mail2 .* quiet ")

    def aged_event(self):
        postgres = dns_test.WORLD.postgres
        if not self.restarted:
            # The moment counts for a name server that starts after it.
            postgres.sql("UPDATE directory.mx_override SET created_at = now() - interval '1 hour' "
                         "WHERE removed_at IS NULL")
            for server in (dns_test.WORLD.server, dns_test.WORLD.second):
                server.stop()
                server.start()
            self.restarted = True
        return postgres.sql("SELECT count(*) FROM directory.event "
                            "WHERE kind = 'drained_quiet'") == "1"

    restarted = False

    def test_the_policy_of_a_pool_is_that_of_its_domains(self):
        roundtable("mx", "policy", "load.test", "pool")
        roundtable("mx", "pool", "policy", "mail", "rotate", "--strict")
        wait_until("one server on top", lambda: [p for p, _ in dns_test.mx("load.test")] ==
                   [10, 20, 20], 10)
        pool = explain("load.test")["pools"][0]
        self.assertEqual((pool["policy"], pool["form"]), ("rotate", "strict"))
        self.assertNotIn("source_variant", pool)
        roundtable("mx", "policy", "load.test", "static")
        wait_until("configured", lambda: [p for p, _ in dns_test.mx("load.test")] ==
                   [10, 20, 30], 10)

    def test_every_commit_is_in_the_database_with_cause_and_difference(self):
        roundtable("mx", "pin", "mail3", "5", "--reason", "because")
        dns_test.until_mx("mail.test", [(5, "mail3"), (10, "mail1"), (20, "mail2")])
        wait_until("the commits", lambda: roundtable("mx", "commits").count("pin mail3 5") >= 2, 10)
        newest = json.loads(roundtable("--json", "mx", "commits", "--pool", "mail",
                                       "--name-server", "ns1", "--limit", "1"))[0]
        self.assertRegex(newest["cause"], r"^pin mail3 5 by \w+: because$")
        self.assertIn("mail3: ", newest["difference"])
        by_itself = explain()["pools"][0]["commit"]
        self.assertEqual(by_itself["cause"], newest["cause"])


class Watch(unittest.TestCase):
    def test_plain_lines_and_json_lines(self):
        socket = socket_of(dns_test.WORLD.server)
        text = roundtable("mx", "watch", "--count", "2", "--socket", socket)
        self.assertEqual(text.count("ns1 at "), 2)
        self.assertNotIn("\x1b", text)
        looks = [json.loads(line) for line in roundtable(
            "--json", "mx", "watch", "--count", "2", "--socket", socket).splitlines()]
        self.assertEqual(len(looks), 2)
        self.assertGreaterEqual(looks[1]["at_us"] - looks[0]["at_us"], 900_000)
        self.assertIn("commits", looks[0]["pools"][0])

    def test_a_terminal_is_redrawn_and_given_back_on_ctrl_c(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(BINARIES / "roundtable",
                     ["roundtable", "--database", "host=/nowhere", "mx", "watch", "--socket",
                      socket_of(dns_test.WORLD.server)])
        shown = b""

        def seen(words, seconds=10):
            nonlocal shown
            limit = time.monotonic() + seconds
            while words not in shown and time.monotonic() < limit:
                if select.select([terminal], [], [], 0.1)[0]:
                    try:
                        shown += os.read(terminal, 65536)
                    except OSError:  # the other side is closed
                        break
            return words in shown

        self.assertTrue(seen(b"\x1b[?1049h"))
        self.assertTrue(seen(b"mail2"))
        self.assertTrue(seen(b"\x1b[J"))
        os.write(terminal, b"\x03")
        self.assertTrue(seen(b"\x1b[?1049l"), shown)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        os.close(terminal)

    def test_it_goes_on_while_a_name_server_is_away(self):
        world = dns_test.WORLD
        watch = subprocess.Popen(
            [BINARIES / "roundtable", "--database", "host=/nowhere", "mx", "watch", "--at",
             f"{HOST}:{world.second.port}"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(watch.stdout.close)

        def until(words):
            while words not in watch.stdout.readline():
                pass

        until("ns2 at")
        world.second.stop()
        until("nobody answers")
        world.second.start()
        until("ns2 at")
        watch.send_signal(signal.SIGTERM)
        watch.stdout.read()
        self.assertEqual(watch.wait(10), 0)


class Metrics(unittest.TestCase):
    def test_prometheus_has_every_server(self):
        server = dns_test.WORLD.server
        wait_until("the steering's metrics",
                   lambda: "roundtable_dns_steering_load{" in server.metrics(), 20)
        text = server.metrics()
        for name in ("mail1", "mail2", "mail3"):
            for family in ("server_up", "weight", "first_share", "trim", "ramp", "load",
                           "probe_age_seconds"):
                self.assertRegex(text, rf'roundtable_dns_steering_{family}{{pool="mail",'
                                       rf'server="{name}"}} [0-9.e-]+\n')
        self.assertRegex(text, r'roundtable_dns_steering_commit{pool="mail"} \d+\n')
        self.assertIn("roundtable_dns_queries_total", text)
        if shutil.which("promtool"):
            done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                                  capture_output=True)
            self.assertNotIn("steering", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
