#!/usr/bin/env python3
"""One whole way through a cluster: DNS, SMTP, catalog, both copies, IMAP and POP3 everywhere."""

import imaplib
import pathlib
import poplib
import smtplib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, main, wait_until  # noqa: E402

TEXT = ("From: Sender <sender@client.invalid>\r\nTo: <alice@example.test>\r\n"
        "Subject: smoke\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\n.dot first\r\nbody\r\n")


def a_message_is_mirrored_and_read_everywhere():
    with Cluster() as cluster:
        with smtplib.SMTP(*cluster.best_smtp(), timeout=30) as smtp:
            smtp.sendmail("sender@client.invalid", [cluster.address("alice")], TEXT)
        stored = wait_until("two copies in the catalog", lambda: (lambda rows: rows if len(
            rows) == 2 else None)(cluster.sql(
                "SELECT storage_server, state FROM report.message_copy ORDER BY 1")))
        assert [row[1] for row in stored] == ["active", "active"], stored
        for server in cluster.endpoints.access_servers:
            imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=30)
            imap.login(cluster.address("alice"), cluster.password)
            assert imap.select("INBOX")[1] == [b"1"]
            status, data = imap.fetch("1", "(UID BODY.PEEK[])")
            assert status == "OK", data
            assert data[0][1].endswith(b"\r\n\r\n.dot first\r\nbody\r\n"), data
            assert b"\r\nSubject: smoke\r\n" in data[0][1], data
            imap.logout()
            pop = poplib.POP3(server["address"], server["pop3_port"], timeout=30)
            pop.user(cluster.address("alice"))
            pop.pass_(cluster.password)
            assert pop.stat()[0] == 1
            assert pop.retr(1)[1][-2:] == [b".dot first", b"body"]
            pop.quit()


if __name__ == "__main__":
    main([a_message_is_mirrored_and_read_everywhere])
