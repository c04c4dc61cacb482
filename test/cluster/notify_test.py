#!/usr/bin/env python3
"""Accounts are told of their mail: by a webhook whose receiver fails at random, by Web Push, by
e-mail through a smarthost, by SMS. Mail agents are killed and PostgreSQL is stopped meanwhile; each
event arrives, under one id. A receiver that hangs delays no message. Quiet hours, limits and
conditions hold. A rebuild of the catalog tells nothing again."""

import contextlib
import email
import email.policy
import imaplib
import json
import pathlib
import poplib
import smtplib
import socket
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, main, wait_until  # noqa: E402
from receivers import (  # noqa: E402
    Browser, HttpReceiver, SmtpSink, check_vapid, check_webhook, make_certificate)

SECRET = "the secret of the webhook"
SUBJECT = "mailto:admin@example.test"
FIRST = 30  # messages while agents are killed
HELD = 12  # messages while the receiver holds everything


def admin(cluster, statement):
    return cluster.sql(statement, "roundtable")


def send(cluster, user, subject, sender="bob@client.invalid", header=""):
    """Tries until it is accepted: agents are killed meanwhile."""
    text = (f"From: Bob <bob@client.invalid>\r\nTo: <{cluster.address(user)}>\r\n"
            f"Subject: {subject}\r\n{header}\r\nbody\r\n")

    def accepted():
        for server in cluster.endpoints.mail_servers:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                with smtplib.SMTP(server["address"], server["smtp_port"], timeout=20) as smtp:
                    smtp.sendmail(sender, [cluster.address(user)], text)
                    return True
        return False

    wait_until("a server to accept", accepted, 60)


def set_rule(cluster, user, *options, stdin=None):
    made = cluster.run("notify", "set", cluster.address(user), "--json", *options, stdin=stdin)
    return json.loads(made.stdout)["id"]


def hook(cluster, user, url, *options):
    return set_rule(cluster, user, "--by", "webhook", "--to", url, "--secret-stdin", *options,
                    stdin=SECRET + "\n")


def notices(receiver, path):
    """What a webhook got, by id; the same id always says the same."""
    found = {}
    for headers, body in receiver.of(path):
        notice = check_webhook(headers, body, SECRET)
        assert found.setdefault(notice["id"], notice) == notice
    return found


def uids_told(found, event="MessageNew"):
    """UID -> ids under which it was told."""
    told = {}
    for notice in found.values():
        for each in notice["events"]:
            if each["event"] == event:
                told.setdefault(each["uidset"], set()).add(notice["id"])
    return told


def waiting(cluster):
    return int(admin(cluster, "SELECT count(*) FROM directory.notification_job "
                     "WHERE state = 'waiting'")[0][0])


def configure(cluster, sink):
    cluster.run("notify", "configure", "allowed_networks=127.0.0.0/8", f"smarthost={sink.url}",
                "smarthost_tls=never", "mail_from=notify@example.test", f"vapid_subject={SUBJECT}",
                "retry_first=200 ms", "retry_most=2 s", "per_hour=10000",
                "imap_host=imap.example.test")
    return {row["setting"]: row["value"] for row in cluster.json("notify", "gateway")}


