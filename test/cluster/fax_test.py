#!/usr/bin/env python3
"""Faxes through a whole cluster with HylaFAX's own programs. Received ones: its bin/faxrcvd calls
our FaxDispatch with TIFFs that ghostscript makes; 50 come while all mail servers are stopped, and
the sweeper brings each once after the start. Sent ones: sendfax, hfaxd, faxq and bin/notify as they
are, as the user uucp in a spool of the test's own; only faxsend, which needs a modem, is a
script."""

import hashlib
import imaplib
import pathlib
import re
import smtplib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, main, wait_until  # noqa: E402
from hylafax import (FAX_DOMAIN, HylaFax, Spool, inbox, make_tiff, outgoing,  # noqa: E402
                     report_of)

OWNER = "roundtable"
LOST = 50  # faxes that come while no mail server runs


def parts_of(message):
    return {part.get_content_type(): part for part in message.walk()
            if not part.is_multipart()}


def check_fax(message, tiff, directory):
    """Text, a PDF that foreign programs read, and the TIFF octet for octet."""
    parts = parts_of(message)
    assert message["Message-Context"] == "fax-message"
    assert parts["image/tiff"].get_payload(decode=True) == tiff.read_bytes()
    assert parts["image/tiff"].get_param("application") == "faxbw"
    pdf = pathlib.Path(directory) / "fax.pdf"
    pdf.write_bytes(parts["application/pdf"].get_payload(decode=True))
    info = subprocess.run(["pdfinfo", pdf], capture_output=True, text=True, check=True).stdout
    assert re.search(r"^Pages: +2$", info, re.M), info
    drawn = subprocess.run(["gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=bbox", pdf],
                           capture_output=True, text=True, check=True).stderr
    assert drawn.count("%%BoundingBox") == 2, drawn
    assert "%%BoundingBox: 0 0 0 0" not in drawn, "a page of the PDF is empty"
    return parts["text/plain"].get_content()


def received_faxes_arrive_once_each():
    with Cluster() as cluster, tempfile.TemporaryDirectory() as directory:
        cluster.run("fax", "route", "add", "*", cluster.address("bob"))
        cluster.run("fax", "route", "add", "+49 40 *", cluster.address("alice"))
        spool = Spool(cluster, directory)
        for number, (device, resolution) in enumerate(
                [("tiffg4", "204x196"), ("tiffg3", "204x98")], 1):
            tiff = pathlib.Path(directory) / f"{device}.tif"
            make_tiff(tiff, number, device, resolution)
            said = spool.receive(number, tiff, "--dir=/tmp/x" if number == 2 else None)
            assert "handed in: 2 pages, 0 damaged" in said, said
        messages = inbox(cluster, "alice")
        assert len(messages) == 2, len(messages)
        text = check_fax(messages[0], pathlib.Path(directory) / "tiffg4.tif", directory)
        for line in ("Called number:  +4940123456", "Caller:         +493090001",
                     "Pages:          2", "Damaged pages:  none",
                     "Duration:       1:01 minutes", "Device:         ttyS0"):
            assert line in text, text
        check_fax(messages[1], pathlib.Path(directory) / "tiffg3.tif", directory)
        assert not spool.mails.exists(), "HylaFAX mailed by itself"
        rows = cluster.sql("SELECT called, caller, pages, damaged_pages, duration_s "
                           "FROM report.fax")
        assert ["+4940123456", "+493090001", "2", "0", "61"] in rows, rows
        # Hook again, then the sweeper with an empty memory: nothing is delivered twice.
        spool.receive(1, pathlib.Path(directory) / "tiffg4.tif")
        said = spool.sweep().stdout
        assert "handed in 0, known before 2" in said, said
        assert len(inbox(cluster, "alice")) == 2
        faxes_lost_by_the_hook_come_by_the_sweeper(cluster, spool, directory)
        a_damaged_file_comes_as_it_is(cluster, spool, directory)
        nobodys_fax_waits_for_a_route(cluster, spool, directory)


