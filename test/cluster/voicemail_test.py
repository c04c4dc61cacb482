#!/usr/bin/env python3
"""Voicemail of an Asterisk: its spool swept and its mailcmd taken, each message once whatever is
killed or renumbered meanwhile; and who is told of waiting messages, within 2 seconds of \\Seen."""

import contextlib
import email
import email.policy
import http.server
import imaplib
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import wave

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import asterisk  # noqa: E402
from asterisk import mailcmd_email  # noqa: E402
from cluster import Cluster, main, wait_until  # noqa: E402

OWNER = "roundtable"
MANY = 50
TOLD_SECONDS = 2.0  # promised, after \Seen

cluster = None
spool = None
work = None
hooks, webhooks, notifies = queue.Queue(), queue.Queue(), queue.Queue()


def tool(*arguments):
    subprocess.run([str(a) for a in arguments], check=True, capture_output=True, timeout=60)


# -- an Asterisk ----------------------------------------------------------------------------------


def speak(text, name):
    """A WAV as Asterisk records it, of a voice: 8000 Hz, 16 bit, mono."""
    raw, out = work / f"{name}-raw.wav", work / f"{name}.wav"
    tool("espeak-ng", "-w", raw, text)
    tool("sox", raw, "-r", "8000", "-b", "16", "-c", "1", out)
    return out


def seconds_of(file):
    with wave.open(str(file)) as opened:
        return max(1, int(opened.getnframes() / opened.getframerate() + 0.5))


def lay(*arguments, **options):
    return asterisk.lay(spool, *arguments, **options)


def sweep(*options, check=True):
    return cluster.run("voicemail", "sweep", "--spool", str(spool), "--older", "0", *options,
                       check=check)


def mailcmd(text, *options, check=True):
    return cluster.run("voicemail", "mailcmd", "--spool", str(spool), *options, stdin=text,
                       check=check)


# -- a mailbox ------------------------------------------------------------------------------------


def imap(user, server=0):
    access = cluster.endpoints.access_servers[server]
    session = imaplib.IMAP4(access["address"], access["imap_port"], timeout=60)
    session.login(cluster.address(user), cluster.password)
    return session


def messages(user):
    """Every message of INBOX, parsed."""
    with imap(user) as session:
        count = int(session.select("INBOX", readonly=True)[1][0])
        found = []
        for number in range(1, count + 1):
            data = session.fetch(str(number), "(BODY.PEEK[])")[1]
            found.append(email.message_from_bytes(data[0][1], policy=email.policy.default))
        return found


def count(user):
    return int(cluster.sql("SELECT count(*) FROM catalog.mailbox_message x JOIN catalog.mailbox b "
                           "ON b.id = x.mailbox_id JOIN directory.account a ON a.id = b.account_id "
                           f"WHERE a.login = '{cluster.address(user)}'", OWNER)[0][0])


def audio_of(message):
    parts = [part for part in message.walk() if part.get_content_maintype() == "audio"]
    assert len(parts) == 1, message.as_string()[:2000]
    return parts[0], parts[0].get_payload(decode=True)


# -- tests ----------------------------------------------------------------------------------------


def boxes_are_named():
    cluster.run("voicemail", "box", "add", "1001@default", cluster.address("alice"))
    cluster.run("voicemail", "box", "add", "1002", cluster.address("bob"))
    rows = cluster.json("voicemail", "box", "list")
    assert [(r["mailbox"], r["context"], r["account"]) for r in rows] == [
        ("1001", "default", cluster.address("alice")),
        ("1002", "default", cluster.address("bob"))], rows
    wrong = cluster.run("voicemail", "box", "add", "a/b", cluster.address("bob"), check=False)
    assert wrong.returncode != 0 and "MAILBOX@CONTEXT" in wrong.stderr, wrong


def a_message_is_swept_once():
    if not cluster.json("voicemail", "box", "list"):
        boxes_are_named()  # this case runs by itself, too
    audio = speak("Hello, this is Anna. Please call me back.", "anna")
    lay("1001", 0, audio, "1795600800-00000001", duration=99)
    assert "1 stored" in sweep().stdout
    again = sweep()
    assert again.stdout.startswith("0 stored, 1 there already"), again
    wait_until("the voicemail", lambda: count("alice") == 1, 10)
    [message] = messages("alice")
    part, octets = audio_of(message)
    assert octets == audio.read_bytes()
    assert part["Content-Duration"] == str(seconds_of(audio)), part.items()
    assert message["Message-Context"] == "voice-message"
    assert message["X-Asterisk-VM-Context"] == "default"
    assert message["X-Asterisk-VM-Extension"] == "1001"
    assert message["X-Asterisk-VM-Duration"] == str(seconds_of(audio))
    assert "Anna Lee" in message["Subject"], message["Subject"]
    row = cluster.sql("SELECT v.called, v.caller, v.caller_name, v.duration_s, v.urgent "
                      "FROM catalog.voicemail v", OWNER)
    assert row == [["1001", "5550100", "Anna Lee", str(seconds_of(audio)), "f"]], row