def every_channel_tells_each_message_through_kills(cluster):
    """At least once, under one id, whatever the receivers do and whoever is killed."""
    receiver = HttpReceiver(["ok", "ok", "slow", "500", "429", "close", "lost"])
    sink = SmtpSink(refuse=3)
    gateway = configure(cluster, sink)
    hook(cluster, "alice", receiver.url + "/hook")
    browser = Browser(receiver.url + "/push")
    set_rule(cluster, "alice", "--by", "webpush", "--subscription-stdin", "--tell-content",
             stdin=browser.subscription())
    set_rule(cluster, "alice", "--by", "email", "--to", "alice@phone.invalid", "--tell-content")
    for number in range(FIRST):
        send(cluster, "alice", f"message {number}\tof {FIRST}")
        if number % 5 == 4:
            name = f"mail{number // 5 % 3 + 1}"
            with contextlib.suppress(OSError):
                cluster.kill(name)
    wait_until("everything told", lambda: waiting(cluster) == 0 and len(uids_told(
        notices(receiver, "/hook"))) == FIRST, 180, 0.5)
    assert receiver.attempts["500"] and receiver.attempts["lost"], receiver.attempts

    told = uids_told(notices(receiver, "/hook"))
    assert sorted(map(int, told)) == list(range(1, FIRST + 1)), told
    assert all(len(ids) == 1 for ids in told.values()), told
    one = next(iter(notices(receiver, "/hook").values()))["events"][0]
    assert one["user"] == cluster.address("alice")
    assert one["mailboxID"].startswith("imap://alice%40example.test@imap.example.test/INBOX;"), one
    assert one["uri"].endswith(f"/;UID={one['uidset']}") and one["messageSize"] > 0, one
    assert "envelope" not in one, one

    pushed = {}
    for headers, body in receiver.of("/push"):
        check_vapid(headers, receiver.url, SUBJECT, gateway["vapid_public"])
        assert int(headers["TTL"]) > 0 and headers["Urgency"] == "normal"
        notice = browser.open(headers, body)
        pushed[notice["id"]] = notice
    told = uids_told(pushed)
    assert sorted(map(int, told)) == list(range(1, FIRST + 1)), told
    assert "message " in next(iter(pushed.values()))["events"][0]["envelope"]

    bodies = {}
    for sender, recipient, text in sink.messages:
        assert (sender, recipient) == ("<>", "<alice@phone.invalid>"), (sender, recipient)
        message = email.message_from_bytes(text, policy=email.policy.default)
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["From"] == "Roundtable <notify@example.test>"
        bodies[message["Message-ID"]] = message.get_content()
    assert len(bodies) == FIRST, len(bodies)
    assert sum(f"Subject: message 7 of {FIRST}" in body for body in bodies.values()) == 1
    log = cluster.json("notify", "log", cluster.address("alice"), "--limit", "1000")
    assert {row["state"] for row in log} == {"sent"}, log
    assert len(log) == 3 * FIRST
    receiver.close()
    sink.close()


def clear(cluster):
    for row in cluster.json("notify", "list"):
        cluster.run("notify", "remove", str(row["id"]))


def a_receiver_that_hangs_delays_no_message(cluster):
    clear(cluster)
    receiver = HttpReceiver(["hold"])
    for _ in range(3):
        hook(cluster, "alice", receiver.url + "/hook")
    send(cluster, "alice", "the first")
    wait_until("attempts that hang", lambda: receiver.holding >= 2, 30)
    for number in range(HELD):
        send(cluster, "alice", f"held {number}")  # 250 comes while they hang
    assert not receiver.released.is_set()
    receiver.faults = ["ok"]
    receiver.released.set()
    wait_until("everything told", lambda: waiting(cluster) == 0, 60, 0.5)
    told = uids_told(notices(receiver, "/hook"))
    assert len(told) == HELD + 1 and all(len(ids) == 3 for ids in told.values()), told
    receiver.close()