def faxes_lost_by_the_hook_come_by_the_sweeper(cluster, spool, directory):
    mails = [server["name"] for server in cluster.endpoints.mail_servers]
    for name in mails:
        cluster.run("daemon", "stop", name)
    tiff = pathlib.Path(directory) / "many.tif"
    digests = set()
    for number in range(100, 100 + LOST):
        make_tiff(tiff, number)
        digests.add(hashlib.sha256(tiff.read_bytes()).hexdigest())
        said = spool.receive(number, tiff)
        assert "handed in" not in said, said
    assert len(digests) == LOST
    result = spool.sweep(check=False)
    assert result.returncode == 75, result
    for name in mails:
        cluster.run("daemon", "start", name)
    cluster.wait_ready()
    # The sweeper is killed again and again while it brings them.
    command = [cluster.endpoints.program, "--dir", str(cluster.directory), "fax", "sweep",
               "--spool", str(spool.path), "--state", str(spool.path / "sweeper"),
               *spool.sockets(), "--domain", FAX_DOMAIN, "--watch", "200ms"]
    for _ in range(5):
        before = len(inbox(cluster, "alice"))
        sweeper = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            wait_until("some faxes more",
                       lambda: len(inbox(cluster, "alice")) >= min(before + 5, 2 + LOST), 120)
        finally:
            sweeper.kill()
            sweeper.wait()
    sweeper = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until("all faxes", lambda: len(inbox(cluster, "alice")) >= 2 + LOST, 300)
    finally:
        sweeper.kill()
        sweeper.wait()
    said = spool.sweep().stdout
    assert "handed in 0," in said and "to be tried again 0, refused 0" in said, said
    messages = inbox(cluster, "alice")
    assert len(messages) == 2 + LOST, len(messages)
    seen = [hashlib.sha256(parts_of(m)["image/tiff"].get_payload(decode=True)).hexdigest()
            for m in messages[2:]]
    assert sorted(seen) == sorted(digests), "each fax once, octet for octet"


def a_damaged_file_comes_as_it_is(cluster, spool, directory):
    tiff = pathlib.Path(directory) / "cut.tif"
    make_tiff(tiff, 200)
    octets = tiff.read_bytes()
    tiff.write_bytes(octets[:1200])
    count = len(inbox(cluster, "alice"))
    said = spool.receive(200, tiff)
    assert "handed in: 0 pages, 1 damaged" in said, said
    message = wait_until("the damaged fax",
                         lambda: (inbox(cluster, "alice")[count:] or [None])[0])
    parts = parts_of(message)
    kind = "image/tiff" if "image/tiff" in parts else "application/octet-stream"
    assert parts[kind].get_payload(decode=True) == octets[:1200]
    assert "damaged" in message["Subject"], message["Subject"]
    assert "amaged" in parts["text/plain"].get_content()


def nobodys_fax_waits_for_a_route(cluster, spool, directory):
    spool.sweep()  # it knows of all others
    cluster.run("fax", "route", "remove", "*")
    cluster.run("fax", "route", "remove", "+4940*")
    tiff = pathlib.Path(directory) / "nobody.tif"
    make_tiff(tiff, 300)
    count = len(inbox(cluster, "bob"))
    spool.receive(300, tiff)
    assert spool.sweep(check=False).returncode == 75
    events = cluster.sql("SELECT count(*) FROM directory.event WHERE kind = 'fax_unrouted'",
                         "roundtable_operator")
    assert events == [["1"]], events
    cluster.run("fax", "route", "add", "*", cluster.address("bob"), "--sender", "+49309*")
    assert "handed in 1," in spool.sweep().stdout
    assert len(inbox(cluster, "bob")) == count + 1


def faxes_are_sent_and_reported_once():
    with Cluster(users=("alice", "bob", "faxqueue")) as cluster, \
            tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory).chmod(0o755)
        cluster.run("domain", "add", FAX_DOMAIN)
        cluster.run("fax", "domain", "add", FAX_DOMAIN, cluster.address("faxqueue"))
        cluster.run("fax", "sender", "allow", cluster.address("alice"), "+4930*")
        # Where received faxes go is of no matter for those to be sent.
        cluster.run("account", "set", cluster.address("faxqueue"), "--fax-folder", "Fax")
        spool = Spool(cluster, directory)
        hylafax = HylaFax(spool)
        try:
            send_and_report(cluster, spool, hylafax, pathlib.Path(directory))
        finally:
            hylafax.stop()