def formats_of_asterisk_are_measured():
    audio = speak("One two three four five six seven eight nine ten.", "formats")
    wav49, gsm, ulaw = work / "f.WAV", work / "f.gsm", work / "f.ulaw"
    tool("sox", audio, "-t", "wav", "-e", "gsm-full-rate", wav49)
    tool("sox", audio, gsm)
    tool("sox", audio, "-t", "ul", ulaw)
    broken = work / "broken.wav"
    broken.write_bytes(b"not audio at all")
    before = count("alice")
    for number, file in enumerate((wav49, gsm, ulaw, broken), 10):
        lay("1001", number, file, f"17956008{number}-00000001", duration=77,
            extension=file.suffix[1:])
    assert "4 stored" in sweep().stdout
    wait_until("four more", lambda: count("alice") == before + 4, 10)
    durations = {}
    for message in messages("alice"):
        part = [p for p in message.walk() if p.get_filename()][0]
        durations[part.get_filename()] = int(part["Content-Duration"])
    true = seconds_of(audio)
    for name in ("msg0010.WAV", "msg0011.gsm", "msg0012.ulaw"):
        assert abs(durations[name] - true) <= 1, (name, durations, true)
    assert durations["msg0013.wav"] == 77, durations  # what Asterisk measured


def renumbered_and_moved_it_is_the_same():
    place = spool / "default" / "1001"
    (place / "Old").mkdir()
    for extension in ("txt", "wav"):
        (place / "INBOX" / f"msg0000.{extension}").rename(place / "Old" / f"msg0005.{extension}")
    before = count("alice")
    assert sweep().stdout.startswith("0 stored"), "it was taken for another"
    assert count("alice") == before


def a_locked_folder_waits():
    audio = speak("Wait for the lock.", "lock")
    lay("1002", 0, audio, "1795600900-00000001")
    lock = spool / "default" / "1002" / "INBOX" / ".lock"
    lock.touch()
    locked = sweep(check=False)
    assert locked.returncode == 75 and "1 left for later" in locked.stdout, locked
    lock.unlink()
    assert "1 stored" in sweep().stdout


def mailcmd_and_sweep_of_one_message_give_one():
    audio = speak("This came by mail command.", "mailcmd")
    lay("1002", 1, audio, "1795600901-00000002", flag="Urgent", folder="Urgent")
    before = count("bob")
    text = mailcmd_email("1002", 1, audio, cluster.address("bob"))
    mailcmd(text)
    assert sweep().stdout.startswith("0 stored"), "the sweep doubled it"
    assert "before" in mailcmd(text).stdout
    wait_until("one more", lambda: count("bob") == before + 1, 10)
    message = messages("bob")[-1]
    assert message["X-Asterisk-VM-Context"] == "default"
    assert message["X-Asterisk-VM-Message-ID"] == "1795600901-00000002"
    assert message["Subject"] == "[PBX]: New message 2 in mailbox 1002"
    assert audio_of(message)[1] == audio.read_bytes()
    # And the other way round, with Asterisks that know no msg_id.
    audio = speak("This was swept before.", "swept")
    lay("1002", 2, audio, "")
    assert "1 stored" in sweep().stdout
    mailcmd(mailcmd_email("1002", 2, audio, cluster.address("bob")), "--by-box")
    assert count("bob") == before + 2


def what_was_heard_on_the_telephone_is_not_new():
    audio = speak("You have heard this already.", "heard")
    new, old = waiting()[:2]
    for number, folder in enumerate(("Old", "Work", "INBOX", "Urgent"), 40):
        lay("1002", number, audio, f"17956009{number}-00000003", folder=folder)
    sweep()
    wait_until("two new ones and two old ones",
               lambda: waiting()[:2] == (new + 2, old + 2), 10)