def conditions_quiet_hours_and_limits(cluster):
    clear(cluster)
    receiver = HttpReceiver()
    sms = HttpReceiver()
    sink = SmtpSink()
    cluster.run("notify", "configure", f"sms_gateway={sms.url}/sms", f"smarthost={sink.url}")
    hook(cluster, "alice", receiver.url + "/boss", "--sender", "*@boss.invalid")
    hook(cluster, "alice", receiver.url + "/fax", "--kind", "fax")
    quiet = hook(cluster, "alice", receiver.url + "/quiet", "--quiet", "00:00-12:00", "--zone",
                 "Europe/Berlin")
    hook(cluster, "bob", receiver.url + "/few", "--per-hour", "2")
    set_rule(cluster, "bob", "--by", "sms", "--to", "+4930123456")
    set_rule(cluster, "bob", "--by", "email", "--to", "bob@phone.invalid")
    # Whatever the time is here, it is quiet now.
    admin(cluster, "UPDATE directory.notification SET quiet_from = (now() AT TIME ZONE quiet_zone)"
          "::time - interval '1 hour', quiet_to = (now() AT TIME ZONE quiet_zone)::time +"
          f" interval '1 hour' WHERE id = {quiet}")
    send(cluster, "alice", "a", sender="Head@Boss.invalid")
    send(cluster, "alice", "b")
    wait_until("the held ones", lambda: admin(
        cluster, "SELECT count(*) FROM directory.notification_job WHERE state = 'waiting' AND"
        f" digest AND notification_id = {quiet}") == [["2"]], 60)
    wait_until("the boss", lambda: len(receiver.of("/boss")) == 1, 30)
    admin(cluster, "UPDATE directory.notification SET quiet_from = NULL, quiet_to = NULL,"
          f" quiet_zone = NULL WHERE id = {quiet}")
    admin(cluster, "UPDATE directory.notification_job SET not_before = now() WHERE digest")
    wait_until("the digest", lambda: receiver.of("/quiet"), 30)
    digest = list(notices(receiver, "/quiet").values())
    assert len(digest) == 1 and len(digest[0]["events"]) == 2, digest
    assert receiver.of("/fax") == []

    # Bob's limit is two an hour, of all his rules together; a program's mail is not told by mail.
    send(cluster, "bob", "auto", header="Auto-Submitted: auto-replied\r\n")
    wait_until("what bob is told", lambda: admin(
        cluster, "SELECT count(*) FROM directory.notification_job j JOIN directory.notification n"
        " ON n.id = j.notification_id JOIN directory.account a ON a.id = n.account_id WHERE"
        f" a.login = '{cluster.address('bob')}' AND (j.state IN ('sent', 'dropped') OR j.digest)")
        == [["3"]], 60)
    assert sink.messages == [] and sms.of("/sms") == [], (sink.messages, sms.taken)
    for number in range(4):
        send(cluster, "bob", f"many {number}")
    wait_until("the rest held back", lambda: admin(
        cluster, "SELECT count(*) FROM directory.notification_job WHERE state = 'waiting' AND"
        " NOT digest") == [["0"]], 60)
    sent = int(admin(cluster, "SELECT count(*) FROM directory.notification_job j JOIN"
                     " directory.account a ON a.id = j.account_id WHERE j.state = 'sent' AND"
                     f" a.login = '{cluster.address('bob')}'")[0][0])
    assert sent == 2, sent
    # An hour later they are one for each rule.
    admin(cluster, "UPDATE directory.notification_job SET finished_at = now() - interval '61 min'"
          " WHERE state = 'sent'")
    cluster.run("notify", "configure", "per_hour=1000")
    admin(cluster, "UPDATE directory.notification SET per_hour = NULL")
    admin(cluster, "UPDATE directory.notification_job SET not_before = now() WHERE digest")
    wait_until("the rest told", lambda: waiting(cluster) == 0, 60)
    assert len(sms.of("/sms")) == 1, sms.taken
    text = json.loads(sms.of("/sms")[0][1])
    assert text["to"] == "+4930123456" and "notifications for bob@" in text["text"], text
    assert len(sink.messages) == 1, sink.messages
    for server in (receiver, sms, sink):
        server.close()


def ingest(cluster, kind, user):
    """Without a sender, as telephone systems do; tries until a mail server takes it."""
    text = (f"From: telephone@example.test\r\nTo: {cluster.address(user)}\r\n"
            f"Subject: a {kind}\r\n\r\nhello\r\n")
    wait_until("a server to take it", lambda: cluster.run(
        "ingest", kind, "--to", cluster.address(user), stdin=text, check=False).returncode == 0, 60)


