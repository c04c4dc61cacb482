#!/usr/bin/env python3
"""The whole way of a fax to be sent, as mta/fax/README.md says: a mail program gives a message for
+NUMBER@fax.example.test to Postfix by SMTP; its pipe(8) runs `roundtable fax send`; the runner
gives the fax to HylaFAX; the report comes into the sender's mailbox. A number that the sender may
not call bounces by itself, and nothing is lost while no mail server runs."""

import pathlib
import re
import smtplib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import ROOT, Cluster, main, wait_until  # noqa: E402
from hylafax import (FAX_DOMAIN, HylaFax, Spool, inbox, make_tiff, outgoing,  # noqa: E402
                     report_of)
from postfix import Postfix  # noqa: E402


def readme_lines(program):
    """The README's lines for master.cf, main.cf and transport, with this cluster's program."""
    text = (ROOT / "mta" / "fax" / "README.md").read_text()
    block = re.search(r"```\n(fax unix .*?\n)(fax\.example\.test +fax:\n)```", text, re.S)
    master = block.group(1).replace("/usr/bin/roundtable --database ...", program)
    limit = re.search(r"`(fax_destination_recipient_limit = 1)`", text).group(1)
    return master, limit + "\n", block.group(2)


def mail_to_a_number_is_a_fax_and_a_report():
    with Cluster(users=("alice", "bob", "faxqueue")) as cluster, \
            tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        cluster.run("domain", "add", FAX_DOMAIN)
        cluster.run("fax", "domain", "add", FAX_DOMAIN, cluster.address("faxqueue"))
        cluster.run("fax", "sender", "allow", cluster.address("alice"), "+4930*")
        spool = Spool(cluster, directory)
        hylafax = HylaFax(spool)
        endpoints = cluster.endpoints
        sockets = " ".join(spool.sockets())
        master, limit, transport = readme_lines(
            f"{endpoints.program} --database {{{endpoints.database}}}")
        master = master.replace("fax send", f"fax send {sockets}")
        address, port = cluster.best_smtp()
        transport += f"{cluster.domain} smtp:[{address}]:{port}\n"
        try:
            with Postfix(directory, master, f"relay_domains = {FAX_DOMAIN}\n" + limit,
                         transport) as postfix:
                send_by_mail(cluster, spool, hylafax, postfix, directory)
        finally:
            hylafax.stop()


def send_by_mail(cluster, spool, hylafax, postfix, directory):
    def send(numbers, text):
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as smtp:
            assert smtp.sendmail(cluster.address("alice"), [f"{n}@{FAX_DOMAIN}" for n in numbers],
                                 text) == {}

    def states():
        return dict(cluster.sql("SELECT number, state FROM report.fax_job"))

    tiff = directory / "page.tif"
    make_tiff(tiff, 1)
    # Two recipients in one message; one of them may not be called.
    send(["+4930901820", "+4940123"], outgoing("by mail", tiff=tiff))
    wait_until("the fax is taken", lambda: states() == {"+4930901820": "accepted"}, 60)

    def bounces():
        return [m for m in inbox(cluster, "alice") if "MAILER-DAEMON" in str(m["From"])]

    bounce = wait_until("the bounce", lambda: (bounces() or [None])[0], 60)
    assert "may not send a fax to +4940123" in str(bounce), bounce
    assert "+4930901820" not in str(bounce.get_payload(1)), "one is refused, not both"
    # While no mail server takes it Postfix keeps it.
    mails = [server["name"] for server in cluster.endpoints.mail_servers]
    for mail in mails:
        cluster.run("daemon", "stop", mail)
    send(["+4930777"], outgoing("in an outage"))
    wait_until("the offer", lambda: "+4930777" in states(), 60)
    assert states()["+4930777"] == "offered"
    for mail in mails:
        cluster.run("daemon", "start", mail)
    cluster.wait_ready()

    def taken():
        postfix.flush()
        return states()["+4930777"] == "accepted"

    wait_until("the fax of the outage", taken, 120, 1)
    (directory / "password").touch(0o600)
    (directory / "password").write_text(cluster.password + "\n")
    server = cluster.endpoints.access_servers[0]
    queue = ["fax", "send-queue", "--spool", str(spool.path), "--pop3",
             f"{server['address']}:{server['pop3_port']}", "--login", cluster.address("faxqueue"),
             "--password-file", str(directory / "password"), "--fax-server",
             f"127.0.0.1:{hylafax.port}", *spool.sockets()]
    cluster.run(*queue)
    hylafax.wait_over(2)

    def all_reported():
        cluster.run(*queue, check=False)
        return cluster.sql("SELECT count(*) FROM report.fax_job WHERE NOT reported") == [["0"]]

    wait_until("all reports", all_reported, 120)
    messages = inbox(cluster, "alice")
    for number, subject in (("+4930901820", "by mail"), ("+4930777", "in an outage")):
        done = report_of(messages, number)
        assert done["action"] == "delivered", done
        assert done["repeated"]["Subject"] == subject, done
    assert sorted(hylafax.calls()) == ["number:+4930777", "number:+4930901820"], hylafax.calls()
    assert len(bounces()) == 1, "one bounce"


if __name__ == "__main__":
    main([mail_to_a_number_is_a_fax_and_a_report])
