#!/usr/bin/env python3
"""Viruses, with real clamds: infected mail is refused, quarantined or tagged as its domains want;
clamds are killed, hung, slow; the quarantine outlives the catalog."""

import base64
import contextlib
import imaplib
import io
import json
import pathlib
import re
import smtplib
import socket
import subprocess
import sys
import threading
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, main, wait_until  # noqa: E402
from clamd import EICAR, NAME, Clamd  # noqa: E402

SENDER = "sender@client.invalid"
HEADER = b"From: <sender@client.invalid>\r\nSubject: virus test %s\r\n"
FIELD = f"X-Virus-Status: Infected, {NAME}\r\n".encode()


def message(body=b"nothing to see\r\n", subject=b"1", header=b""):
    return HEADER % subject + header + b"\r\n" + body


def with_attachment(octets, name):
    data = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    return message(
        b"--b\r\nContent-Type: text/plain\r\n\r\nsee there\r\n"
        b"--b\r\nContent-Type: application/octet-stream; name=" + name + b"\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + data + b"--b--\r\n",
        header=b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n")


def zipped(*files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, octets in enumerate(files):
            archive.writestr(f"inside{number}.txt", octets)
    return out.getvalue()


def of_parts(count):
    """A message that clamd is busy with for a time that grows with the square of `count`."""
    return message(b"".join(
        b"--b\r\nContent-Type: application/octet-stream; name=x%d\r\n\r\n%d\r\n" % (n, n)
        for n in range(count)) + b"--b--\r\n",
        header=b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n")


def send(cluster, recipients, text, number=0):
    """Sends one message; returns (code, text) of the last reply, and its message id."""
    server = cluster.endpoints.mail_servers[number]
    with smtplib.SMTP(server["address"], server["smtp_port"], timeout=60) as smtp:
        smtp.ehlo("client.invalid")
        assert smtp.mail(SENDER)[0] == 250
        for recipient in recipients:
            code, reply = smtp.rcpt(recipient)
            assert code == 250, (recipient, code, reply)
        code, reply = smtp.data(text)
        return code, reply.decode()


def ingest(cluster, kind, recipient, text):
    """Hands a message in at a socket; returns the exit code and what was said."""
    result = subprocess.run(
        [cluster.endpoints.program, "--dir", str(cluster.directory), "--json", "ingest", kind,
         "--to", recipient, "--from", SENDER], input=text, capture_output=True, timeout=60)
    return result.returncode, (result.stdout + result.stderr).decode()


def taken(reply):
    """The message id in a positive reply."""
    assert reply[0] == 250, reply
    return re.match(r"2\.0\.0 (\S+) stored", reply[1]).group(1)


def mailbox(cluster, address):
    """Messages of an INBOX: UID, internal date and octets."""
    server = cluster.endpoints.access_servers[0]
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=60)
    try:
        imap.login(address, cluster.password)
        names = [line.decode().rsplit(" ", 1)[1] for line in imap.list()[1] if line]
        assert not [name for name in names if "uarantine" in name], names
        if imap.select("INBOX", readonly=True)[1] == [b"0"]:
            return []
        data = imap.fetch("1:*", "(UID INTERNALDATE BODY.PEEK[])")[1]
        return [(int(re.search(rb"UID (\d+)", item[0]).group(1)),
                 re.search(rb'INTERNALDATE "([^"]*)"', item[0]).group(1), item[1])
                for item in data if isinstance(item, tuple)]
    finally:
        imap.logout()


def wait_for(cluster, address, count):
    return wait_until(f"{count} messages for {address}", lambda: (
        lambda found: found if len(found) == count else None)(mailbox(cluster, address)), 60, 0.3)


def verdict(cluster, message_id):
    return wait_until(f"the verdict on {message_id}", lambda: cluster.sql(
        "SELECT verdict, coalesce(signature, ''), quarantine FROM report.scan "
        f"WHERE message_id = '{message_id}'"))[0]


def add_domain(cluster, name, user, **policies):
    cluster.run("domain", "add", name)
    cluster.run("account", "add", f"{user}@{name}", "--password-stdin",
                stdin=cluster.password + "\n")
    for option, value in policies.items():
        cluster.run("domain", "set", name, "--" + option.replace("_", "-"), value)


@contextlib.contextmanager
def virus_cluster(clamds, **settings):
    settings = {"clamd": json.dumps([clamd.address for clamd in clamds]), **settings}
    with Cluster(users=("alice",), settings=settings) as cluster:
        add_domain(cluster, "hold.test", "helen", virus="quarantine")
        add_domain(cluster, "tag.test", "tom", virus="tag", no_scanner="accept")

        def known():
            """The mail servers know accounts and policies."""
            return all(send(cluster, [recipient], message(EICAR + b"\r\n"), number)[0] == 250
                       for number in range(len(cluster.endpoints.mail_servers))
                       for recipient in ("tom@tag.test", "helen@hold.test"))

        wait_until("the policies", lambda: attempt(known), 60, 0.5)
        wait_until("what that brought", lambda: cluster.json("quarantine", "list"))
        empty(cluster)
        yield cluster


def attempt(what):
    try:
        return what()
    except (AssertionError, OSError, RuntimeError, smtplib.SMTPException):
        return False


def empty(cluster):
    for row in cluster.json("quarantine", "list", "--limit", "1000"):
        cluster.run("quarantine", "delete", row["message_id"])
    server = cluster.endpoints.access_servers[0]
    for address in (cluster.address("alice"), "helen@hold.test", "tom@tag.test"):
        imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=60)
        imap.login(address, cluster.password)
        imap.select("INBOX")
        imap.store("1:*", "+FLAGS", r"(\Deleted)")
        imap.expunge()
        imap.logout()


def each_policy(cluster):
    alice, helen, tom = cluster.address("alice"), "helen@hold.test", "tom@tag.test"
    infected = [message(EICAR + b"\r\n"), with_attachment(EICAR, b"x.com"),
                with_attachment(zipped(EICAR * 20), b"x.zip")]

    clean = taken(send(cluster, [alice, helen, tom], message(subject=b"clean")))
    assert verdict(cluster, clean) == ["clean", "", "never"]
    for address in (alice, helen, tom):
        assert b"X-Virus" not in wait_for(cluster, address, 1)[0][2]

    for text in infected:
        code, reply = send(cluster, [alice], text)
        assert (code, reply) == (550, f"5.7.1 Virus found: {NAME}"), (code, reply)
    # One domain that refuses refuses for all.
    assert send(cluster, [tom, alice, helen], infected[0])[0] == 550

    held = [taken(send(cluster, [helen], text)) for text in infected]
    for message_id in held:
        assert verdict(cluster, message_id) == ["infected", NAME, "held"]
    # Octet for octet behind our trace fields; a stranger's field stays where it was.
    foreign = message(EICAR + b"\r\n", subject=b"tagged", header=b"X-Virus-Status: Clean\r\n")
    tagged = taken(send(cluster, [tom], foreign))
    assert verdict(cluster, tagged) == ["infected", NAME, "never"]
    octets = wait_for(cluster, tom, 2)[1][2]
    assert octets.endswith(b"\r\n" + foreign), octets
    trace = octets[:-len(foreign)]
    assert trace.startswith(b"Return-Path: <" + SENDER.encode() + b">\r\n" + FIELD + b"Received:")

    both = taken(send(cluster, [helen, tom], infected[0]))
    assert verdict(cluster, both)[2] == "held"
    wait_for(cluster, tom, 3)
    assert len(mailbox(cluster, helen)) == 1 and len(mailbox(cluster, alice)) == 1
    # The ingest socket is no way around it.
    code, told = ingest(cluster, "mail", alice, infected[1])
    assert code == 65 and NAME in told, (code, told)
    assert ingest(cluster, "mail", tom, infected[1])[0] == 0
    assert FIELD in wait_for(cluster, tom, 4)[3][2]
    code, told = ingest(cluster, "fax", helen, infected[1])
    assert code == 0, told
    fax = json.loads(told)["id"]
    assert verdict(cluster, fax) == ["infected", NAME, "held"]
    assert cluster.sql("SELECT kind FROM report.quarantine "
                       f"WHERE message_id = '{fax}'") == [["fax"]]
    cluster.run("quarantine", "delete", fax)
    rows = cluster.json("quarantine", "list", "--domain", "hold.test")
    assert {row["message_id"] for row in rows} == set(held) | {both}, rows
    return held, both


def release_and_delete(cluster, held, both):
    helen = "helen@hold.test"
    received = cluster.sql("SELECT extract(epoch FROM received_at)::bigint FROM report.quarantine "
                           f"WHERE message_id = '{held[0]}'")[0][0]
    assert helen in cluster.run("quarantine", "list").stdout
    shown = json.loads(cluster.run("quarantine", "show", held[0], "--json").stdout)
    assert shown["signature"] == NAME and shown["quarantine"] == "held", shown
    # Several at once: one of them does it.
    results = []
    threads = [threading.Thread(target=lambda: results.append(cluster.run(
        "quarantine", "release", held[0], check=False).returncode)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 3, 3, 3], results
    uid, date, octets = wait_for(cluster, helen, 2)[1]
    assert FIELD in octets and EICAR in octets
    date = time.mktime(imaplib.Internaldate2tuple(b'INTERNALDATE "' + date + b'"'))
    assert abs(date - int(received)) <= 1, (date, received)
    assert verdict(cluster, held[0])[2] == "released"
    events = cluster.sql("SELECT kind, detail ->> 'author' FROM report.event "
                         f"WHERE subject = '{held[0]}'", user="roundtable_operator")
    assert len(events) == 1 and events[0][0] == "quarantine_released" and events[0][1], events

    cluster.run("quarantine", "delete", held[1])
    assert verdict(cluster, held[1])[2] == "removed"
    assert cluster.run("quarantine", "release", held[1], check=False).returncode == 3
    assert cluster.run("quarantine", "delete", held[1], check=False).returncode == 3
    assert cluster.run("quarantine", "show", "x", check=False).returncode != 0
    return {held[2], both}


def survives_the_catalog(cluster, held, released):
    began = cluster.sql("SELECT extract(epoch FROM clock_timestamp())", user="roundtable")[0][0]
    wait_until("the journal", lambda: cluster.sql(
        "SELECT coalesce(bool_or(extract(epoch FROM caught_up_at) > " + began +
        "), false) FROM report.journal")[0][0] == "t", 120)
    before = mailbox(cluster, "helen@hold.test")
    late = taken(send(cluster, ["helen@hold.test"], message(EICAR + b"\r\n", subject=b"late")))
    cluster.sql("DROP SCHEMA catalog CASCADE", user="roundtable")
    away = taken(send(cluster, ["helen@hold.test"], message(EICAR + b"\r\n", subject=b"away")))
    command = subprocess.run(
        [cluster.endpoints.program, "--dir", str(cluster.directory), "catalog", "rebuild"],
        capture_output=True, text=True, timeout=600)
    assert command.returncode == 0, command.stderr
    wanted = held | {late, away}
    wait_until("what was held", lambda: {row["message_id"] for row in cluster.json(
        "quarantine", "list", "--limit", "100")} == wanted, 60)
    assert mailbox(cluster, "helen@hold.test") == before
    assert verdict(cluster, released)[2] == "released"
    cluster.run("quarantine", "release", late)
    assert len(wait_for(cluster, "helen@hold.test", len(before) + 1)) == len(before) + 1


def infected_mail_goes_where_its_domain_wants_it():
    with Clamd() as clamd, virus_cluster([clamd]) as cluster:
        held, both = each_policy(cluster)
        left = release_and_delete(cluster, held, both)
        left |= policies_outlive_the_database(cluster)
        survives_the_catalog(cluster, left, held[0])


def policies_outlive_the_database(cluster):
    """A mail agent that starts without PostgreSQL has them from its disk."""
    cluster.run("daemon", "stop", "postgres")
    wait_until("postgres stopped", lambda: not any(
        d["daemon"] == "postgres" and d["pid"] for d in cluster.json("daemon", "list")), 60)
    try:
        cluster.wait_restarted("mail1", cluster.kill("mail1"))
        text = message(EICAR + b"\r\n", subject=b"from disk")
        wait_until("mail1 takes mail", lambda: attempt(
            lambda: send(cluster, ["tom@tag.test"], text)[0] == 250), 60)
        code, reply = send(cluster, [cluster.address("alice")], text)
        assert (code, reply) == (550, f"5.7.1 Virus found: {NAME}"), (code, reply)
        held = taken(send(cluster, ["helen@hold.test"], text))
    finally:
        cluster.run("daemon", "start", "postgres")
    wait_until("PostgreSQL", lambda: attempt(lambda: cluster.sql("SELECT 1")), 60)
    assert verdict(cluster, held) == ["infected", NAME, "held"]
    return {held}


class RawSession:
    """An SMTP session that stops in the middle of its data."""

    def __init__(self, cluster, recipient):
        server = cluster.endpoints.mail_servers[0]
        self.socket = socket.create_connection((server["address"], server["smtp_port"]), 60)
        self.file = self.socket.makefile("rb")
        self.reply()
        for command in (b"HELO client.invalid", b"MAIL FROM:<>",
                        b"RCPT TO:<" + recipient.encode() + b">", b"DATA"):
            self.socket.sendall(command + b"\r\n")
            assert self.reply() in (220, 250, 354)

    def reply(self):
        self.line = self.file.readline().decode()
        return int(self.line[:3])

    def send(self, octets):
        self.socket.sendall(octets)

    def end(self):
        self.socket.sendall(b"\r\n.\r\n")
        return self.reply()


def load_report(cluster, number=0):
    server = cluster.endpoints.mail_servers[number]
    with socket.create_connection((server["address"], server["load_port"]), 30) as connection:
        file = connection.makefile("rb")
        file.readline()
        connection.sendall(b"LOAD\r\n")
        return file.readline().decode()


TIMEOUT = 6


def clamds_that_fail_stop_nobody():
    with Clamd() as one, Clamd(tcp=True) as two, \
            virus_cluster([one, two], scan_timeout=f"{TIMEOUT}s") as cluster:
        alice, tom = cluster.address("alice"), "tom@tag.test"
        line = b"a line that has nothing in it, of which there are many\r\n"

        # Killed in the middle of the data: the other gets all of it, the virus at its front too.
        session = RawSession(cluster, alice)
        session.send(message(EICAR + b"\r\n") + line * 20_000)
        one.kill()
        session.send(line * 20_000)
        assert session.end() == 550, session.line
        one.start()

        # One hung: its part of the time, then the other.
        wait_until("clamd is up again", lambda: "fit=1" in load_report(cluster))
        one.freeze()
        started = time.monotonic()
        assert send(cluster, [alice], message(EICAR + b"\r\n"))[0] == 550
        assert time.monotonic() - started < TIMEOUT + 2
        one.thaw()

        all_hung(cluster, one, two, alice, tom)
        slow(cluster, one, two, alice)

        # All gone: told at once; back again: scanned again.
        one.kill()
        two.kill()
        assert send(cluster, [alice], message())[0] == 451
        one.start()
        wait_until("mail is taken again", lambda: send(cluster, [alice], message())[0] == 250, 30)
        assert "clamd down" in (cluster.directory / "log" / "mail1.log").read_text(errors="replace")


def all_hung(cluster, one, two, alice, tom):
    one.freeze()
    two.freeze()
    replies = {}

    def attempt_one(name, recipient):
        started = time.monotonic()
        code, reply = send(cluster, [recipient], message(subject=name.encode()))
        replies[name] = (code, reply, time.monotonic() - started)

    threads = [threading.Thread(target=attempt_one, args=(f"a{n}", alice)) for n in range(3)]
    threads += [threading.Thread(target=attempt_one, args=(f"t{n}", tom)) for n in range(3)]
    for thread in threads:
        thread.start()
    # Other sessions are answered meanwhile.
    server = cluster.endpoints.mail_servers[0]
    started = time.monotonic()
    with smtplib.SMTP(server["address"], server["smtp_port"], timeout=60) as smtp:
        smtp.ehlo("client.invalid")
        for reply in (smtp.noop(), smtp.mail(SENDER), smtp.rcpt(alice)):
            assert reply[0] == 250, reply
    assert time.monotonic() - started < 3
    for thread in threads:
        thread.join(60)
    for name, (code, reply, took) in replies.items():
        assert took < TIMEOUT + 3, (name, took)
        if name.startswith("a"):
            assert code == 451 and reply.startswith("4.7.1 "), (name, code, reply)
        else:
            assert verdict(cluster, taken((code, reply))) == ["unscanned", "", "never"]
    assert len(replies) == 6
    fresh = [octets for _, _, octets in mailbox(cluster, tom) if b"virus test t" in octets]
    assert len(fresh) == 3
    assert all(b"\r\nX-Virus-Status: Unscanned\r\n" in octets for octets in fresh)
    assert not [octets for _, _, octets in mailbox(cluster, alice) if b"virus test a" in octets]
    # Known to hang by now: the answer comes at once, and DNS is told.
    started = time.monotonic()
    assert send(cluster, [alice], message())[0] == 451
    assert ingest(cluster, "mail", alice, message())[0] == 75
    assert time.monotonic() - started < 3
    wait_until("unfit", lambda: "no-scanner" in load_report(cluster))
    one.thaw()
    two.thaw()
    wait_until("fit again", lambda: "no-scanner" not in load_report(cluster))
    assert send(cluster, [alice], message(EICAR + b"\r\n"))[0] == 550


def slow(cluster, one, two, alice):
    """Runs for a twentieth of the time: slow, but in time."""
    ended = threading.Event()

    def hinder():
        while not ended.is_set():
            for clamd in (one, two):
                clamd.freeze()
            ended.wait(0.19)
            for clamd in (one, two):
                clamd.thaw()
            ended.wait(0.01)

    thread = threading.Thread(target=hinder)
    thread.start()
    try:
        assert send(cluster, [alice], message(EICAR + b"\r\n"))[0] == 550
        taken(send(cluster, [alice], message(subject=b"slow")))
    finally:
        ended.set()
        thread.join()
        for clamd in (one, two):
            clamd.thaw()


def one_slow_message_stops_nobody():
    with Clamd() as clamd, virus_cluster([clamd], scan_timeout="3s") as cluster:
        alice = cluster.address("alice")
        slow_one = of_parts(40_000)
        reply = []
        # By ingest: it is scanned when it is whole, so that clamd has all of the time and no more.
        thread = threading.Thread(
            target=lambda: reply.append(ingest(cluster, "mail", alice, slow_one)))
        thread.start()
        servers = range(len(cluster.endpoints.mail_servers))
        after = 0
        while after < 5:
            after += 0 if thread.is_alive() else 1
            for number in servers:
                taken(send(cluster, [alice], message(), number))
                assert "no-scanner" not in load_report(cluster, number)
        thread.join()
        assert reply[0][0] == 75, reply
        for log in (cluster.directory / "log").glob("mail*.log"):
            assert "clamd down" not in log.read_text(errors="replace"), log


def clients_that_drip_stop_nobody():
    """More of them than a clamd has places (10), each with a message that is scanned early."""
    with Clamd() as clamd, virus_cluster([clamd], scan_timeout="20s") as cluster:
        alice = cluster.address("alice")
        line = b"a line that has nothing in it, of which there are many\r\n"
        sessions = [RawSession(cluster, alice) for _ in range(12)]
        for session in sessions:
            session.send(message(line * 8_000))
        ended = threading.Event()

        def drip():
            while not ended.wait(0.3):
                for session in sessions:
                    session.send(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            for _ in range(5):
                started = time.monotonic()
                taken(send(cluster, [alice], message()))
                assert time.monotonic() - started < 5
        finally:
            ended.set()
            thread.join()
        for session in sessions:
            session.send(b"\r\n" + EICAR + b"\r\n")
            assert session.end() == 550, session.line


SIZE = 2 << 20


def sized(size, tail):
    """A message of so many octets that ends in `tail`."""
    rest = size - len(message(b"")) - len(tail)
    lines, short = divmod(rest, 72)
    body = (b"x" * 70 + b"\r\n") * (lines - 1) + b"y" * (70 + short) + b"\r\n" + tail
    return message(body)


def limits_of_both_sides():
    # What clamd must take: the longest message and 4 KiB of trace fields.
    with Clamd(SIZE + 4096, more="AlertExceedsMax yes\nMaxFiles 20\n") as clamd, \
            virus_cluster([clamd], message_size=SIZE) as cluster:
        alice = cluster.address("alice")
        tail = EICAR + b"\r\n"
        assert send(cluster, [alice], sized(SIZE, tail))[0] == 550
        assert verdict(cluster, taken(send(cluster, [alice], sized(SIZE, b""))))[0] == "clean"
        assert send(cluster, [alice], sized(SIZE + 1, tail))[0] == 552
        more_than_clamd_looks_into(cluster, alice)

        # A mail server that takes longer messages than clamd does not start, and says what to do.
        config = (cluster.directory / "config" / "mail1.yaml").read_text()
        changed = config.replace(f"message_size: {SIZE}", f"message_size: {SIZE + 1}")
        assert changed != config
        state = cluster.directory / "other"
        changed = re.sub(r"(?m)^state_dir: .*$", f'state_dir: "{state}"', changed)
        changed = re.sub(r'(?m)^(listen|load_listen|admin_listen): .*$', "", changed)
        changed += 'listen: ["127.0.9.9:0"]\n'
        file = cluster.directory / "other.yaml"
        file.write_text(changed)
        file.chmod(0o644)
        result = subprocess.run(
            [cluster.directory / "bin" / "roundtable-mtad", "--config", file],
            capture_output=True, text=True, timeout=60)
        assert result.returncode != 0, result
        assert "StreamMaxLength" in result.stderr + result.stdout, result

        comes_up_later_with_too_little(cluster, clamd, alice)


def log_of(cluster):
    return (cluster.directory / "log" / "mail1.log").read_text(errors="replace")


def more_than_clamd_looks_into(cluster, alice):
    """No virus, and not clean: as if it had not been scanned."""
    many = [b"%d" % n * 50 for n in range(40)]
    code, reply = send(cluster, [alice], with_attachment(zipped(*many), b"x.zip"))
    assert code == 451 and reply.startswith("4.7.1 "), (code, reply)
    assert "Heuristics.Limits.Exceeded" in log_of(cluster)
    accepted = taken(send(cluster, ["tom@tag.test"], with_attachment(zipped(*many), b"x.zip")))
    assert verdict(cluster, accepted) == ["unscanned", "", "never"]
    # What it did find counts.
    code, reply = send(cluster, [alice], with_attachment(zipped(EICAR, *many), b"x.zip"))
    assert (code, reply) == (550, f"5.7.1 Virus found: {NAME}"), (code, reply)


def comes_up_later_with_too_little(cluster, clamd, alice):
    """It is not there, as while it loads signatures, and then it is, with another limit."""
    clamd.kill()
    wait_until("unfit", lambda: "no-scanner" in load_report(cluster))
    clamd.configure(SIZE // 2)
    clamd.start()
    wait_until("why", lambda: "scanner-limit" in load_report(cluster))
    down = [line for line in log_of(cluster).splitlines() if "clamd down" in line]
    assert "StreamMaxLength" in down[-1], down
    assert send(cluster, [alice], message())[0] == 451
    assert "StreamMaxLength" in [
        line for line in log_of(cluster).splitlines() if "not scanned" in line][-1]
    clamd.kill()
    clamd.configure(SIZE + 4096)
    clamd.start()
    wait_until("mail is taken again", lambda: send(cluster, [alice], message())[0] == 250)


if __name__ == "__main__":
    main([infected_mail_goes_where_its_domain_wants_it, clamds_that_fail_stop_nobody,
          one_slow_message_stops_nobody, clients_that_drip_stop_nobody, limits_of_both_sides])
