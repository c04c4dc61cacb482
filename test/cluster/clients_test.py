#!/usr/bin/env python3
"""Foreign clients against one cluster: dig, swaks, curl, Python's smtplib, imaplib and poplib,
mbsync, mutt; and the report views as psql shows them."""

import imaplib
import os
import pathlib
import poplib
import smtplib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import ROOT, Cluster, main, wait_until  # noqa: E402

cluster = None


def tool(*arguments, check=True, stdin=None):
    # A terminal of a known kind, for the programs that draw.
    result = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=60,
                            input=stdin, env={**os.environ, "TERM": "xterm"})
    if check and result.returncode != 0:
        raise AssertionError(f"{arguments}: exit {result.returncode}\n{result.stdout}\n"
                             f"{result.stderr}")
    return result


def inbox_count(user):
    return int(cluster.sql("SELECT coalesce(sum(messages), 0) FROM report.account "
                           f"WHERE login = '{cluster.address(user)}'")[0][0])


def dig_is_answered_over_udp_and_tcp():
    address, port = cluster.endpoints.dns
    for transport in ("+notcp", "+tcp"):
        for rtype in ("SOA", "NS", "MX"):
            out = tool("dig", f"@{address}", "-p", port, transport, cluster.domain, rtype).stdout
            assert "status: NOERROR" in out and " aa" in out.split("flags:")[1].split(";")[0], out
            assert f"IN\t{rtype}" in out, out
        out = tool("dig", f"@{address}", "-p", port, transport, f"no.such.{cluster.domain}").stdout
        assert "status: NXDOMAIN" in out and "SOA" in out, out
        out = tool("dig", f"@{address}", "-p", port, transport, "elsewhere.invalid").stdout
        assert "status: REFUSED" in out, out
    cluster.run("record", "add", cluster.domain, "www", "A", "192.0.2.7")
    wait_until("the new record", lambda: "192.0.2.7" in tool(
        "dig", f"@{address}", "-p", port, "+short", f"www.{cluster.domain}", "A").stdout, 5)


def swaks_delivers_and_is_refused():
    before = inbox_count("bob")
    address, port = cluster.best_smtp()
    tool("swaks", "--server", f"{address}:{port}", "--from", "a@client.invalid", "--to",
         cluster.address("bob"), "--header", "Subject: by swaks", "--body", "hello", "--pipeline")
    wait_until("swaks' message", lambda: inbox_count("bob") == before + 1, 10)
    refused = tool("swaks", "--server", f"{address}:{port}", "--from", "a@client.invalid", "--to",
                   f"nobody@{cluster.domain}", check=False)
    assert refused.returncode == 24 and "550 5.1.1" in refused.stdout, refused.stdout
    relayed = tool("swaks", "--server", f"{address}:{port}", "--from", "a@client.invalid", "--to",
                   "someone@elsewhere.invalid", check=False)
    assert relayed.returncode == 24 and "550 5.7.1" in relayed.stdout, relayed.stdout


def curl_sends_and_reads():
    text = (f"From: <c@client.invalid>\r\nTo: <{cluster.address('bob')}>\r\n"
            "Subject: by curl\r\n\r\ncurl body\r\n")
    before = inbox_count("bob")
    address, port = cluster.best_smtp()
    tool("curl", "-sS", f"smtp://{address}:{port}/client.invalid", "--mail-from",
         "c@client.invalid", "--mail-rcpt", cluster.address("bob"), "-T", "-", stdin=text)
    wait_until("curl's message", lambda: inbox_count("bob") == before + 1, 10)
    for server in cluster.endpoints.access_servers:
        user = f"{cluster.address('bob')}:{cluster.password}"
        inbox = f"imap://{server['address']}:{server['imap_port']}/INBOX"
        out = tool("curl", "-sS", "-u", user, f"{inbox};UID={before + 1}").stdout
        assert "Subject: by curl" in out, out
        out = tool("curl", "-sS", "-u", user,
                   f"pop3://{server['address']}:{server['pop3_port']}/{before + 1}").stdout
        assert "curl body" in out, out


def smtplib_imaplib_and_poplib_agree():
    access = cluster.endpoints.access_servers
    text = ("From: \"S\" <s@client.invalid>\r\nTo: <alice@example.test>\r\n"
            "Subject: =?utf-8?q?gr=C3=BC?=\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
            "Content-Type: text/plain\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\n"
            "<p>two</p>\r\n--b--\r\n")
    with smtplib.SMTP(*cluster.best_smtp(), timeout=30) as smtp:
        smtp.sendmail("s@client.invalid", [cluster.address("alice"), cluster.address("bob")], text)
    first = imaplib.IMAP4(access[0]["address"], access[0]["imap_port"], timeout=30)
    first.login(cluster.address("alice"), cluster.password)
    second = imaplib.IMAP4(access[1]["address"], access[1]["imap_port"], timeout=30)
    second.login(cluster.address("alice"), cluster.password)
    first.select("INBOX")
    second.select("INBOX")
    assert first.response("UIDVALIDITY") == second.response("UIDVALIDITY")
    _, data = first.fetch("*", "(UID ENVELOPE BODYSTRUCTURE BODY.PEEK[2])")
    assert b'"text" "plain"' in data[0][0].lower() and data[0][1] == b"<p>two</p>", data
    # What one access server changes, the other shows.
    first.store("*", "+FLAGS", "(\\Flagged $Work)")
    wait_until("the flag on the other server", lambda: (
        second.noop(), b"\\Flagged" in second.fetch("*", "(FLAGS)")[1][0])[1], 10)
    first.create("Archive/2026")
    first.copy("*", "Archive/2026")
    assert second.status('"Archive/2026"', "(MESSAGES)")[1] == [b'"Archive/2026" (MESSAGES 1)'] or \
        b"MESSAGES 1" in second.status('"Archive/2026"', "(MESSAGES)")[1][0]
    first.append("Archive/2026", "\\Seen", imaplib.Time2Internaldate(1700000000), text.encode())
    assert b"MESSAGES 2" in second.status('"Archive/2026"', "(MESSAGES)")[1][0]
    typ, found = first.search(None, "SUBJECT", '"gr"', "UNSEEN")
    assert typ == "OK", found
    first.rename("Archive/2026", "Archive/Old")
    first.store("*", "+FLAGS", "\\Deleted")
    first.expunge()
    first.logout()
    second.logout()
    pop = poplib.POP3(access[1]["address"], access[1]["pop3_port"], timeout=30)
    pop.user(cluster.address("bob"))
    pop.pass_(cluster.password)
    count, _ = pop.stat()
    assert count >= 1 and len(pop.uidl()[1]) == count
    assert pop.top(count, 0)[1][-1] == b"" or b"Subject" in b"\n".join(pop.top(count, 0)[1])
    pop.dele(count)
    pop.quit()
    wait_until("the deletion", lambda: inbox_count("bob") == count - 1, 10)