def send_and_report(cluster, spool, hylafax, directory):
    def send(sender, number, text, check=True):
        return cluster.run("fax", "send", "--from", cluster.address(sender), *spool.sockets(), "--",
                           f"{number}@{FAX_DOMAIN}", stdin=text, check=check)

    tiff = directory / "page.tif"
    make_tiff(tiff, 1)
    # Nobody who is not allowed, to no number that is not allowed, and not by SMTP.
    for sender, number in (("bob", "+4930901820"), ("alice", "+4940123")):
        result = send(sender, number, outgoing("no"), check=False)
        assert result.returncode == 65 and "may not send" in result.stderr, result
    # Of two recipients one is refused: whoever handed it in bounces for both, so none is taken.
    result = cluster.run("fax", "send", "--from", cluster.address("alice"), *spool.sockets(), "--",
                         f"+4930901820@{FAX_DOMAIN}", f"+4940123@{FAX_DOMAIN}",
                         stdin=outgoing("two"), check=False)
    assert result.returncode == 65 and "may not send" in result.stderr, result
    assert cluster.sql("SELECT count(*) FROM report.fax_job") == [["0"]], "nothing was taken"
    # A database that lets us not in, or not do it, is no reason to bounce.
    a_wrong_login_is_no_refusal(cluster, spool)

    def refused_for_good():
        with smtplib.SMTP(*cluster.best_smtp(), timeout=30) as smtp:
            smtp.ehlo()
            assert smtp.mail(cluster.address("alice"))[0] == 250
            code = smtp.rcpt(f"+4930901820@{FAX_DOMAIN}")[0]
            assert code in (451, 550), code  # 451: the name server has not heard of the domain yet
            return code == 550

    wait_until("550 for a fax number", refused_for_good)
    # A mail to the queue's own address is no fax, whatever mark it carries.
    with smtplib.SMTP(*cluster.best_smtp(), timeout=30) as smtp:
        smtp.sendmail("mallory@client.invalid", [cluster.address("faxqueue")],
                      "X-Fax-Job: fax-out/" + "0" * 64 + "\r\n" + outgoing("forged"))
    send("alice", "+4930901820", outgoing("with a page", tiff=tiff))
    text = outgoing("text only")
    send("alice", "+4930777", text)
    assert "taken before" in send("alice", "+4930777", text).stdout
    send("alice", "+4930999", outgoing("nobody answers"))
    (directory / "password").touch(0o600)
    (directory / "password").write_text(cluster.password + "\n")
    server = cluster.endpoints.access_servers[0]
    queue = ["fax", "send-queue", "--spool", str(spool.path), "--pop3",
             f"{server['address']}:{server['pop3_port']}", "--login", cluster.address("faxqueue"),
             "--password-file", str(directory / "password"), "--fax-server",
             f"127.0.0.1:{hylafax.port}", *spool.sockets()]
    cluster.run(*queue)
    hylafax.wait_over(3)
    # The hook that tells of the end, as HylaFAX calls it, twice; then the runner looks, too.
    done_file = next(path for path in spool.path.glob("doneq/q[0-9]*")
                     if "number:+4930777" in path.read_text())
    for _ in range(2):
        result = subprocess.run(
            ["/bin/bash", "bin/notify", f"doneq/{done_file.name}", "done", "0:42"], cwd=spool.path,
            env=spool.environment(), capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, (result.stdout, result.stderr)
    assert cluster.sql("SELECT state, reported FROM report.fax_job WHERE number = '+4930777'") == [
        ["delivered", "t"]]

    def all_reported():
        cluster.run(*queue, check=False)
        return cluster.sql("SELECT count(*) FROM report.fax_job WHERE NOT reported") == [["0"]]

    wait_until("all reports", all_reported, 120)
    cluster.run(*queue)
    messages = inbox(cluster, "alice")
    done = report_of(messages, "+4930777")
    assert done["action"] == "delivered" and done["status"].startswith("2."), done
    assert done["in-reply-to"] == "<text.only@client.example.test>", done
    assert done["repeated"]["Subject"] == "text only", done
    assert cluster.sql("SELECT count(*) FROM report.fax") == [["0"]], "none was received"
    failed = report_of(messages, "+4930999")
    assert failed["action"] == "failed" and failed["status"].startswith("5."), failed
    assert "No answer from remote" in failed["diagnostic-code"], failed
    assert sorted(hylafax.calls()).count("number:+4930777") == 1, hylafax.calls()
    assert inbox(cluster, "faxqueue") == [], "the queue is empty when all is reported"
    events = cluster.sql("SELECT count(*) FROM directory.event WHERE kind = 'fax_foreign_job'",
                         "roundtable_operator")
    assert events == [["1"]], events
    the_end_counts_and_not_the_age(cluster, spool, hylafax, send, queue)
    a_cleaned_queue_makes_no_second_call(cluster, spool, hylafax, send, queue, 6)
    a_job_without_its_message_has_an_end(cluster, send, queue)


def a_cleaned_queue_makes_no_second_call(cluster, spool, hylafax, send, queue, jobs):
    """The runner died behind sendfax, and faxqclean emptied doneq/ before the next one came."""
    send("alice", "+4930805", outgoing("cleaned"))
    cluster.run(*queue)
    hylafax.wait_over(jobs)
    done_file = next(path for path in spool.path.glob("doneq/q[0-9]*")
                     if "number:+4930805" in path.read_text())
    text = done_file.read_text()
    tag, job = (re.search(f"^{name}:(.*)$", text, re.M).group(1) for name in ("jobtag", "jobid"))
    with (spool.path / "log" / "xferfaxlog").open("a") as log:
        log.write("\t".join(["11/26/26 10:00", "SEND", "000000001", "ttyF0", job, f'"{tag}"',
                             "alice@example.test", '"+4930805"', '""', "0", "1", "0:10", "0:08",
                             '""', '""', '""', '""', '"uucp"', '""']) + "\n")
    done_file.unlink()
    set_job(cluster, "+4930805", "state = 'submitting', reported = false")
    cluster.run(*queue)
    assert cluster.sql("SELECT state, reported FROM report.fax_job WHERE number = '+4930805'") == [
        ["delivered", "t"]]
    assert hylafax.calls().count("number:+4930805") == 1, hylafax.calls()


def a_job_without_its_message_has_an_end(cluster, send, queue):
    """Somebody emptied the queue; and a fax that no mail server takes promises nothing."""
    send("alice", "+4930811", outgoing("removed"))
    server = cluster.endpoints.access_servers[0]
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=60)
    imap.login(cluster.address("faxqueue"), cluster.password)
    imap.select("INBOX")
    imap.store("1:*", "+FLAGS", "\\Deleted")
    imap.expunge()
    imap.logout()
    cluster.run(*queue)
    assert cluster.sql("SELECT state, reported FROM report.fax_job WHERE number = '+4930811'") == [
        ["accepted", "f"]]
    set_job(cluster, "+4930811", "created_at = now() - interval '2 days'")
    cluster.run(*queue)
    assert report_of(inbox(cluster, "alice"), "+4930811")["action"] == "failed"
    cluster.run("block", "add", "--address", cluster.address("alice"), "--reason", "test")
    wait_until("a refusal for good",
               lambda: send("alice", "+4930812", outgoing(f"refused {time.monotonic()}"),
                            check=False).returncode == 65)
    assert ["refused", "t"] in cluster.sql(
        "SELECT state, reported FROM report.fax_job WHERE number = '+4930812'")


