#!/usr/bin/env python3
"""Malformed input of every kind, at every port, in files, on the command line and in table rows:
each gets a clear error, no daemon ends, and the next client is served as if nothing had been."""

import contextlib
import imaplib
import pathlib
import poplib
import random
import smtplib
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, dns_client, main, wait_until  # noqa: E402

cluster = None
SEED = 20261125


class Peer:
    """A line talker that sends what it is told, byte for byte."""

    def __init__(self, address, port):
        self.socket = socket.create_connection((address, port), 20)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line, or b"" at the end of the connection."""
        try:
            return self.file.readline()
        except ConnectionError:
            return b""

    def reply(self):
        """An SMTP reply: its last line."""
        while True:
            line = self.line()
            if line[3:4] != b"-":
                return line

    def rest(self):
        """Everything until the peer closes, however it does."""
        data = b""
        with contextlib.suppress(ConnectionError):
            while block := self.file.read1(65536):
                data += block
        return data

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()


def smtp_peer():
    server = cluster.endpoints.mail_servers[0]
    peer = Peer(server["address"], server["smtp_port"])
    assert peer.reply().startswith(b"220 ")
    return peer


def imap_peer():
    server = cluster.endpoints.access_servers[0]
    peer = Peer(server["address"], server["imap_port"])
    assert peer.line().startswith(b"* OK")
    return peer


def daemons():
    return {d["daemon"]: d["pid"] for d in cluster.json("daemon", "list")}


def inbox_subjects():
    server = cluster.endpoints.access_servers[1]
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=30)
    imap.login(cluster.address("alice"), cluster.password)
    imap.select("INBOX", readonly=True)
    _, found = imap.search(None, "ALL")
    subjects = []
    for number in found[0].split():
        _, data = imap.fetch(number, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        subjects.append(data[0][1].decode().strip())
    imap.logout()
    return subjects


@contextlib.contextmanager
def nothing_else_suffers(subject):
    """Runs a test; then mail still goes through and every daemon is the one that it was."""
    before = daemons()
    yield
    with smtplib.SMTP(*cluster.best_smtp(), timeout=30) as smtp:
        smtp.sendmail("a@client.invalid", [cluster.address("alice")],
                      f"Subject: {subject}\r\n\r\nafter all that\r\n")
    wait_until("the mail after it", lambda: f"Subject: {subject}" in inbox_subjects(), 20)
    assert daemons() == before, (before, daemons())


def envelope(peer):
    peer.send(b"EHLO client.invalid\r\n")
    assert peer.reply().startswith(b"250 ")
    peer.send(b"MAIL FROM:<a@client.invalid>\r\n")
    assert peer.reply().startswith(b"250 ")
    peer.send(b"RCPT TO:<alice@example.test>\r\n")
    assert peer.reply().startswith(b"250 ")
    peer.send(b"DATA\r\n")
    assert peer.reply().startswith(b"354 ")


def smtp_smuggling_ends_no_message():
    """What other servers took for the end of a message, and a second one behind it."""
    second = (b"MAIL FROM:<evil@client.invalid>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
              b"Subject: smuggled\r\n\r\nforged\r\n.\r\n")
    with nothing_else_suffers("after smuggling"):
        for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n",
                    b"\r\n\0.\r\n", b"\n\n.\r\n"):
            peer = smtp_peer()
            envelope(peer)
            peer.send(b"Subject: outer\r\n\r\nbody" + end + second + b"\r\n.\r\nQUIT\r\n")
            answer = peer.rest()
            assert not answer.startswith(b"250"), (end, answer)
            peer.close()
        for subject in inbox_subjects():
            assert "smuggled" not in subject and "outer" not in subject, subject


def smtp_garbage_gets_a_reply():
    with nothing_else_suffers("after SMTP garbage"):
        for line, code in ((b"\r\n", b"50"), (b"EHLO\r\n", b"501"), (b"\xff\xfe\r\n", b"50"),
                           (b"MAIL FROM:<a@b\r\n", b"50"), (b"RCPT TO:<x>\r\n", b"503"),
                           (b"DATA\r\n", b"503"), (b"FOO bar\r\n", b"500"),
                           (b"A" * 5000 + b"\r\n", b"500"), (b"AUTH PLAIN x\r\n", b"50")):
            peer = smtp_peer()
            peer.send(line)
            answer = peer.reply()
            assert answer.startswith(code), (line[:40], answer)
            peer.close()
        # A line without an end, and an endless stream of bad commands.
        peer = smtp_peer()
        with contextlib.suppress(ConnectionError, BrokenPipeError):
            for _ in range(200):
                peer.send(b"x" * 1000)
        peer.close()
        peer = smtp_peer()
        with contextlib.suppress(ConnectionError, BrokenPipeError):
            peer.send(b"BAD\r\n" * 2000)
        assert peer.rest().startswith(b"554 5.5.0"), "took commands ahead of EHLO"
        peer.close()
        peer = smtp_peer()
        answers = []
        while not answers or answers[-1]:
            with contextlib.suppress(ConnectionError, BrokenPipeError):
                peer.send(b"BAD\r\n")
            answers.append(peer.reply())
            assert len(answers) < 200, "never turned away"
        assert answers[-2].startswith(b"421"), answers[-2]
        peer.close()


def a_client_that_breaks_off_leaves_nothing():
    with nothing_else_suffers("after breaking off"):
        text = b"Subject: half\r\n\r\n" + b"half a message\r\n" * 10
        for cut in (0, 1, 20, len(text) // 2, len(text)):
            peer = smtp_peer()
            envelope(peer)
            peer.send(text[:cut])
            peer.close()
    assert not any("half" in subject for subject in inbox_subjects())


def imap_garbage_gets_bad():
    with nothing_else_suffers("after IMAP garbage"):
        for line in (b"\r\n", b"a\r\n", b"a NONSENSE\r\n", b"a LOGIN\r\n", b"a LOGIN x\r\n",
                     b"* OK\r\n", b"a SELECT INBOX\r\n", b"a LOGIN \"unclosed\r\n",
                     b"a FETCH " + b"(" * 3000 + b"\r\n", b"\0\0\0\r\n",
                     b"a SEARCH " + b"NOT " * 5000 + b"ALL\r\n"):
            peer = imap_peer()
            peer.send(line + b"z NOOP\r\n")
            answer = peer.line()
            assert b" BAD" in answer or b" NO" in answer or b"BYE" in answer, (line[:40], answer)
            peer.close()
        for literal in (b"a LOGIN {99999999999999999999}\r\n", b"a LOGIN {4000000000}\r\n",
                        b"a LOGIN {2000000000+}\r\n",
                        b"a LOGIN {300000+}\r\n" + b"x" * 300000 + b"\r\n", b"a LOGIN {-1}\r\n",
                        b"a LOGIN {5\r\n"):
            peer = imap_peer()
            with contextlib.suppress(ConnectionError, BrokenPipeError):
                peer.send(literal)
            answer = peer.line()
            assert answer and not answer.startswith(b"+"), (literal[:40], answer)
            peer.close()


def pop3_garbage_gets_err():
    server = cluster.endpoints.access_servers[0]
    with nothing_else_suffers("after POP3 garbage"):
        for line in (b"\r\n", b"NOPE\r\n", b"PASS x\r\n", b"RETR 1\r\n", b"USER\r\n",
                     b"USER " + b"x" * 3000 + b"\r\n", b"\xff\xff\r\n", b"TOP 1\r\n"):
            peer = Peer(server["address"], server["pop3_port"])
            assert peer.line().startswith(b"+OK")
            peer.send(line)
            answer = peer.line()
            assert answer.startswith(b"-ERR"), (line[:40], answer)
            peer.close()
        pop = poplib.POP3(server["address"], server["pop3_port"], timeout=30)
        pop.user("alice@example.test")
        try:
            pop.pass_("wrong")
            raise AssertionError("a wrong password signed in")
        except poplib.error_proto as error:
            assert b"-ERR" in error.args[0], error


def dns_garbage_costs_nothing():
    picked = random.Random(SEED)
    print(f"seed {SEED}")
    address = cluster.endpoints.dns
    name_server = cluster.endpoints.name_servers[0]
    labels = b"".join(bytes([len(label)]) + label.encode() for label in cluster.domain.split("."))
    good = b"\1\2\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\x0f\0\1"
    with nothing_else_suffers("after DNS garbage"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            for port in (address[1], name_server["internal_port"]):
                for _ in range(2000):
                    data = bytearray(good if picked.random() < 0.5 else
                                     picked.randbytes(picked.randrange(0, 200)))
                    for _ in range(picked.randrange(0, 6)):
                        if data:
                            data[picked.randrange(len(data))] = picked.randrange(256)
                    udp.sendto(data[:picked.randrange(len(data) + 1)], (address[0], port))
        for data in (b"\0", b"\0\0", b"\xff\xff" + b"x" * 100, b"\0\x0c" + b"\xff" * 12):
            peer = Peer(*address)
            peer.send(data)
            peer.close()
        assert dns_client.query(address, cluster.domain, "MX").answers


def probe_ports_take_no_orders():
    with nothing_else_suffers("after probe garbage"):
        for server in (cluster.endpoints.mail_servers[0], cluster.endpoints.access_servers[0]):
            peer = Peer(server["address"], server["load_port"])
            assert peer.line().startswith(b"roundtable-load 1 ")
            peer.send(b"DROP TABLE\r\n")
            assert peer.rest() == b""
            peer.close()


def bad_files_are_named_with_line_and_column():
    bad = cluster.directory / "bad.yaml"
    for program in ("dnsd", "mtad", "accessd", "trackerd"):
        for text, complaint in (("name: [unclosed\n", "bad.yaml:"),
                                ("nmae: x\n", "nmae"),
                                ("", "name"),
                                ("name: x\nname: y\n", "name")):
            bad.write_text(text)
            result = subprocess.run([cluster.directory / "bin" / f"roundtable-{program}",
                                     "--config", bad], capture_output=True, text=True, timeout=20)
            assert result.returncode == 2, (program, text, result)
            assert complaint in result.stderr, (program, text, result.stderr)
        missing = subprocess.run([cluster.directory / "bin" / f"roundtable-{program}", "--config",
                                  "/nonexistent"], capture_output=True, text=True, timeout=20)
        assert missing.returncode == 2 and "/nonexistent" in missing.stderr, missing


def bad_commands_say_what_to_do():
    for arguments, code, words in (
            (["nonsense"], 2, "nonsense"), (["domain", "add"], 2, "domain"),
            (["domain", "add", "not a name"], 1, "not a name"),
            (["domain", "add", cluster.domain], 4, "there already"),
            (["domain", "show", "absent.test"], 3, "absent.test"),
            (["mx", "pin", "mail1", "70000", "--reason", "r"], 1, "65535"),
            (["mx", "pin", "mail9", "1", "--reason", "r"], 3, "mail9"),
            (["mx", "policy", cluster.domain, "best"], 1, "roundtable, rotate"),
            (["mirror", "set", "mail1", "mail1"], 1, "to itself"),
            (["account", "add", "no-domain", "--password-stdin"], 1, "no-domain"),
            (["message", "track", "not-an-id"], 1, "not-an-id"),
            (["block", "add", "--address", "nobody", "--reason", "r"], 1, "--address")):
        result = cluster.run(*arguments, check=False, stdin="secret password\n")
        text = result.stderr + result.stdout
        assert result.returncode == code, (arguments, result.returncode, text)
        assert words in text, (arguments, text)


def a_row_that_is_no_record_costs_its_domain_alone():
    cluster.run("domain", "add", "second.test")
    address = cluster.endpoints.dns
    wait_until("the second domain", lambda: dns_client.query(
        address, "second.test", "MX").answers, 10)
    with nothing_else_suffers("after a bad row"):
        cluster.sql("INSERT INTO directory.record (domain_id, owner, type, rdata) SELECT id, "
                    "'www', 'A', 'not an address' FROM directory.domain WHERE name = 'second.test'",
                    user="roundtable_operator")
        log = cluster.directory / "log" / "ns1.log"
        wait_until("the refusal in the log", lambda: "domain-refused" in log.read_text(), 10)
        # The old zone is served on; other domains take changes.
        assert dns_client.query(address, "second.test", "MX").answers
        cluster.run("record", "add", cluster.domain, "later", "A", "192.0.2.9")
        wait_until("the other domain's new record", lambda: dns_client.query(
            address, f"later.{cluster.domain}", "A").answers, 10)


if __name__ == "__main__":
    with Cluster() as started:
        cluster = started
        main([smtp_smuggling_ends_no_message, smtp_garbage_gets_a_reply,
              a_client_that_breaks_off_leaves_nothing, imap_garbage_gets_bad,
              pop3_garbage_gets_err, dns_garbage_costs_nothing, probe_ports_take_no_orders,
              bad_files_are_named_with_line_and_column, bad_commands_say_what_to_do,
              a_row_that_is_no_record_costs_its_domain_alone])
