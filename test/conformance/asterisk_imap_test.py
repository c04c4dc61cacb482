#!/usr/bin/env python3
"""Asterisk's IMAP voicemail storage against a cluster: the calls of app_voicemail, in its order, by
the library that it makes them with (c-client). asterisk_imap_client.c is compiled for it."""

import base64
import contextlib
import imaplib
import os
import pathlib
import subprocess
import sys
import tempfile

TEST = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TEST / "support"))
from cluster import Cluster, main  # noqa: E402

CONTEXT, EXTENSION = "default", "1234"
cluster = None
client_program = None
directory = None


def tool(*arguments):
    subprocess.run([str(a) for a in arguments], check=True, capture_output=True, timeout=60)


class Answer:
    """What one call brought: ok, lines by their first word, and octets."""

    def __init__(self, ok, lines, octets):
        self.ok = ok
        self.lines = lines
        self.octets = octets

    def all(self, name):
        return [line.split(" ", 1)[1] for line in self.lines if line.startswith(name + " ")]

    def numbers(self):
        return [int(number) for number in self.all("found")]


class AsteriskClient:
    """One process of the client program, with one mail stream, as one vm_state has."""

    def __init__(self, user, server=0):
        access = cluster.endpoints.access_servers[server]
        self.server = f"{{{access['address']}:{access['imap_port']}/imap/notls/user={user}}}"
        self.process = subprocess.Popen([client_program], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE,
                                        env={**os.environ, "IMAP_PASSWORD": cluster.password})

    def call(self, *words, ok=True):
        self.process.stdin.write("\t".join(words).encode() + b"\n")
        self.process.stdin.flush()
        lines, octets = [], None
        while True:
            line = self.process.stdout.readline().decode("utf-8", "replace").rstrip("\n")
            assert self.process.poll() is None, (words, lines)
            if line.startswith("octets "):
                octets = self.process.stdout.read(int(line.split()[1]))
                self.process.stdout.readline()
            elif line in ("ok", "failed"):
                answer = Answer(line == "ok", lines, octets)
                assert answer.ok == ok, (words, lines)
                assert not answer.all("fatal"), (words, lines)
                # Without TLS the library warns of passwords in the clear; loopback may have them.
                warnings = [text for text in answer.all("warning") if "AUTH=PLAIN" not in text]
                if ok:
                    assert not answer.all("error") and not warnings, (words, lines)
                return answer
            else:
                lines.append(line)

    def open(self, mailbox):
        return self.call("open", self.server + mailbox)

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait(10)


@contextlib.contextmanager
def asterisk(user="alice", server=0):
    client = AsteriskClient(cluster.address(user), server)
    try:
        yield client
    finally:
        client.close()


def recording(name, seconds):
    """A WAV as Asterisk records it: 8000 Hz, 16 bit, mono."""
    file = directory / f"{name}.wav"
    tool("sox", "-n", "-r", "8000", "-b", "16", "-c", "1", file, "synth", seconds, "sine", "440")
    return file.read_bytes()