def a_wrong_login_is_no_refusal(cluster, spool):
    conninfo = cluster.endpoints.database.split()
    for user in ("nobody_of_this_name", "roundtable_report"):
        database = " ".join([w for w in conninfo if not w.startswith("user=")] + [f"user={user}"])
        result = subprocess.run(
            [cluster.endpoints.program, "--database", database, "fax", "send", "--from",
             cluster.address("alice"), *spool.sockets(), "--", f"+4930901820@{FAX_DOMAIN}"],
            input=outgoing("later"), capture_output=True, text=True, timeout=60)
        assert result.returncode == 75, (user, result)


def set_job(cluster, number, change):
    """Puts the clock of a job back, or makes it another machine's."""
    cluster.sql(f"UPDATE directory.fax_job SET {change} WHERE number = '{number}'", OWNER)


def the_end_counts_and_not_the_age(cluster, spool, hylafax, send, queue):
    """The runner was away for days, and the hook failed: a fax that was sent is told as sent. What
    a dead fax machine took is told of, too."""
    (spool.path / "etc" / "FaxNotify").write_text("exit 1\n")
    for number in ("+4930801", "+4930802"):
        send("alice", number, outgoing(f"late {number}"))
    cluster.run(*queue, "--give-up", "1h")
    kill_times = [int(time_) for path in spool.path.glob("*q/q[0-9]*")
                  if "number:+493080" in (text := path.read_text())
                  for time_ in re.findall("^killtime:([0-9]+)", text, re.M)]
    given_up = cluster.sql("SELECT extract(epoch FROM min(created_at))::bigint + 3600 "
                           "FROM report.fax_job WHERE number LIKE '+493080%'")
    assert len(kill_times) == 2, kill_times
    # HylaFAX counts whole minutes from when it takes the job; the second of its start is the slack.
    assert max(kill_times) <= int(given_up[0][0]) + 60, (kill_times, given_up)
    hylafax.wait_over(5)
    set_job(cluster, "+4930801", "created_at = now() - interval '3 days'")
    set_job(cluster, "+4930802", "created_at = now() - interval '3 days', state = 'submitted',"
                                 " reported = false, host = 'fax9'")
    cluster.run(*queue)
    messages = inbox(cluster, "alice")
    assert report_of(messages, "+4930801")["action"] == "delivered"
    lost = report_of(messages, "+4930802")
    assert lost["action"] == "failed" and "fax9" in lost["diagnostic-code"], lost
    events = cluster.sql("SELECT count(*) FROM directory.event WHERE kind = 'fax_unknown_end'",
                         "roundtable_operator")
    assert events == [["1"]], events
    assert inbox(cluster, "faxqueue") == [], "the queue is empty when all is reported"


if __name__ == "__main__":
    main([received_faxes_arrive_once_each, faxes_are_sent_and_reported_once])