def faxes_and_voicemails_are_told_by_every_channel(cluster):
    clear(cluster)
    receiver, sms, sink = HttpReceiver(), HttpReceiver(), SmtpSink()
    cluster.run("notify", "configure", f"sms_gateway={sms.url}/sms", f"smarthost={sink.url}",
                "per_hour=10000")
    set_rule(cluster, "alice", "--by", "sms", "--to", "+4930123456")
    set_rule(cluster, "alice", "--by", "email", "--to", "alice@phone.invalid")
    hook(cluster, "alice", receiver.url + "/fax", "--kind", "fax")
    hook(cluster, "alice", receiver.url + "/voicemail", "--kind", "voicemail")
    ingest(cluster, "fax", "alice")
    ingest(cluster, "voicemail", "alice")
    wait_until("everything told", lambda: len(receiver.taken) == 2 and waiting(cluster) == 0, 60)
    assert len(receiver.of("/fax")) == len(receiver.of("/voicemail")) == 1, receiver.taken
    texts = sorted(json.loads(body)["text"] for _, body in sms.of("/sms"))
    assert [text.split(" for ")[0] for text in texts] == ["New fax", "New voice message"], texts
    assert len(sink.messages) == 2, sink.messages
    for server in (receiver, sms, sink):
        server.close()


def a_gateway_that_comes_back_is_not_flooded(cluster):
    """What failed keeps to the limit, as all else does."""
    clear(cluster)
    sms = HttpReceiver(["500"])
    admin(cluster, "UPDATE directory.notification_job SET finished_at = finished_at - "
          "interval '61 min' WHERE state = 'sent'")
    cluster.run("notify", "configure", f"sms_gateway={sms.url}/sms", "retry_most=200 ms")
    set_rule(cluster, "bob", "--by", "sms", "--to", "+4930123456", "--per-hour", "2")
    for number in range(6):
        send(cluster, "bob", f"while it fails {number}")
    wait_until("most of them tried", lambda: int(admin(
        cluster, "SELECT count(*) FROM directory.notification_job WHERE state = 'waiting' AND"
        " attempts > 0")[0][0]) >= 4, 120)
    sms.faults = ["ok"]
    wait_until("the rest put off", lambda: admin(
        cluster, "SELECT count(*) FROM directory.notification_job WHERE state = 'waiting' AND"
        " not_before > now() + interval '30 min'") == [["4"]], 60)
    assert len(sms.of("/sms")) == 2, sms.taken
    cluster.run("notify", "configure", "retry_most=2 s")
    clear(cluster)
    admin(cluster, "UPDATE directory.notification_job SET not_before = now()")
    wait_until("what waits dropped", lambda: waiting(cluster) == 0, 30)
    sms.close()


def the_log_is_forgotten_however_long_it_is(cluster):
    admin(cluster, "INSERT INTO directory.notification_job (notification_id, account_id, key,"
          " state, finished_at) SELECT 0, 0, 'old ' || i, 'sent', now() - interval '8 days'"
          " FROM generate_series(1, 5500) AS i")
    cluster.kill("mail1")  # the agent that comes looks at once
    wait_until("all of it forgotten", lambda: admin(
        cluster, "SELECT count(*) FROM directory.notification_job WHERE notification_id = 0")
        == [["0"]], 60)