def as_app_voicemail_writes(number, audio, flag="", caller="5550100",
                            message_id="1795600800-00000001"):
    """The message of make_email_file() with imap=1: CRLF, its header fields in its order."""
    boundary = f"----voicemail_{number + 1}{EXTENSION}4711123456"
    encoded = base64.encodebytes(audio).decode().replace("\n", "\r\n")
    fields = [
        "Date: Wed, 25 Nov 2026 10:00:00 +0000", 'From: "Asterisk PBX" <asterisk@pbx1>',
        f'To: "Alice" <{cluster.address("alice")}>',
        f"Subject: [PBX]: New message {number + 1} in mailbox {EXTENSION}",
        f"Message-ID: <Asterisk-{number + 1}-123456-{EXTENSION}-4711@pbx1>",
        f"X-Asterisk-VM-Message-Num: {number + 1}", "X-Asterisk-VM-Server-Name: Asterisk PBX",
        f"X-Asterisk-VM-Context: {CONTEXT}", f"X-Asterisk-VM-Extension: {EXTENSION}",
        f"X-Asterisk-VM-Flag: {flag}", "X-Asterisk-VM-Priority: 2",
        "X-Asterisk-VM-Caller-channel: SIP/trunk-1", f"X-Asterisk-VM-Caller-ID-Num: {caller}",
        "X-Asterisk-VM-Caller-ID-Name: Anna Lee", "X-Asterisk-VM-Duration: 2",
        "X-Asterisk-VM-Category: ", "X-Asterisk-VM-Message-Type: Message",
        "X-Asterisk-VM-Orig-date: Wednesday, November 25, 2026 at 10:00:00 AM",
        "X-Asterisk-VM-Orig-time: 1795600800", f"X-Asterisk-VM-Message-ID: {message_id}",
        f"X-Asterisk-CallerID: {caller}", "X-Asterisk-CallerIDName: Anna Lee", "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed; boundary="{boundary}"',
    ]
    name = f"msg{number:04d}.wav"
    return ("\r\n".join(fields) + "\r\n\r\n\r\nThis is a multi-part message in MIME format.\r\n\r\n"
            f"--{boundary}\r\nContent-Type: text/plain; charset=ISO-8859-1\r\n"
            "Content-Transfer-Encoding: 8bit\r\n\r\nDear Alice:\r\n\r\n"
            f"--{boundary}\r\nContent-Type: audio/x-wav; name=\"{name}\"\r\n"
            "Content-Transfer-Encoding: base64\r\n"
            "Content-Description: Voicemail sound attachment.\r\n"
            f"Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n"
            f"{encoded}\r\n\r\n--{boundary}--\r\n.\r\n").encode()


def field(header, name):
    """As get_header_by_tag() reads it: the first place, one octet behind the colon, to the CR."""
    tag = name + ":"
    start = header.index(tag.encode()) + len(tag) + 1
    return header[start:].split(b"\r")[0].split(b"\n")[0].decode()


def counts(client):
    """new, old, urgent, as inboxcount2() asks."""
    return tuple(len(client.call("count", EXTENSION, CONTEXT, seen, flagged).numbers())
                 for seen, flagged in (("unseen", "unflagged"), ("seen", "any"),
                                       ("unseen", "flagged")))


def leave(client, number, audio, flags="-", **options):
    """imap_store_file(): quota, counts, then APPEND of the whole message with its flag."""
    file = directory / f"append{number}"
    file.write_bytes(as_app_voicemail_writes(number, audio, **options))
    client.call("append", client.server + "INBOX", flags, str(file))


# -- tests ----------------------------------------------------------------------------------------


def an_empty_mailbox_is_opened_and_counted():
    with asterisk() as client:
        client.open("INBOX")  # init_mailstream(): the delimiter first
        listed = client.call("list", client.server.split("/")[0] + "}").all("list")
        assert any(line.startswith("/ ") and line.endswith("INBOX") for line in listed), listed
        assert counts(client) == (0, 0, 0)


def the_quota_is_asked_for_and_nothing_breaks():
    """check_quota(): a server without QUOTA is told apart by its CAPABILITY, and one with it
    answers; in neither case may the session end."""
    with asterisk() as client:
        client.open("INBOX")
        client.process.stdin.write(b"quota\tINBOX\n")
        client.process.stdin.flush()
        lines = []
        while not lines or lines[-1] not in ("ok", "failed"):
            lines.append(client.process.stdout.readline().decode().strip())
        assert not any(line.startswith("fatal") for line in lines), lines
        client.call("ping")
        assert counts(client) == (0, 0, 0)
    # Asked without looking at CAPABILITY: refused by name, and the session goes on.
    access = cluster.endpoints.access_servers[0]
    with imaplib.IMAP4(access["address"], access["imap_port"]) as imap:
        imap.login(cluster.address("alice"), cluster.password)
        if "QUOTA" not in imap.capabilities:
            try:
                answer = imap.getquotaroot("INBOX")[0]
            except imaplib.IMAP4.error as error:
                answer = str(error)
            assert "OK" not in answer.split(), answer
        assert imap.noop()[0] == "OK"


