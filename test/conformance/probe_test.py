#!/usr/bin/env python3
"""How a name server probes servers that others wrote: Debian's Postfix and Dovecot, an HTTP server
and an agent that speaks as HAProxy's do. Seen from outside, by what dig is answered, within the
times that operators are promised.

One roundtable-dnsd with a private PostgreSQL; servers are told how they are probed by
`roundtable server probe`.
"""

import contextlib
import http.server
import os
import pathlib
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "test" / "conformance"), str(ROOT / "ops" / "demo"),
                str(ROOT / "test" / "support")]
import ran  # noqa: E402
from dns_test import HOST, NameServer, Postgres  # noqa: E402
from endpoints import wait_until  # noqa: E402
from ports import free_port  # noqa: E402
from postfix import Postfix  # noqa: E402

DEATH_SECONDS = 2  # of a closed connection, a refused one, a bad banner
SLACK_SECONDS = 1  # for dig, and a machine that is busy with other tests
INTERVAL = 2

ROWS = """
INSERT INTO directory.name_server (name, host_name, address) VALUES
    ('ns1', 'ns1.hosts.test', '192.0.2.53');
INSERT INTO directory.storage_server (name, failure_domain) VALUES ('store1', 'd1');
INSERT INTO directory.mail_server (name, host_name, address, smtp_port, storage_server_id)
    SELECT v.name, v.name || '.hosts.test', '127.0.0.1', v.port, s.id
    FROM (VALUES ('mail1', {mail1}), ('mail2', {mail2}), ('mail3', {mail3})) v(name, port),
         directory.storage_server s ORDER BY v.name;
INSERT INTO directory.access_server (name, host_name, address, imap_port) VALUES
    ('access1', 'access1.hosts.test', '127.0.0.1', {access1}),
    ('access2', 'access2.hosts.test', '127.0.0.1', {access2});
INSERT INTO directory.domain (name) VALUES ('hosts.test'), ('mail.test');
INSERT INTO directory.mail_exchange (domain_id, mail_server_id, preference)
    SELECT d.id, m.id, 10 FROM directory.domain d, directory.mail_server m
    WHERE d.name = 'mail.test';
INSERT INTO directory.access_exchange (domain_id, access_server_id)
    SELECT d.id, a.id FROM directory.domain d, directory.access_server a
    WHERE d.name = 'mail.test';
"""