def mbsync_keeps_a_maildir_in_step():
    server = cluster.endpoints.access_servers[0]
    folder = cluster.directory / "maildir"
    (folder / "inbox").mkdir(parents=True)
    config = cluster.directory / "mbsyncrc"
    config.write_text(f"""
IMAPAccount rt
Host {server['address']}
Port {server['imap_port']}
User {cluster.address('alice')}
Pass "{cluster.password}"
AuthMechs LOGIN
SSLType None

IMAPStore far
Account rt

MaildirStore near
Path {folder}/
Inbox {folder}/inbox
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
""")
    with smtplib.SMTP(*cluster.best_smtp(), timeout=30) as smtp:
        for number in range(5):
            smtp.sendmail("m@client.invalid", [cluster.address("alice")],
                          f"Subject: sync {number}\r\n\r\nbody {number}\r\n")
    wait_until("five messages", lambda: inbox_count("alice") >= 5, 10)
    tool("mbsync", "-c", config, "-a")
    names = list((folder / "inbox").glob("*/*"))
    assert len(names) >= 5, names
    # A new local message goes up; a local flag goes up.
    (folder / "inbox" / "new" / "1.local").write_text("Subject: from below\n\nup\n")
    tool("mbsync", "-c", config, "-a")
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=30)
    imap.login(cluster.address("alice"), cluster.password)
    imap.select("INBOX")
    assert imap.search(None, "SUBJECT", '"from below"')[1][0].split(), "not uploaded"
    imap.logout()


def mutt_opens_the_mailbox():
    server = cluster.endpoints.access_servers[1]
    config = cluster.directory / "muttrc"
    config.write_text(f"""
set imap_user="{cluster.address('alice')}"
set imap_pass="{cluster.password}"
set ssl_starttls=no
set ssl_force_tls=no
set quit=yes
set folder="{cluster.directory}"
set confirmappend=no
set confirmcreate=no
set delete=no
set mbox_type=mbox
set sleep_time=0
set header_cache=""
set copy=no
push "<tag-pattern>~A<enter><tag-prefix><copy-message>{cluster.directory}/mutt-copy<enter><exit>"
""")
    inbox = f"imap://{server['address']}:{server['imap_port']}/INBOX"
    tool("script", "-qec", f"timeout --foreground 30 mutt -n -F {config} -f {inbox}",
         "/dev/null", check=False, stdin="")
    copy = cluster.directory / "mutt-copy"
    assert copy.exists() and "Subject: sync 4" in copy.read_text(), "mutt copied nothing"


def psql_reports_in_plain_words():
    views = {row[0] for row in cluster.sql(
        "SELECT viewname FROM pg_views WHERE schemaname = 'report'")}
    assert {"message_copy", "copy_owed", "messages_by_kind", "fax", "voicemail", "scan",
            "quarantine", "notification", "priority", "event"} <= views, views
    for view in views:
        cluster.sql(f"SELECT * FROM report.{view} LIMIT 1")
    rows = cluster.sql("SELECT mail_server, priority_index FROM report.priority ORDER BY 1")
    assert len(rows) == len(cluster.endpoints.mail_servers), rows


def readme_shows_what_psql_says():
    """The queries of the README give the columns that it shows, to the role that it names."""
    lines = (ROOT / "README.md").read_text().splitlines()
    queries = [(line[3:], lines[number + 1]) for number, line in enumerate(lines)
               if line.startswith("=> ")]
    assert len(queries) >= 5, queries
    conninfo = " ".join(word for word in cluster.endpoints.database.split()
                        if not word.startswith("user="))
    for query, heading in queries:
        said = subprocess.run(["psql", "-X", "-v", "ON_ERROR_STOP=1", "-c", query,
                               f"{conninfo} user=roundtable_report"],
                              capture_output=True, text=True, timeout=60, check=True).stdout
        assert said.splitlines()[0].split() == heading.split(), (query, said)


if __name__ == "__main__":
    with Cluster() as started:
        cluster = started
        main([dig_is_answered_over_udp_and_tcp, swaks_delivers_and_is_refused, curl_sends_and_reads,
              smtplib_imaplib_and_poplib_agree, mbsync_keeps_a_maildir_in_step,
              mutt_opens_the_mailbox, psql_reports_in_plain_words,
              readme_shows_what_psql_says])