def a_caller_leaves_messages():
    with asterisk() as client:
        client.open("INBOX")
        leave(client, 0, recording("first", 2), message_id="1795600800-00000001")
        leave(client, 1, recording("second", 3), message_id="1795600800-00000002")
        leave(client, 2, recording("urgent", 1), "\\FLAGGED", flag="Urgent",
              message_id="1795600800-00000003")
        client.call("ping")
        assert counts(client) == (2, 0, 1), counts(client)
    # Not Asterisk's, and not to be counted.
    access = cluster.endpoints.access_servers[0]
    with imaplib.IMAP4(access["address"], access["imap_port"]) as imap:
        imap.login(cluster.address("alice"), cluster.password)
        assert imap.append("INBOX", None, None, b"Subject: mail\r\n\r\nhello\r\n")[0] == "OK"
    with asterisk(server=1) as client:  # any access server
        client.open("INBOX")
        assert counts(client) == (2, 0, 1), counts(client)
        assert client.call("count", "1235", CONTEXT, "unseen", "any").numbers() == []
        assert client.call("count", EXTENSION, "other", "unseen", "any").numbers() == []


def a_user_listens():
    """imap_retrieve_file(): header, structure, recording; then the next one; then what is heard is
    old."""
    with asterisk() as client:
        client.open("INBOX")
        numbers = client.call("count", EXTENSION, CONTEXT, "unseen", "unflagged").numbers()
        assert len(numbers) == 2, numbers
        for number, name, length in zip(numbers, ("first", "second"), (2, 3)):
            header = client.call("header", str(number)).octets
            assert field(header, "X-Asterisk-VM-Caller-ID-Num") == "5550100"
            assert field(header, "X-Asterisk-VM-Caller-ID-Name") == "Anna Lee"
            assert field(header, "X-Asterisk-VM-Context") == CONTEXT
            assert field(header, "X-Asterisk-VM-Orig-time") == "1795600800"
            assert field(header, "X-Asterisk-VM-Category") == ""
            assert field(header, "X-Asterisk-VM-Flag") == ""
            recorded = client.call("structure", str(number)).all("recording")
            assert recorded == [f"msg{number - 1:04d}.wav X-WAV"], recorded
            body = client.call("body", str(number), "2").octets
            assert body == (directory / f"{name}.wav").read_bytes(), (len(body), length)
            # There is no introduction: section 3 is asked for, and there is none.
            client.call("body", str(number), "3", ok=False)
        # FETCH of a body sets \Seen: what was listened to is old.
        assert counts(client) == (0, 2, 1), counts(client)


def a_message_is_saved_to_a_folder():
    with asterisk() as client:
        client.open("INBOX")
        client.call("create", client.server + "Work")
        number = client.call("count", EXTENSION, CONTEXT, "seen", "any").numbers()[0]
        client.call("copy", str(number), "Work")
        client.call("set", str(number), "\\DELETED")
        # vm_imap_delete(): deleted, then expunged.
        assert client.call("expunge").all("expunged"), "nothing was expunged"
        assert counts(client) == (0, 1, 1), counts(client)
        status = client.call("status", client.server + "Work").all("status")
        assert status == ["1 0"], status
        client.open("Work")
        assert len(client.call("count", EXTENSION, CONTEXT, "seen", "any").numbers()) == 1
        client.open("INBOX")
        assert counts(client) == (0, 1, 1), counts(client)