def tests_and_refusals_are_told_to_operators(cluster):
    clear(cluster)
    receiver = HttpReceiver()
    rule = hook(cluster, "alice", receiver.url + "/hook-hidden?token=hidden")
    cluster.run("notify", "test", cluster.address("alice"))
    notice = check_webhook(*receiver.of("/hook-hidden?token=hidden")[0], SECRET)
    assert notice["test"] is True and notice["events"] == [] and notice["rule"] == rule, notice
    receiver.faults = ["500"]
    failed = cluster.run("notify", "test", cluster.address("alice"), check=False)
    assert failed.returncode == 1 and "HTTP 500" in failed.stderr, failed
    receiver.faults = ["410"]
    ended = cluster.run("notify", "test", cluster.address("alice"), check=False)
    assert ended.returncode == 1 and f"notify resume {rule}" in ended.stderr, ended
    assert cluster.json("notify", "list")[0]["state"] == "ended"
    receiver.faults = ["ok"]
    cluster.run("notify", "resume", str(rule))
    cluster.run("notify", "test", cluster.address("alice"))
    cluster.run("notify", "configure", "allowed_networks=")
    refused = cluster.run("notify", "test", cluster.address("alice"), check=False)
    assert refused.returncode == 1 and "allowed network" in refused.stderr, refused
    cluster.run("notify", "configure", "allowed_networks=127.0.0.0/8")
    gone = Browser(receiver.url + "/gone")
    set_rule(cluster, "bob", "--by", "webpush", "--subscription-stdin", stdin=gone.subscription())
    wrong = cluster.run("notify", "set", cluster.address("bob"), "--by", "webpush", "--event",
                        "MessageEaten", "--subscription-stdin", stdin=gone.subscription(),
                        check=False)
    assert wrong.returncode == 1 and gone.endpoint not in wrong.stdout + wrong.stderr, wrong
    assert "MessageExpunge" in wrong.stderr, wrong
    # Nothing secret anywhere that people look.
    seen = subprocess.run(
        ["grep", "-rlE", f"{SECRET}|hidden|{gone.endpoint}", str(cluster.directory / "log")],
        capture_output=True, text=True)
    assert seen.stdout == "", seen.stdout
    shown = cluster.run("notify", "list").stdout + cluster.run("notify", "log").stdout
    assert "hidden" not in shown and "/gone" not in shown and SECRET not in shown, shown
    receiver.close()


def certificates_are_verified(cluster):
    clear(cluster)
    ours = make_certificate(cluster.directory / "ours.pem", "127.0.0.1")
    other = make_certificate(cluster.directory / "other.pem", "192.0.2.1")
    receiver = HttpReceiver(certificate=ours)
    stranger = HttpReceiver(certificate=other)
    rule = hook(cluster, "alice", receiver.url + "/hook")

    def test(rule):
        return cluster.run("notify", "test", cluster.address("alice"), str(rule), check=False)

    unknown = test(rule)
    assert unknown.returncode == 1 and "certificate" in unknown.stderr, unknown
    cluster.run("notify", "configure", f"ca_file={ours}")
    known = test(rule)
    assert known.returncode == 0, known
    cluster.run("notify", "configure", f"ca_file={other}")
    wrong_name = test(hook(cluster, "alice", stranger.url + "/hook"))
    assert wrong_name.returncode == 1 and "certificate" in wrong_name.stderr, wrong_name
    cluster.run("notify", "configure", "ca_file=")
    assert len(receiver.of("/hook")) == 1 and stranger.of("/hook") == []
    receiver.close()
    stranger.close()


def what_clients_do_is_told_by_its_name(cluster):
    clear(cluster)
    receiver = HttpReceiver()
    events = ("MessageAppend", "FlagsSet", "FlagsClear", "MessageRead", "MessageTrash",
              "MessageExpunge", "MailboxCreate", "MailboxRename", "MailboxDelete",
              "MailboxSubscribe", "MailboxUnSubscribe")
    hook(cluster, "alice", receiver.url + "/hook",
         *(word for event in events for word in ("--event", event)))
    where = cluster.endpoints.access_servers[0]
    imap = imaplib.IMAP4(where["address"], where["imap_port"], timeout=30)
    imap.login(cluster.address("alice"), cluster.password)
    imap.create("Work")
    imap.append("Work", "", '"01-Jan-2001 00:00:00 +0000"', b"Subject: x\r\n\r\nbody\r\n")
    imap.select("Work")
    imap.store("1", "+FLAGS", r"(\Seen)")
    imap.store("1", "-FLAGS", r"(\Seen)")
    imap.store("1", "+FLAGS", r"(\Deleted)")
    imap.expunge()
    imap.close()
    imap.rename("Work", "Job")
    imap.subscribe("Job")
    imap.unsubscribe("Job")
    imap.delete("Job")
    imap.logout()

    def all_told():
        told = [e for n in notices(receiver, "/hook").values() for e in n["events"]]
        return told if {e["event"] for e in told} == set(events) and waiting(cluster) == 0 else None

    told = wait_until("every event", all_told, 60)
    assert len(told) == len(events) + 1, told  # \Seen and \Deleted were set
    by_name = {e["event"]: e for e in told}
    assert by_name["FlagsClear"]["flagNames"] == ["\\Seen"]
    assert by_name["MailboxRename"]["oldMailboxID"].split(";")[0].endswith("/Work")
    assert by_name["MailboxRename"]["mailboxID"].split(";")[0].endswith("/Job")
    assert by_name["MessageExpunge"]["uidset"] == "1"
    receiver.close()