def what_lies_in_the_spool_is_asked_for_now_and_then():
    """Each sweep renews the key of a message that is gone, one that watches does so again."""
    key = cluster.sql("SELECT k.key FROM catalog.ingest_key k JOIN catalog.voicemail v USING "
                      "(message_id) WHERE v.caller_name = 'Anna Lee' LIMIT 1", OWNER)[0][0]
    age = ("UPDATE catalog.ingest_key SET removed_at = now() - interval '89 days' "
           f"WHERE key = '{key}'")
    renewed = (f"SELECT removed_at > now() - interval '1 hour' FROM catalog.ingest_key "
               f"WHERE key = '{key}'")
    cluster.sql(age, OWNER)
    sweep()
    assert cluster.sql(renewed, OWNER) == [["t"]], "a sweep did not ask"
    watching = subprocess.Popen(
        [cluster.endpoints.program, "--dir", str(cluster.endpoints.directory), "voicemail", "sweep",
         "--spool", str(spool), "--watch", "1s", "--ask-again", "1s"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(2):
            cluster.sql(age, OWNER)
            wait_until("the watching sweep asks again",
                       lambda: cluster.sql(renewed, OWNER) == [["t"]], 30)
    finally:
        watching.kill()
        watching.wait()
    cluster.sql(f"UPDATE catalog.ingest_key SET removed_at = NULL WHERE key = '{key}'", OWNER)


def what_is_not_ours_is_passed_on():
    """A note to a pager is no voicemail; who is not ours gets it by another program, or it is
    said."""
    told = work / "passed"
    program = work / "sendmail"
    program.write_text(f"#!/bin/sh\necho \"$@\" >> {told}\ncat >> {told}\n")
    program.chmod(0o755)
    before = count("alice"), waiting("alice")
    note = (f"Date: Wed, 25 Nov 2026 10:00:05 +0000\nFrom: Asterisk PBX <asterisk@pbx1>\n"
            "To: {to}\n\nNew 0:04 long msg in box 1001\nfrom 5550100, on Wednesday\n")
    mailcmd(note.format(to=cluster.address("alice")))
    wait_until("the note", lambda: count("alice") == before[0] + 1, 10)
    assert waiting("alice") == before[1], "a note counts as voicemail"
    option = ("--else", f"{program} -i")
    mailcmd(note.format(to="4930123@sms.invalid"), *option)
    assert told.read_text().splitlines()[0] == "-i 4930123@sms.invalid", told.read_text()
    refused = mailcmd(note.format(to="4930124@sms.invalid"), check=False)
    assert refused.returncode == 65 and "--else" in refused.stderr, refused
    audio = speak("For two of us.", "two")
    both = f"{cluster.address('alice')}>, <x@elsewhere.invalid"
    text = mailcmd_email("1001", 60, audio, both)
    refused = mailcmd(text, check=False)
    assert refused.returncode == 65 and "x@elsewhere.invalid" in refused.stderr, refused
    wait_until("the voicemail", lambda: count("alice") == before[0] + 2, 10)
    again = mailcmd(text, *option)
    assert "before" in again.stdout and "passed on to x@elsewhere.invalid" in again.stdout, again
    assert "-i x@elsewhere.invalid\nDate: " in told.read_text(), told.read_text()
    program.write_text("#!/bin/sh\nexit 1\n")
    failed = mailcmd(text, *option, check=False)
    assert failed.returncode == 75 and "exit 1" in failed.stderr, failed
    assert count("alice") == before[0] + 2


def what_is_wrong_has_its_exit_code():
    audio = speak("Nobody is here.", "nobody")
    text = mailcmd_email("7777", 0, audio, f"nobody@{cluster.domain}")
    refused = mailcmd(text, check=False)
    assert refused.returncode == 65, refused
    assert mailcmd("hello", check=False).returncode == 65
    away = cluster.run("voicemail", "mailcmd", "--socket", "/nonexistent/socket", check=False,
                       stdin=mailcmd_email("1002", 9, audio, cluster.address("bob")))
    assert away.returncode == 75, away
    lay("7777", 0, audio, "1795600999-00000001")
    unknown = sweep(check=False)
    assert unknown.returncode == 65 and "voicemail box add" in unknown.stderr, unknown
    lay("7777", 1, audio, "1795600999-00000002")
    sweep(check=False)
    events = cluster.sql("SELECT subject, detail ->> 'box' FROM directory.event "
                         "WHERE kind = 'voicemail_unrouted'", OWNER)
    assert len(events) == 1 and events[0][1] == "7777@default", events
    # Without an account no recording is read, which may be large and is so in every round.
    recording = spool / "default" / "7777" / "INBOX" / "msg0000.wav"
    recording.unlink()
    os.mkfifo(recording)
    assert "no account" in sweep(check=False).stderr
    shutil.rmtree(spool / "default" / "7777")


def many_that_came_while_all_mail_servers_were_stopped():
    """Swept once each, by two sweepers at once of which one is killed again and again."""
    names = [m["name"] if "name" in m else m["host_name"].split(".")[0]
             for m in cluster.endpoints.mail_servers]
    before = count("alice")
    audio = speak("One of many.", "many")
    for name in names:
        cluster.run("daemon", "stop", name)
    for number in range(MANY):
        lay("1001", 100 + number, audio, f"1795700000-{number:08x}")
    stopped = sweep(check=False)
    assert stopped.returncode == 75 and stopped.stdout.startswith("0 stored, 0 there"), stopped
    command = [cluster.endpoints.program, "--dir", str(cluster.endpoints.directory), "voicemail",
               "sweep", "--spool", str(spool), "--older", "0", "--watch", "1s"]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    whole = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for name in names:
            cluster.run("daemon", "start", name)
        kills = 0

        def all_there():
            nonlocal killed, kills
            have = count("alice") - before
            if kills < 5 and have > kills * MANY // 6:
                killed.send_signal(signal.SIGKILL)
                killed.wait()
                killed = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                          stderr=subprocess.DEVNULL)
                kills += 1
            return have >= MANY

        wait_until("all of them", all_there, 120)
    finally:
        for process in (killed, whole):
            process.kill()
            process.wait()
    assert sweep().stdout.startswith("0 stored")
    assert count("alice") == before + MANY, (count("alice"), before)
    ids = [m["X-Asterisk-VM-Message-ID"] for m in messages("alice")]
    assert sum(i.startswith("1795700000-") for i in ids if i) == MANY
    print(f"  {MANY} swept, {kills} kills", flush=True)


# -- message waiting ------------------------------------------------------------------------------


class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        webhooks.put((time.monotonic(), json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def telephone(sock):
    """Answers each NOTIFY; keeps quiet to the first, which is sent again."""
    first = True
    with contextlib.suppress(OSError):
        while True:
            data, sender = sock.recvfrom(65535)
            head, _, body = data.decode().partition("\r\n\r\n")
            lines = head.split("\r\n")
            fields = dict(line.split(": ", 1) for line in lines[1:])
            if first:
                first = False
                continue
            notifies.put((time.monotonic(), lines[0], fields, body))
            sock.sendto(("SIP/2.0 200 OK\r\n" + "".join(
                f"{name}: {fields[name]}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
                + "Content-Length: 0\r\n\r\n").encode(), sender)


def follow_hook(file):
    """Lines that the hook appends."""
    seen = 0
    while not stop_following.is_set():
        with contextlib.suppress(OSError):
            lines = file.read_text().splitlines()
            for line in lines[seen:]:
                hooks.put((time.monotonic(), line))
            seen = len(lines)
        stop_following.wait(0.02)


stop_following = threading.Event()


def next_of(told, wanted, seconds=10):
    """When `wanted(what was told)` first held."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            last = told.get(timeout=max(0.01, deadline - time.monotonic()))
        except queue.Empty:
            raise AssertionError(f"not told within {seconds} s; last {last}") from None
        if wanted(last):
            return last[0]


def waiting(user="bob"):
    [row] = [r for r in cluster.json("voicemail", "waiting", "show")
             if r["account"] == cluster.address(user)]
    return row["new"], row["old"], row["new_urgent"], row["old_urgent"]


def waiting_messages_are_told_within_two_seconds():
    """By a hook, a webhook and SIP, of a new one, of \\Seen, of a deleted one; each mail server
    watches, one tells."""
    told_file = work / "told"
    away = work / "hook"
    hook = work / "hooks" / "hook"
    hook.write_text(f"#!/bin/sh\n{{ echo \"$*\"; }} >> {told_file}\ncat > {work}/summary\n")
    hook.chmod(0o755)
    work.chmod(0o777)
    shutil.copy(hook, away)
    cluster.run("voicemail", "waiting", "add", "1001", "hook", str(away))
    [row] = wait_until("a hook that may not run", lambda: [
        r for r in cluster.json("voicemail", "waiting", "list") if r["problem"]], 10)
    assert "waiting_hooks" in row["problem"], row
    cluster.run("voicemail", "waiting", "remove", str(row["id"]))
    assert not told_file.exists()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    threading.Thread(target=telephone, args=(sock,), daemon=True).start()
    follower = threading.Thread(target=follow_hook, args=(told_file,), daemon=True)
    follower.start()
    new, old, new_urgent, old_urgent = waiting()
    cluster.run("voicemail", "waiting", "add", "1002", "hook", str(hook))
    cluster.run("voicemail", "waiting", "add", "1002@default", "webhook",
                f"http://127.0.0.1:{server.server_port}/mwi")
    cluster.run("voicemail", "waiting", "add", "all", "sip",
                f"sip:{{mailbox}}@127.0.0.1:{sock.getsockname()[1]}")

    def is_hook(wanted):
        return lambda told: told[1] == f"1002@default {wanted[0]} {wanted[1]} {wanted[2]}"

    def is_webhook(wanted):
        return lambda told: (told[1]["mailbox"] == "1002" and
                             (told[1]["new"], told[1]["old"], told[1]["new_urgent"]) == wanted)

    def is_notify(wanted):
        voice = f"Voice-Message: {wanted[0]}/{wanted[1]} ({wanted[2]}/"
        return lambda told: "sip:1002@" in told[1] and voice in told[3]

    def all_told(wanted, since=None, cause=None):
        times = [next_of(hooks, is_hook(wanted)),
                 next_of(webhooks, lambda told: is_webhook(wanted)(told) and
                         told[1]["cause"] == (cause or told[1]["cause"])),
                 next_of(notifies, is_notify(wanted))]
        if since is not None:
            took = [f"{t - since:.2f}" for t in times]
            print(f"  {wanted}: hook, webhook, SIP after {', '.join(took)} s", flush=True)
            assert max(times) - since <= TOLD_SECONDS, took

    all_told((new, old, new_urgent), cause="state")  # a new subscriber is told how things are
    assert (work / "summary").read_bytes().startswith(b"Messages-Waiting: yes\r\n")
    lay("1002", 30, speak("News.", "news"), "1795601000-00000001")
    sweep()  # everything is handed in again, this one behind the others
    all_told((new + 1, old, new_urgent), time.monotonic(), "new")
    with imap("bob", 1) as session:
        session.select("INBOX")
        [unseen] = session.search(None, "UNSEEN", "HEADER", "X-Asterisk-VM-Message-ID",
                                  "1795601000-00000001")[1]
        started = time.monotonic()
        session.store(unseen.decode(), "+FLAGS", "\\Seen")
        all_told((new, old + 1, new_urgent), started, "seen")
        started = time.monotonic()
        session.store(unseen.decode(), "+FLAGS", "\\Deleted")
        session.expunge()
        all_told((new, old, new_urgent), started, "deleted")
    # Nothing is told twice: other mail changes nothing, and a restart remembers what was noted.
    wait_until("what was told is noted", lambda: cluster.sql(
        "SELECT count(*) FROM directory.message_waiting_state WHERE claimed_by IS NOT NULL",
        OWNER) == [["0"]], 10)
    old_pids = {}
    for daemon in ("mail1", "mail2", "mail3"):
        old_pids[daemon] = cluster.kill(daemon)
    for daemon, pid in old_pids.items():
        cluster.wait_restarted(daemon, pid)
    with imap("bob") as session:
        session.append("INBOX", None, None, b"Subject: mail\r\n\r\nhello\r\n")
        session.append("INBOX", "(\\Flagged)", None, b"Subject: mail\r\n\r\nhello\r\n")
    lay("1002", 31, speak("More news.", "more"), "1795601001-00000001")
    # A mail server that has just started has not seen its storage servers yet: later, it says.
    wait_until("it is swept", lambda: sweep(check=False).returncode == 0, 30, 0.2)
    all_told((new + 1, old, new_urgent))
    assert hooks.empty() and webhooks.empty(), (list(hooks.queue), list(webhooks.queue))
    rows = cluster.json("voicemail", "waiting", "list")
    assert [r["method"] for r in rows] == ["hook", "webhook", "sip"], rows
    for row in rows:
        cluster.run("voicemail", "waiting", "remove", str(row["id"]))
    stop_following.set()
    server.shutdown()
    sock.close()


def with_cluster():
    global cluster, spool, work
    with tempfile.TemporaryDirectory(prefix="voicemail-test-") as place:
        work = pathlib.Path(place)
        spool = work / "spool" / "voicemail"
        spool.mkdir(parents=True)
        (work / "hooks").mkdir()
        with Cluster(settings={"waiting_hooks": work / "hooks"}) as cluster:
            main([boxes_are_named,
                  a_message_is_swept_once,
                  formats_of_asterisk_are_measured,
                  renumbered_and_moved_it_is_the_same,
                  a_locked_folder_waits,
                  mailcmd_and_sweep_of_one_message_give_one,
                  what_was_heard_on_the_telephone_is_not_new,
                  what_lies_in_the_spool_is_asked_for_now_and_then,
                  what_is_not_ours_is_passed_on,
                  what_is_wrong_has_its_exit_code,
                  many_that_came_while_all_mail_servers_were_stopped,
                  waiting_messages_are_told_within_two_seconds])


if __name__ == "__main__":
    with_cluster()