DOVECOT = """
base_dir = {base}/run
state_dir = {base}/run
log_path = {base}/log
protocols = imap
listen = 127.0.0.1
ssl = no
mail_location = sdbox:{base}/mail/%n
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={base}/mail/%n
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


class Lines(socketserver.ThreadingTCPServer):
    """A server on a free port that says `greeting` and answers each line by answers[its word]."""

    daemon_threads = True
    allow_reuse_address = True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):  # whoever probes goes as it likes
                self.converse()

        def converse(self):
            self.wfile.write(self.server.greeting)
            while self.server.answers is not None:
                line = self.rfile.readline(512)
                if not line:
                    return
                word = line.split()[-1 if line.startswith(b"a ") else 0]
                self.wfile.write(self.server.answers.get(word, b"500 what\r\n"))

    def __init__(self, greeting, answers=None):
        super().__init__((HOST, 0), self.Handler)
        self.greeting = greeting
        self.answers = answers
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class JsonServer(http.server.ThreadingHTTPServer):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = self.server.body if self.path == "/load" else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            if self.headers.get("Connection") == "keep-alive":
                self.send_header("Connection", "keep-alive")
                self.close_connection = False
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__((HOST, 0), self.Handler)
        self.body = b'{"load": 0.5}'
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Dovecot:
    def __init__(self, directory):
        self.base = directory / "dovecot"
        (self.base / "run").mkdir(parents=True)
        self.port = free_port()
        self.process = None
        (self.base / "dovecot.conf").write_text(DOVECOT.format(base=self.base, port=self.port))

    def start(self):
        with (self.base / "out").open("ab") as out:
            self.process = subprocess.Popen(
                ["dovecot", "-F", "-c", self.base / "dovecot.conf"], stdout=out, stderr=out,
                stdin=subprocess.DEVNULL)
        wait_until("Dovecot listens", self._listens, 30)

    def _listens(self):
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1):
            return True
        return False

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


class World:
    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="rt-probe-"))
        self.directory.chmod(0o755)
        self.cleanup = contextlib.ExitStack()
        self.cleanup.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self.postgres = Postgres(self.directory)
        self.cleanup.callback(self.postgres.stop)
        self.binaries = pathlib.Path(os.environ.get("ROUNDTABLE_BIN", ROOT / "build/release/bin"))
        self.roundtable("schema", "migrate", role="postgres")
        self.postfix = Postfix(self.directory, "", "", "")
        self.postfix.__enter__()
        self.cleanup.callback(self.stop_postfix)
        self.dovecot = Dovecot(self.directory)
        self.dovecot.start()
        self.cleanup.callback(self.dovecot.stop)
        self.json = JsonServer()
        self.smtp = Lines(b"220 mail3 ESMTP\r\n", {b"EHLO": b"250-mail3\r\n250 SIZE\r\n"})
        self.agent = Lines(b"up ready 100%\n")
        self.imap = Lines(b"* OK hello\r\n",
                          {b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\na OK done\r\n"})
        self.postgres.sql(ROWS.format(mail1=self.postfix.port, mail2=free_port(),
                                      mail3=self.smtp.port, access1=self.dovecot.port,
                                      access2=self.imap.port))
        for pool in ("mail", "access"):
            self.roundtable("server", "probe", "set", pool, "--interval", str(INTERVAL),
                            "--dwell", "1")
        self.roundtable("server", "probe", "set", "mail", "mail2", "--check",
                        f"http:{self.json.port}/load")
        self.roundtable("server", "probe", "set", "mail", "mail3", "--check", "smtp", "--check",
                        f"agent:{self.agent.port}")
        self.server = NameServer(self.directory, "ns1", self.postgres.conninfo("roundtable_dnsd"))
        self.cleanup.callback(self.server.stop)
        self.server.start()

    def roundtable(self, *arguments, role="roundtable_operator"):
        subprocess.run([self.binaries / "roundtable", *arguments, "--database",
                        self.postgres.conninfo(role)], check=True, stdout=subprocess.DEVNULL)

    def stop_postfix(self):
        if self.postfix.process.poll() is None:
            self.postfix.__exit__(None, None, None)

    def dig(self, name, kind):
        text = subprocess.run(["dig", f"@{HOST}", "-p", str(self.server.port), "+short", "+tries=1",
                               "+time=5", name, kind], capture_output=True, text=True).stdout
        return {line.split()[-1].partition(".")[0] for line in text.splitlines()}

    def mail(self):
        return self.dig("mail.test", "MX")

    def access(self):
        return self.dig("_imap._tcp.mail.test", "SRV")

    def causes(self):
        return self.postgres.sql("SELECT cause FROM directory.steering_commit ORDER BY id")

    def seconds_until(self, condition, limit=60):
        start = time.monotonic()
        wait_until("the answer", condition, limit, 0.02)
        return time.monotonic() - start


WORLD = None


def setUpModule():
    global WORLD
    WORLD = World()


def tearDownModule():
    WORLD.cleanup.close()


class ProbeTest(unittest.TestCase):
    """In the order of the names; each leaves all servers up."""

    def all_up(self):
        wait_until("all servers are up", lambda: WORLD.mail() == {"mail1", "mail2", "mail3"} and
                   WORLD.access() == {"access1", "access2"}, 60)

    def gone_within(self, seconds, server, answers):
        took = WORLD.seconds_until(lambda: server not in answers())
        self.assertLess(took, seconds + SLACK_SECONDS)
        return took

    def test_1_whoever_answers_is_up_from_the_first_answer_on(self):
        self.assertEqual(WORLD.mail(), {"mail1", "mail2", "mail3"})
        self.assertEqual(WORLD.access(), {"access1", "access2"})
        metrics = WORLD.server.metrics()
        self.assertIn('roundtable_dns_probes_total{pool="mail",outcome="reply"}', metrics)
        wait_until("the metric", lambda: 'roundtable_dns_servers_up{pool="mail"} 3'
                   in WORLD.server.metrics(), 10)
        self.assertIn('roundtable_dns_health_old{pool="mail"} 0', WORLD.server.metrics())

    def test_2_a_postfix_that_dies_is_gone_in_time_and_comes_back(self):
        self.all_up()
        master = WORLD.postfix.process
        # A smtpd that serves would keep the port open: a machine that goes down ends it, too.
        children = subprocess.run(["pgrep", "-P", str(master.pid)], capture_output=True,
                                  text=True).stdout.split()
        for pid in (master.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        took = self.gone_within(DEATH_SECONDS, "mail1", WORLD.mail)
        print(f"Postfix gone after {took:.2f} s", file=sys.stderr)
        master.wait(30)
        WORLD.postfix.__enter__()
        self.all_up()

    def test_3_a_dovecot_that_dies_is_gone_in_time_and_comes_back(self):
        self.all_up()
        WORLD.dovecot.process.terminate()
        took = self.gone_within(DEATH_SECONDS, "access1", WORLD.access)
        print(f"Dovecot gone after {took:.2f} s", file=sys.stderr)
        WORLD.dovecot.process.wait(30)
        WORLD.dovecot.start()
        self.all_up()

    def test_4_a_broken_idle_server_attracts_nothing(self):
        self.all_up()
        WORLD.json.body = b'{"load": 0, "fit": false, "reason": "disk full"}'
        self.gone_within(2 * INTERVAL, "mail2", WORLD.mail)
        wait_until("the cause", lambda: "mail2 down: disk full" in WORLD.causes(), 10)
        WORLD.json.body = b'{"load": 0.5}'
        self.all_up()

    def test_5_an_agent_drains_and_its_silence_says_nothing(self):
        self.all_up()
        WORLD.agent.greeting = b"drain\n"
        self.gone_within(2 * INTERVAL, "mail3", WORLD.mail)
        wait_until("the cause", lambda: f"mail3 down: agent:{WORLD.agent.port}: agent: drain"
                   in WORLD.causes(), 10)
        WORLD.agent.greeting = b"100%\n"  # says nothing of the drain
        before = WORLD.server.metrics()
        wait_until("more probes", lambda: replies(WORLD.server.metrics()) > replies(before) + 8, 30)
        self.assertNotIn("mail3", WORLD.mail())
        WORLD.agent.greeting = b"ready\n"
        self.all_up()
        WORLD.agent.greeting = b""
        before = WORLD.server.metrics()
        wait_until("silent probes", lambda: silent(WORLD.server.metrics()) > silent(before) + 3, 60)
        self.assertIn("mail3", WORLD.mail())

    def test_6_a_service_that_greets_wrongly_is_gone_though_its_agent_is_content(self):
        WORLD.agent.greeting = b"up ready 100%\n"
        self.all_up()
        WORLD.smtp.greeting = b"554 no\r\n"
        self.gone_within(INTERVAL + DEATH_SECONDS, "mail3", WORLD.mail)
        WORLD.smtp.greeting = b"220 mail3 ESMTP\r\n"
        self.all_up()

    def test_7_health_is_kept_over_a_restart(self):
        self.all_up()
        WORLD.smtp.greeting = b"554 no\r\n"
        self.gone_within(INTERVAL + DEATH_SECONDS, "mail3", WORLD.mail)
        WORLD.server.stop()
        self.assertTrue((WORLD.server.directory / "snapshot" / "health").exists())
        WORLD.server.start()
        self.assertEqual(WORLD.mail(), {"mail1", "mail2"}, "the first answer knows it")
        WORLD.smtp.greeting = b"220 mail3 ESMTP\r\n"
        self.all_up()

    def test_8_a_name_server_that_stood_still_believes_nothing_of_it(self):
        self.all_up()
        commits = WORLD.causes()
        WORLD.server.process.send_signal(signal.SIGSTOP)
        time.sleep(6 * INTERVAL)  # the fault itself: nothing runs for so long
        WORLD.server.process.send_signal(signal.SIGCONT)
        before = replies(WORLD.server.metrics())
        wait_until("more probes", lambda: replies(WORLD.server.metrics()) > before + 10, 30)
        self.assertEqual(WORLD.mail(), {"mail1", "mail2", "mail3"})
        self.assertNotIn("down", WORLD.causes()[len(commits):])


def count(metrics, outcome):
    found = [line.rpartition(" ")[2] for line in metrics.splitlines()
             if line.startswith("roundtable_dns_probes_total") and f'"{outcome}"' in line
             and '"mail"' in line]
    return int(float(found[0])) if found else 0


def replies(metrics):
    return count(metrics, "reply")


def silent(metrics):
    return count(metrics, "silent")


if __name__ == "__main__":
    unittest.main(testRunner=ran.Runner(verbosity=1))