def flags_are_seen_by_the_other_session():
    """mm_flags and mm_exists make Asterisk count again: what one session does, NOOP tells the
    other."""
    with asterisk(server=0) as one, asterisk(server=1) as other:
        one.open("INBOX")
        other.open("INBOX")
        assert counts(other) == (0, 1, 1)
        urgent = one.call("count", EXTENSION, CONTEXT, "unseen", "flagged").numbers()[0]
        one.call("set", str(urgent), "\\SEEN")
        changed = []
        for _ in range(100):
            changed += other.call("ping").all("flags")
            if changed:
                break
        assert changed, "the other session was not told"
        assert counts(other) == (0, 2, 0), counts(other)
        leave(one, 3, recording("fourth", 1), message_id="1795600800-00000004")
        seen = []
        for _ in range(100):
            seen += other.call("ping").all("exists")
            if seen:
                break
        assert seen, "the other session was not told of a new message"
        assert counts(other) == (1, 2, 0), counts(other)


def what_asterisk_appends_is_voicemail():
    """Kind, attributes, and the counts of message waiting: as of what came by other ways."""
    rows = cluster.sql("SELECT v.called, v.caller, v.caller_name, v.duration_s, v.urgent "
                       "FROM catalog.voicemail v ORDER BY v.message_id", "roundtable")
    assert rows == [["1234", "5550100", "Anna Lee", "2", urgent] for urgent in "fftf"], rows
    cluster.run("voicemail", "box", "add", f"{EXTENSION}@{CONTEXT}", cluster.address("alice"))
    [row] = cluster.json("voicemail", "waiting", "show")
    # The one that was saved in Work counts, too; the urgent one was heard.
    assert (row["new"], row["old"], row["new_urgent"], row["old_urgent"]) == (1, 3, 0, 1), row


def what_was_swept_is_found_and_played():
    """A message of the spool of another Asterisk: composed here, read by this one."""
    folder = directory / "spool" / CONTEXT / EXTENSION / "INBOX"
    folder.mkdir(parents=True)
    (folder / "msg0006.wav").write_bytes(recording("swept", 4))
    (folder / "msg0006.txt").write_text(
        '[message]\norigmailbox=1234\ncallerid="X-Asterisk-VM-Context: evil" <5550177>\n'
        "origtime=1795600850\ncategory=\nmsg_id=1795600850-00000001\nflag=\nduration=9\n")
    cluster.run("voicemail", "sweep", "--spool", str(directory / "spool"), "--older", "0")
    with asterisk() as client:
        client.open("INBOX")
        numbers = client.call("count", EXTENSION, CONTEXT, "unseen", "unflagged").numbers()
        assert len(numbers) == 2, numbers
        header = client.call("header", str(numbers[-1])).octets
        assert field(header, "X-Asterisk-VM-Context") == CONTEXT, header
        assert field(header, "X-Asterisk-VM-Caller-ID-Num") == "5550177", header
        assert field(header, "X-Asterisk-VM-Category") == "", header
        assert field(header, "X-Asterisk-VM-Duration") == "4", header
        recorded = client.call("structure", str(numbers[-1])).all("recording")
        assert recorded == ["msg0006.wav X-WAV"], recorded
        body = client.call("body", str(numbers[-1]), "2").octets
        assert body == (directory / "swept.wav").read_bytes(), len(body)


def with_cluster():
    global cluster, client_program, directory
    with tempfile.TemporaryDirectory(prefix="asterisk-imap-") as place:
        directory = pathlib.Path(place)
        client_program = directory / "client"
        tool("cc", "-Wall", "-Wextra", "-Werror", "-o", client_program,
             TEST / "conformance" / "asterisk_imap_client.c", "-lc-client")
        with Cluster() as cluster:
            main([an_empty_mailbox_is_opened_and_counted,
                  the_quota_is_asked_for_and_nothing_breaks,
                  a_caller_leaves_messages,
                  a_user_listens,
                  a_message_is_saved_to_a_folder,
                  flags_are_seen_by_the_other_session,
                  what_asterisk_appends_is_voicemail,
                  what_was_swept_is_found_and_played])


if __name__ == "__main__":
    with_cluster()