def a_full_mailbox_is_told(cluster):
    clear(cluster)
    receiver = HttpReceiver()
    cluster.run("account", "add", cluster.address("carol"), "--password-stdin", "--quota", "3000",
                stdin=cluster.password + "\n")
    hook(cluster, "carol", receiver.url + "/hook", "--event", "QuotaExceed")
    server = cluster.endpoints.mail_servers[0]

    def refused():
        with smtplib.SMTP(server["address"], server["smtp_port"], timeout=30) as smtp:
            try:
                smtp.sendmail("bob@client.invalid", [cluster.address("carol")],
                              "Subject: large\r\n\r\n" + 100 * (60 * "x" + "\r\n"))
            except smtplib.SMTPDataError as answer:
                return answer.smtp_code == 552
            except smtplib.SMTPException:
                return False  # the account is new: not known everywhere yet
        raise AssertionError("more than the quota was accepted")

    wait_until("a refusal", refused, 30)
    wait_until("its event", lambda: receiver.of("/hook"), 30)
    event, = next(iter(notices(receiver, "/hook").values()))["events"]
    assert event["event"] == "QuotaExceed" and event["diskQuota"] == 2, event
    assert event["diskUsed"] == 0 and event["user"] == cluster.address("carol"), event

    # COPY is refused in a transaction of its own; room again is told, and what the quota is.
    cluster.run("account", "add", cluster.address("erin"), "--password-stdin", "--quota", "3000",
                stdin=cluster.password + "\n")
    hook(cluster, "erin", receiver.url + "/erin", "--event", "quotaexceed", "--event",
         "quotawithin", "--event", "quotachange")
    where = cluster.endpoints.access_servers[0]

    def signed_in():
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            imap = imaplib.IMAP4(where["address"], where["imap_port"], timeout=30)
            imap.login(cluster.address("erin"), cluster.password)
            return imap

    imap = wait_until("the new account", signed_in, 60)
    imap.append("INBOX", "", None, b"Subject: x\r\n\r\n" + 40 * (48 * b"x" + b"\r\n"))
    imap.select("INBOX")
    assert imap.copy("1", "INBOX")[0] == "NO"

    def names():
        return [e["event"] for n in notices(receiver, "/erin").values() for e in n["events"]]

    wait_until("COPY told", lambda: names() == ["QuotaExceed"], 60)
    imap.store("1", "+FLAGS", r"(\Deleted)")
    imap.expunge()
    wait_until("room told", lambda: names() == ["QuotaExceed", "QuotaWithin"], 60)
    admin(cluster, "UPDATE directory.account SET quota_bytes = 5000 WHERE login = "
          f"'{cluster.address('erin')}'")
    wait_until("the change told", lambda: names()[2:] == ["QuotaChange"], 60)
    imap.logout()
    receiver.close()


def from_address(protocol, where, port, source):
    """A client of imaplib or poplib at that address of this machine."""

    class Client(protocol):
        def _create_socket(self, timeout):
            return socket.create_connection((where["address"], where[port]), timeout, (source, 0))

    return Client(where["address"], where[port], timeout=30)


