#!/usr/bin/env python3
"""Faults, one after another, on one cluster: the database away, the name server restarted without
it, a storage directory filled up, one made unwritable, one of two paths gone, all but one store
gone, daemons killed with -9.
After each, what was acknowledged is there, and mail flows again."""

import imaplib
import os
import pathlib
import smtplib
import socket
import subprocess
import sys
import tempfile
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, dns_client, main, wait_until  # noqa: E402
from smtp_load import Load  # noqa: E402

cluster = None
small_store = None  # mount point of a small file system, the directory of store2
acknowledged = set()


def send(count=1, server=None, user="alice"):
    """Sends messages one by one in one session; returns their tokens, all acknowledged."""
    tokens = []
    with smtplib.SMTP(*(server or cluster.best_smtp()), timeout=30) as smtp:
        for _ in range(count):
            token = uuid.uuid4().hex
            smtp.sendmail("f@client.invalid", [cluster.address(user)],
                          f"Subject: load {token}\r\n\r\nbody of {token}\r\n")
            tokens.append(token)
            acknowledged.add(token)
    return tokens


def try_send(server, count=1):
    try:
        return send(count, server)
    except (smtplib.SMTPException, OSError):
        return None


def tokens_over_imap(server, user="alice"):
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=60)
    imap.login(cluster.address(user), cluster.password)
    count = int(imap.select("INBOX", readonly=True)[1][0])
    tokens = []
    for first in range(1, count + 1, 500):
        _, data = imap.fetch(f"{first}:{min(first + 499, count)}", "(BODY.PEEK[])")
        for item in data:
            if isinstance(item, tuple):
                tokens.append(item[1].split(b"Subject: load ")[1][:32].decode())
    imap.logout()
    return tokens


def tokens_if_served(server):
    """No tokens while the access server, or its database, has not come back yet."""
    try:
        return tokens_over_imap(server)
    except (OSError, imaplib.IMAP4.error):
        return []


def all_there():
    """Every acknowledged message, through each access server; each found once here."""
    def complete():
        return all(acknowledged <= set(tokens_if_served(server))
                   for server in cluster.endpoints.access_servers)

    wait_until("every acknowledged message over IMAP", complete, 60, 0.5)


def mail_is_accepted_while_the_database_is_away():
    send(3)
    cluster.run("daemon", "stop", "postgres")
    wait_until("PostgreSQL stopped", lambda: not postgres_runs(), 60)
    accepted = send(5)
    # DNS does not notice: it answers, also after a restart from its last snapshot.
    name_server = cluster.endpoints.name_servers[0]["name"]
    snapshot = cluster.directory / "state" / name_server / "snapshot" / "directory"
    wait_until("the domain in the snapshot on disk", lambda: (
        snapshot.exists() and cluster.domain.encode() in snapshot.read_bytes()), 10)
    old = cluster.kill(name_server)
    cluster.wait_restarted(name_server, old)

    def answers():
        try:
            return len(dns_client.best_hosts(cluster.endpoints.dns, cluster.domain)) >= 1
        except TimeoutError:
            return False

    wait_until("MX answers without the database", answers, 30)
    accepted += send(2)
    cluster.run("daemon", "start", "postgres")
    all_there()
    seen = tokens_over_imap(cluster.endpoints.access_servers[0])
    assert all(seen.count(token) == 1 for token in accepted), "catalogued more than once"


def postgres_runs():
    return any(d["daemon"] == "postgres" and d["pid"] for d in cluster.json("daemon", "list"))


def a_full_storage_directory_loses_nothing():
    send(2, cluster.endpoints.smtp(f"mail2.{cluster.domain}"))
    filler = small_store / "filler"
    with filler.open("wb") as file:
        block = b"x" * (1 << 20)
        try:
            while True:
                file.write(block)
                file.flush()
        except OSError:
            pass
    try:
        load = Load(lambda: [cluster.endpoints.smtp(f"mail2.{cluster.domain}")],
                    [cluster.address("alice")], 200, 10)
        acknowledged.update(m.token for m in load.run() if m.acknowledged)
    finally:
        filler.unlink()
    all_there()


