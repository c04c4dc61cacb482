#!/usr/bin/env python3
"""All mail agents are stopped for ten minutes, by a clock that the test moves, while 500 faxes come
to a HylaFAX and 500 voicemails to an Asterisk. Their hooks fail; sweepers bring what waits, and are
killed again and again. Afterwards all are there, none twice, each with two equal copies, on each
access server."""

import collections
import concurrent.futures
import email
import email.policy
import hashlib
import imaplib
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import wave

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import asterisk  # noqa: E402
import hylafax  # noqa: E402
from cluster import Cluster, main, wait_until  # noqa: E402
from fake_clock import fake_clock  # noqa: E402

MINUTES = 10
EACH_MINUTE = 50  # faxes, and voicemails
MANY = MINUTES * EACH_MINUTE
KILLS = 5
BOXES = [str(1001 + minute) for minute in range(MINUTES)]
FAX_PARTS = ("image/tiff",)
VOICE_PARTS = ("audio/x-wav",)


class Recordings:
    """Voicemails: a voice by espeak-ng, each with a last sample of its own."""

    def __init__(self, directory):
        raw, voice = directory / "raw.wav", directory / "voice.wav"
        subprocess.run(["espeak-ng", "-w", raw, "Please call back."], check=True, timeout=60)
        subprocess.run(["sox", raw, "-r", "8000", "-b", "16", "-c", "1", voice], check=True,
                       timeout=60)
        with wave.open(str(voice)) as opened:
            self._voice = opened.readframes(opened.getnframes())
        self._file = directory / "one.wav"

    def make(self, number):
        with wave.open(str(self._file), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(self._voice + number.to_bytes(2, "little"))
        return self._file


class Outage:
    """What came while nobody was there to take it."""

    def __init__(self, cluster, directory):
        self.cluster = cluster
        self.fax_spool = hylafax.Spool(cluster, directory)
        self.voice_spool = directory / "voicemail"
        self.voice_spool.mkdir()
        self.recordings = Recordings(directory)
        self.tiff = directory / "fax.tif"
        hylafax.draw_tiff(self.tiff, 1)
        self.faxes, self.voicemails = set(), set()

    @staticmethod
    def comes(what, numbers):
        for number in numbers:
            what(number)

    def fax_comes(self, number):
        hylafax.tag_tiff(self.tiff, number)
        said = self.fax_spool.receive(number, self.tiff)
        assert "handed in" not in said, said
        self.faxes.add(digest(self.tiff.read_bytes()))

    def voicemail_comes(self, number):
        box = BOXES[number // EACH_MINUTE]
        audio = self.recordings.make(number)
        asterisk.lay(self.voice_spool, box, number, audio, f"1795700000-{number:08x}")
        self.voicemails.add(digest(audio.read_bytes()))
        mailcmd = self.cluster.run(
            "voicemail", "mailcmd", "--spool", str(self.voice_spool), check=False,
            stdin=asterisk.mailcmd_email(box, number, audio, self.cluster.address("bob")))
        assert mailcmd.returncode == 75, mailcmd

    def sweep_voicemails(self, check=True):
        return self.cluster.run("voicemail", "sweep", "--spool", str(self.voice_spool), "--older",
                                "0", check=check)

    def sweepers(self):
        program = [self.cluster.endpoints.program, "--dir", str(self.cluster.directory)]
        return (
            [*program, "fax", "sweep", "--spool", str(self.fax_spool.path), "--state",
             str(self.fax_spool.path / "sweeper"), *self.fax_spool.sockets(), "--domain",
             hylafax.FAX_DOMAIN, "--watch", "200ms"],
            [*program, "voicemail", "sweep", "--spool", str(self.voice_spool), "--older", "0",
             "--watch", "1s"])


def digest(octets):
    return hashlib.sha256(octets).hexdigest()


def start(command):
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def swept_under_kills(cluster, outage):
    """A sweeper of faxes, of which there can be one for a queue, and two of voicemails; the first
    of each is killed whenever a part more is there."""
    fax, voicemail = outage.sweepers()
    running = [start(command) for command in (fax, voicemail, voicemail)]
    try:
        for kills in range(1, KILLS + 1):
            wait_until(f"part {kills} of what came", lambda part=kills: catalogued(cluster) >=
                       part * 2 * MANY // (KILLS + 1), 300, 0.2)
            for place, command in enumerate((fax, voicemail)):
                running[place].send_signal(signal.SIGKILL)
                running[place].wait()
                running[place] = start(command)
        wait_until("all of it", lambda: catalogued(cluster) >= 2 * MANY, 300, 0.2)
    finally:
        for process in running:
            process.kill()
            process.wait()
    said = outage.fax_spool.sweep().stdout
    assert "handed in 0," in said and "to be tried again 0, refused 0" in said, said
    assert outage.sweep_voicemails().stdout.startswith("0 stored")


def catalogued(cluster):
    return sum(int(row[0]) for row in cluster.sql(
        "SELECT messages FROM report.messages_by_kind WHERE kind <> 'email'"))


def parts_over_imap(cluster, server, user, types):
    """Digest of the recording or the TIFF of each message, and how many have it."""
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=60)
    imap.login(cluster.address(user), cluster.password)
    imap.select("INBOX", readonly=True)
    found = collections.Counter()
    for item in imap.fetch("1:*", "(BODY.PEEK[])")[1]:
        if isinstance(item, tuple):
            message = email.message_from_bytes(item[1], policy=email.policy.default)
            found.update(digest(part.get_payload(decode=True)) for part in message.walk()
                         if part.get_content_type() in types)
    imap.logout()
    return found


def each_has_two_equal_copies(cluster):
    rows = cluster.sql("SELECT message_id, count(*), count(DISTINCT storage_server) "
                       "FROM report.message_copy WHERE state = 'active' GROUP BY 1")
    assert len(rows) == 2 * MANY, len(rows)
    for identity, count, servers in rows:
        assert (count, servers) == ("2", "2"), (identity, count, servers)
        first, second = cluster.copies(identity)
        assert first == second, identity


def ten_minutes_without_mail_agents_lose_and_double_nothing():
    with fake_clock() as clock, Cluster(environment=clock.environment) as cluster, \
            tempfile.TemporaryDirectory() as directory:
        cluster.run("fax", "route", "add", "*", cluster.address("alice"))
        for box in BOXES:
            cluster.run("voicemail", "box", "add", f"{box}@default", cluster.address("bob"))
        outage = Outage(cluster, pathlib.Path(directory))
        agents = [server["name"] for server in cluster.endpoints.mail_servers]
        began = time.time()
        for name in agents:
            cluster.run("daemon", "stop", name)
        for minute in range(MINUTES):
            numbers = range(minute * EACH_MINUTE, (minute + 1) * EACH_MINUTE)
            with concurrent.futures.ThreadPoolExecutor(2) as lines:
                done = [lines.submit(outage.comes, outage.fax_comes, numbers),
                        lines.submit(outage.comes, outage.voicemail_comes, numbers)]
            for each in done:
                each.result()
            assert outage.fax_spool.sweep(check=False).returncode == 75
            assert outage.sweep_voicemails(check=False).returncode == 75
            clock.forward(60)
        assert catalogued(cluster) == 0
        for name in agents:
            cluster.run("daemon", "start", name)
        cluster.wait_ready()
        swept_under_kills(cluster, outage)
        assert cluster.sql("SELECT kind, messages FROM report.messages_by_kind "
                           "WHERE messages > 0 ORDER BY 1") == [
            ["fax", str(MANY)], ["voicemail", str(MANY)]]
        each_has_two_equal_copies(cluster)
        first = float(cluster.sql("SELECT extract(epoch FROM min(received_at)) "
                                  "FROM report.message_copy")[0][0])
        assert first >= began + 60 * MINUTES, "taken ten minutes later, by the agents' clocks"
        for server in cluster.endpoints.access_servers:
            assert parts_over_imap(cluster, server, "alice", FAX_PARTS) == collections.Counter(
                outage.faxes), "each fax once"
            assert parts_over_imap(cluster, server, "bob", VOICE_PARTS) == collections.Counter(
                outage.voicemails), "each voicemail once"


if __name__ == "__main__":
    main([ten_minutes_without_mail_agents_lose_and_double_nothing])