@contextlib.contextmanager
def locked_queue(cluster):
    """Nothing can be queued meanwhile."""
    words = [w for w in cluster.endpoints.database.split() if not w.startswith("user=")]
    with subprocess.Popen(["psql", "-X", "-A", "-t", " ".join([*words, "user=roundtable"])],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:
        psql.stdin.write("BEGIN;\nLOCK TABLE directory.notification_job;\nSELECT 'locked';\n")
        psql.stdin.flush()
        while psql.stdout.readline() != "locked\n":
            assert psql.poll() is None, psql
        yield
        psql.stdin.close()  # and with it the transaction


def sign_ins_and_sign_outs_are_told(cluster):
    clear(cluster)
    receiver = HttpReceiver()
    hook(cluster, "alice", receiver.url + "/hook", "--event", "login", "--event", "logout")
    hook(cluster, "bob", receiver.url + "/bob")
    expected = []
    where = cluster.endpoints.access_servers[0]

    def told():
        return sorted((e["event"], e["service"], e["clientIP"], e["clientPort"], e["serverPort"])
                      for n in notices(receiver, "/hook").values() for e in n["events"]
                      if e["clientIP"] != "127.0.0.78")

    def hear(what, *events):
        expected.extend(events)
        wait_until(what, lambda: told() == sorted(expected), 30)

    def imap_of(user, source):
        imap = from_address(imaplib.IMAP4, where, "imap_port", source)
        client = (*imap.sock.getsockname(), where["imap_port"])
        imap.login(cluster.address(user), cluster.password)
        return imap, client

    def pop3_of(user, source):
        pop3 = from_address(poplib.POP3, where, "pop3_port", source)
        client = (*pop3.sock.getsockname(), where["pop3_port"])
        pop3.user(cluster.address(user))
        pop3.pass_(cluster.password)
        return pop3, client

    imap, client = imap_of("alice", "127.0.0.71")
    hear("an IMAP sign-in", ("Login", "imap", *client))
    imap.logout()
    hear("an IMAP sign-out", ("Logout", "imap", *client))
    pop3, client = pop3_of("alice", "127.0.0.72")
    hear("a POP3 sign-in", ("Login", "pop", *client))
    pop3.quit()
    hear("a POP3 sign-out", ("Logout", "pop", *client))
    assert {e["user"] for n in notices(receiver, "/hook").values() for e in n["events"]} == {
        cluster.address("alice")}

    imap, client = imap_of("alice", "127.0.0.73")
    hear("its sign-in", ("Login", "imap", *client))
    imap.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    imap.shutdown()  # no LOGOUT, no FIN: RST
    hear("a connection that broke", ("Logout", "imap", *client))

    for _ in range(3):
        imap_of("bob", "127.0.0.74")[0].logout()
        pop3_of("bob", "127.0.0.74")[0].quit()
    wrong = from_address(imaplib.IMAP4, where, "imap_port", "127.0.0.75")
    with contextlib.suppress(imaplib.IMAP4.error):
        wrong.login(cluster.address("alice"), "wrong")
    wrong.logout()

    # Notes arrive in the order in which they were made: nothing of bob's comes behind these.
    imap, client = imap_of("alice", "127.0.0.76")
    hear("the last sign-in", ("Login", "imap", *client))
    cluster.run("daemon", "stop", where["name"])
    hear("a server that stopped", ("Logout", "imap", *client))
    cluster.run("daemon", "start", where["name"])
    assert receiver.of("/bob") == [] and admin(
        cluster, "SELECT count(*) FROM directory.notification_job j JOIN directory.account a ON"
        f" a.id = j.account_id WHERE a.login = '{cluster.address('bob')}' AND"
        " (j.happened).event LIKE 'Log%'") == [["0"]]

    # Nobody waits for a note. Whether these are told depends on how long the lock was held.
    def signed_in():
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            return imap_of("alice", "127.0.0.77")

    imap, client = wait_until("the server back", signed_in, 60)
    hear("the server that came back", ("Login", "imap", *client))
    with locked_queue(cluster):
        imap_of("alice", "127.0.0.78")[0].logout()
        pop3_of("alice", "127.0.0.78")[0].quit()
        wait_until("a note that waits", lambda: admin(
            cluster, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND"
            " query LIKE '%note_session%'") == [["1"]], 5, 0.05)
    imap.logout()
    hear("the queue after it", ("Logout", "imap", *client))

    imap, client = imap_of("alice", "127.0.0.79")
    hear("the last of all", ("Login", "imap", *client))

    def answers():
        with contextlib.suppress(RuntimeError):
            return admin(cluster, "SELECT 1") == [["1"]]

    cluster.run("daemon", "stop", "postgres")
    wait_until("no database", lambda: not answers(), 30)
    assert imap.logout()[0] == "BYE"
    cluster.run("daemon", "start", "postgres")
    wait_until("the database back", answers, 60)
    receiver.close()


def a_database_that_is_away_loses_nothing(cluster):
    clear(cluster)
    receiver = HttpReceiver()
    hook(cluster, "alice", receiver.url + "/hook")
    send(cluster, "alice", "before")
    wait_until("the first", lambda: len(receiver.of("/hook")) == 1, 30)
    cluster.run("daemon", "stop", "postgres")
    for number in range(3):
        send(cluster, "alice", f"away {number}")
    cluster.run("daemon", "start", "postgres")
    wait_until("all told", lambda: len(uids_told(notices(receiver, "/hook"))) == 4, 120)
    assert all(len(ids) == 1 for ids in uids_told(notices(receiver, "/hook")).values())
    receiver.close()


def a_rebuild_tells_nothing_again(cluster):
    clear(cluster)
    receiver = HttpReceiver()
    hook(cluster, "alice", receiver.url + "/hook", "--event", "MessageNew", "--event", "FlagsSet",
         "--event", "MailboxCreate", "--event", "MessageExpunge", "--event", "MailboxSubscribe")
    for number in range(5):
        send(cluster, "alice", f"kept {number}")
    wait_until("five told", lambda: len(receiver.of("/hook")) == 5, 60)
    began = admin(cluster, "SELECT extract(epoch FROM clock_timestamp())")[0][0]
    wait_until("the journal", lambda: admin(
        cluster, f"SELECT coalesce(bool_or(extract(epoch FROM caught_up_at) > {began}), false)"
        " FROM report.journal") == [["t"]], 90)
    jobs = admin(cluster, "SELECT count(*) FROM directory.notification_job")
    messages = admin(cluster, "SELECT count(*) FROM catalog.mailbox_message")
    cluster.sql("DROP SCHEMA catalog CASCADE", "roundtable")
    rebuilt = subprocess.run(
        [cluster.endpoints.program, "--dir", str(cluster.directory), "catalog", "rebuild",
         "--json"],
        capture_output=True, text=True, timeout=600)
    assert rebuilt.returncode == 0 and json.loads(rebuilt.stdout)["phase"] == "done", rebuilt
    wait_until("the mail back", lambda: admin(
        cluster, "SELECT count(*) FROM catalog.mailbox_message") == messages, 60)
    assert admin(cluster, "SELECT count(*) FROM directory.notification_job") == jobs
    send(cluster, "alice", "new")
    wait_until("the new one", lambda: len(receiver.of("/hook")) == 6, 60)
    receiver.close()


def accounts_are_told():
    with Cluster() as cluster:
        for step in (every_channel_tells_each_message_through_kills,
                     a_receiver_that_hangs_delays_no_message,
                     conditions_quiet_hours_and_limits,
                     faxes_and_voicemails_are_told_by_every_channel,
                     a_gateway_that_comes_back_is_not_flooded,
                     the_log_is_forgotten_however_long_it_is,
                     tests_and_refusals_are_told_to_operators,
                     certificates_are_verified,
                     what_clients_do_is_told_by_its_name,
                     a_full_mailbox_is_told,
                     sign_ins_and_sign_outs_are_told,
                     a_database_that_is_away_loses_nothing,
                     a_rebuild_tells_nothing_again):
            print(f"  {step.__name__}", flush=True)
            step(cluster)


if __name__ == "__main__":
    main([accounts_are_told])