def an_unwritable_storage_directory_loses_nothing():
    root = pathlib.Path(cluster.endpoints.storage_servers[0]["directories"][0])
    mode = root.stat().st_mode
    root.chmod(0)
    try:
        for number in (1, 2, 3):
            server = cluster.endpoints.smtp(f"mail{number}.{cluster.domain}")
            # store2 was full a moment ago: an agent that has not looked at it again and loses
            # store1 meanwhile has one store left, and says 451 in the middle of a session.
            wait_until(f"mail{number} takes mail", lambda at=server: try_send(at, 3), 20)
        wait_until("an owed copy with its reason", lambda: cluster.sql(
            "SELECT 1 FROM report.copy_owed WHERE storage_server = 'store1' AND reason <> ''"), 30)
    finally:
        root.chmod(mode)
    all_there()


def a_lost_path_is_replaced_by_the_next():
    """store2 is reached by a link and, less preferred, by its mount point: the link goes."""
    cluster.run("path", "add", "store2", str(small_store), "--preference", "20")
    link = cluster.directory / "stores" / "store2"
    target = link.readlink()
    link.unlink()
    try:
        def both_copies():
            # 451 while this agent has not yet seen that store1 is back.
            if not try_send(cluster.endpoints.smtp(f"mail2.{cluster.domain}")):
                return False
            rows = cluster.sql(
                "SELECT storage_server FROM report.message_copy WHERE state = 'active' AND "
                "message_id = (SELECT max(message_id::text)::uuid FROM report.message_copy)")
            return "store2" in {row[0] for row in rows}

        wait_until("a copy on store2 by its second path", both_copies, 30, 0.5)
        all_there()
    finally:
        link.symlink_to(target)
    all_there()


def load_report(server):
    """The load report of a mail server as a dictionary."""
    with socket.create_connection((server["address"], server["load_port"]), 10) as connection:
        lines = connection.makefile("rb")
        lines.readline()
        connection.sendall(b"LOAD\r\n")
        return dict(word.split("=", 1) for word in lines.readline().decode().split())


def with_one_store_left_mail_waits_and_its_servers_say_unfit():
    server = cluster.endpoints.smtp(f"mail1.{cluster.domain}")
    with cluster.storage_away("store1"), cluster.storage_away("store3"):
        def refused():
            with smtplib.SMTP(*server, timeout=30) as smtp:
                try:
                    smtp.sendmail("f@client.invalid", [cluster.address("alice")],
                                  "Subject: load " + "0" * 32 + "\r\n\r\nnot kept\r\n")
                except smtplib.SMTPResponseException as error:
                    return error.smtp_code
                except smtplib.SMTPRecipientsRefused as error:
                    return list(error.recipients.values())[0][0]
            return None

        code = wait_until("451 with one store left", refused, 30)
        assert code in (421, 451, 452), code
        wait_until("mail1 unfit in its load report", lambda: load_report(
            cluster.endpoints.mail_servers[0])["fit"] == "0", 10)
    wait_until("mail is accepted again", lambda: try_send(server), 60, 0.5)
    all_there()


def killed_daemons_come_back():
    for name in ("tracker1", "access1", "access2", "mail1", "mail2", "mail3"):
        old = cluster.kill(name)
        cluster.wait_restarted(name, old)
    wait_until("mail is accepted again", lambda: try_send(cluster.best_smtp()), 60, 0.5)
    all_there()


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("this test mounts a small file system: run it as root")
    small_store = pathlib.Path(tempfile.mkdtemp(prefix="roundtable-small-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m,mode=0777", "small", small_store],
                   check=True)
    try:
        with Cluster(stores={"store2": small_store}) as started:
            cluster = started
            main([mail_is_accepted_while_the_database_is_away,
                  a_full_storage_directory_loses_nothing,
                  an_unwritable_storage_directory_loses_nothing,
                  a_lost_path_is_replaced_by_the_next,
                  with_one_store_left_mail_waits_and_its_servers_say_unfit,
                  killed_daemons_come_back])
    finally:
        subprocess.run(["umount", "-l", small_store], check=False)
        small_store.rmdir()
