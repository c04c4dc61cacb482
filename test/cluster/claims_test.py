#!/usr/bin/env python3
"""What test/CLAIMS.md says and no other test shows in seconds: one case for each part, on one
cluster, so that `ops/prove claims` can see it fail with that part switched off."""

import contextlib
import hashlib
import imaplib
import json
import pathlib
import poplib
import smtplib
import subprocess
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, dns_client, main, wait_until  # noqa: E402
from clamd import EICAR, Clamd  # noqa: E402
from receivers import HttpReceiver, check_webhook  # noqa: E402

SENDER = "sender@client.invalid"
SECONDS = 15  # for what takes a second or two
STORES = ("store1", "store2", "store3")  # the own one of mail1, mail2, mail3
LATEST = 100  # messages that are looked at
KINDS = {"fax": ("pages=2", "caller=+49 30 1"), "voicemail": ("duration=9", "caller=+49 30 2")}
cluster = None


def number_of(server):
    return int(server[-1]) - 1


def send_to(server, user="alice", sender=SENDER, body=b"body\r\n"):
    """Sends one message to a mail server; returns its message id. Raises what smtplib raises."""
    at = cluster.endpoints.mail_servers[number_of(server)]
    with smtplib.SMTP(at["address"], at["smtp_port"], "client.invalid", timeout=30) as smtp:
        smtp.ehlo_or_helo_if_needed()
        for step in (lambda: smtp.mail(sender), lambda: smtp.rcpt(cluster.address(user)),
                     lambda: smtp.data(b"Subject: claims\r\n\r\n" + body)):
            code, text = step()
            if code != 250:
                raise smtplib.SMTPResponseException(code, text)
    return text.decode().split()[1]


def ingest(server, kind):
    """Hands a message in at a mail server's socket; returns its message id."""
    words = [word for each in KINDS.get(kind, ()) for word in ("--attribute", each)]
    socket = cluster.endpoints.mail_servers[number_of(server)]["ingest_socket"]
    done = subprocess.run(
        [cluster.endpoints.program, "--dir", cluster.directory, "--json", "ingest", kind, "--to",
         cluster.address("alice"), "--from", "device@example.test", "--socket", socket, *words],
        input=b"Subject: handed in\r\n\r\nbody\r\n", capture_output=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"ingest {kind}: exit {done.returncode}: {done.stderr.decode()}")
    return json.loads(done.stdout)["id"]


def rows_of(message):
    """The storage servers of a message as the catalog records them, with path and place."""
    return cluster.sql("SELECT storage_server, kind, path, frame_offset, frame_length, state, "
                       f"accepted_by FROM report.message_copy WHERE message_id = '{message}' "
                       "ORDER BY 1")


def stores_of(message):
    """Names of the storage servers that hold a message; it is read in each of the files."""
    rows = wait_until(f"message {message} in the catalog", lambda: rows_of(message), SECONDS)
    frames = set()
    for row in rows:
        with open(row[2], "rb") as segment:
            segment.seek(int(row[3]))
            frames.add(segment.read(int(row[4])))
    assert len(frames) == 1 and len(frames.pop()) == int(rows[0][4]), "the copies differ"
    return [row[0] for row in rows]


def login(server, user="alice"):
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=60)
    imap.login(cluster.address(user), cluster.password)
    return imap


def bodies(server, tokens):
    """Which of the tokens are in the bodies of alice's INBOX, as one access server sends them. One
    by one: what cannot be read costs its own answer only."""
    imap = login(server)
    last = int(imap.select("INBOX", readonly=True)[1][0])
    found = set()
    for number in range(max(1, last - LATEST + 1), last + 1):
        status, data = imap.fetch(str(number), "(BODY.PEEK[TEXT])")
        if status == "OK" and isinstance(data[0], tuple):
            found.update(token for token in tokens if token.encode() in data[0][1])
    imap.logout()
    return found


def mirror(server, *peers):
    cluster.run("mirror", "set", server, *peers)


def lies_on(server, expected, make):
    """Until what `make` brings to a mail server lies on exactly the expected storage servers: a
    new row of the table holds from the agent's next segment on."""
    seen = []

    def as_expected():
        seen[:] = stores_of(make(server))
        return seen == sorted(expected)

    try:
        wait_until("as expected", as_expected, SECONDS, 0.2)
    except TimeoutError:
        raise AssertionError(f"from {server} it lies on {seen}, not on {expected}") from None


@contextlib.contextmanager
def daemon_stopped(name):
    cluster.run("daemon", "stop", name)
    try:
        yield
    finally:
        cluster.run("daemon", "start", name)


# -- tests ----------------------------------------------------------------------------------------


def each_mail_server_stores_on_several_storage_servers():
    for server, own in zip(("mail1", "mail2", "mail3"), STORES):
        try:
            stores = stores_of(send_to(server))
        except smtplib.SMTPResponseException as error:
            raise AssertionError(f"{server} answers {error.smtp_code} {error.smtp_error}") from None
        assert own in stores and len(stores) >= 2, (server, stores)


def the_mirroring_table_says_where_copies_go():
    """Rows that no order of the servers gives by itself."""
    for peers, expected in ((("mail3",), ("store1", "store3")),
                            (("mail3", "mail2"), STORES),
                            (("mail2",), ("store1", "store2"))):
        mirror("mail1", *peers)
        listed = [row["peer"] for row in cluster.json("mirror", "list")
                  if row["mail_server"] == "mail1"]
        assert listed == list(peers), f"the table lists {listed} for mail1, not {peers}"
        lies_on("mail1", expected, send_to)


def as_the_table_says(kind, view):
    """A message of this kind: recorded as such, on the servers of the mirroring row."""
    mirror("mail1", "mail3")
    try:
        lies_on("mail1", ("store1", "store3"), lambda server: ingest(server, kind))
        message = ingest("mail1", kind)
        stores = stores_of(message)
        assert stores == ["store1", "store3"], f"the {kind} lies on {stores}"
        assert {row[1] for row in rows_of(message)} == {kind}, rows_of(message)
        assert len(cluster.sql(f"SELECT caller FROM report.{view} WHERE "
                               f"message_id = '{message}'")) == 1, f"no row in report.{view}"
    finally:
        mirror("mail1", "mail2")


def a_fax_lies_where_the_mirroring_table_says():
    as_the_table_says("fax", "fax")


def a_voicemail_lies_where_the_mirroring_table_says():
    as_the_table_says("voicemail", "voicemail")


def an_e_mail_is_stored_as_e_mail():
    message = send_to("mail1")
    rows = wait_until("the row", lambda: rows_of(message), SECONDS)
    assert {row[1] for row in rows} == {"email"} and len(rows) >= 2, rows


def messages_go_round_the_table():
    """A sender that asks for each message, and takes the best in turn."""
    cluster.run("domain", "set", cluster.domain, "--policy", "rotate")
    try:
        wait_until("two at the best preference", lambda: len(
            dns_client.best_hosts(cluster.endpoints.dns, cluster.domain)) == 2, SECONDS)
        taken = {}
        for number in range(24):
            best = dns_client.best_hosts(cluster.endpoints.dns, cluster.domain)
            server = best[number // 6 % len(best)].split(".")[0]
            message = send_to(server)
            accepted = wait_until("the row", lambda at=message: rows_of(at), SECONDS)[0][6]
            assert accepted.split(".")[0] == server, (accepted, server)
            taken[server] = taken.get(server, 0) + 1
        assert set(taken) == {"mail1", "mail2", "mail3"}, f"24 messages went to {taken}"
    finally:
        cluster.run("domain", "set", cluster.domain, "--policy", "load")


def a_mail_server_that_is_away_gets_no_message():
    def listed():
        reply = dns_client.query(cluster.endpoints.dns, cluster.domain, "MX")
        return sorted(r.data[1].split(".")[0] for r in reply.answers if r.rtype == 15)

    wait_until("three mail servers", lambda: len(listed()) == 3, 30)
    with daemon_stopped("mail2"):
        wait_until("mail2 leaves the answers", lambda: listed() == ["mail1", "mail3"], 30)
        send_to(dns_client.best_hosts(cluster.endpoints.dns, cluster.domain)[0].split(".")[0])
    wait_until("mail2 is back", lambda: len(listed()) == 3, 60)


def dns_selects_the_access_server():
    """By address and by SRV; one that is away is not selected; the selected one serves."""
    servers = {server["address"]: server for server in cluster.endpoints.access_servers}

    def selected():
        reply = dns_client.query(cluster.endpoints.dns, f"imap.{cluster.domain}", "A")
        return {record.data for record in reply.answers if record.rtype == 1}

    wait_until("each access server", lambda: selected() == set(servers), 30)
    token = uuid.uuid4().hex
    send_to("mail1", body=token.encode() + b"\r\n")
    for address in selected():
        assert bodies(servers[address], [token]) == {token}, servers[address]["name"]
    away = cluster.endpoints.access_servers[0]
    with daemon_stopped(away["name"]):
        wait_until(f"{away['name']} leaves the answers",
                   lambda: selected() == set(servers) - {away["address"]}, 30)
        assert bodies(servers[selected().pop()], [token]) == {token}
    wait_until("each access server again", lambda: selected() == set(servers), 60)


def a_mailbox_is_compiled_from_all_storage_servers():
    tokens, places = [], set()
    for server in ("mail1", "mail2", "mail3"):
        tokens.append(uuid.uuid4().hex)
        places.add(tuple(stores_of(send_to(server, body=tokens[-1].encode() + b"\r\n"))))
    assert len(places) == 3, f"not on different storage servers: {places}"
    for server in cluster.endpoints.access_servers:
        found = wait_until(f"messages at {server['name']}", lambda at=server: bodies(at, tokens),
                           SECONDS)
        assert found == set(tokens), f"{server['name']} has {len(found)} of {len(tokens)}"
        pop = poplib.POP3(server["address"], server["pop3_port"], timeout=60)
        pop.user(cluster.address("alice"))
        pop.pass_(cluster.password)
        last = pop.stat()[0]
        texts = b"".join(pop.retr(n)[1][-1] for n in range(last - 2, last + 1)).decode()
        assert all(token in texts for token in tokens), texts
        pop.quit()


def messages_are_read_from_a_peer_s_storage_server():
    """Each holder of the message is taken away in its turn; a new message each time: no cache."""
    for away in ("store1", "store2"):
        token = uuid.uuid4().hex
        stores = stores_of(send_to("mail1", body=token.encode() + b"\r\n"))
        assert stores == ["store1", "store2"], stores
        with cluster.storage_away(away):
            for server in cluster.endpoints.access_servers:
                found = bodies(server, [token])
                assert found == {token}, f"{server['name']} cannot read it while {away} is away"
        wait_until("both copies again", lambda: back("mail1", ["store1", "store2"]), 60, 0.5)


def back(server, stores):
    with contextlib.suppress(smtplib.SMTPException, OSError):
        return stores_of(send_to(server)) == stores
    return False


def an_unknown_recipient_is_refused():
    for server in ("mail1", "mail2", "mail3"):
        send_to(server)
        try:
            send_to(server, user="nobody-" + uuid.uuid4().hex)
        except smtplib.SMTPResponseException as error:
            assert error.smtp_code == 550, error
            continue
        raise AssertionError(f"{server} takes mail for nobody")


def internal_answer(user):
    """What the internal view says of an address: NOERROR, or NXDOMAIN."""
    name = hashlib.sha256(user.encode()).hexdigest()[:56] + f"._account.{cluster.domain}"
    server = cluster.endpoints.name_servers[0]
    return dns_client.query((server["address"], server["internal_port"]), name, "TXT").rcode


def a_client_must_have_an_address_that_the_name_server_knows():
    """The account and its password are good; its address is not in the name server's database."""
    for user in ("known", "strange"):
        cluster.run("account", "add", cluster.address(user), "--password-stdin",
                    stdin=cluster.password + "\n")
    cluster.sql("DELETE FROM directory.address WHERE local_part = 'strange'", "roundtable")
    wait_until("the name server", lambda: (
        internal_answer("known") == "NOERROR" and internal_answer("strange") == "NXDOMAIN"), 30)
    for server in cluster.endpoints.access_servers:
        login(server, "known").logout()
        try:
            login(server, "strange")
        except imaplib.IMAP4.error as error:
            assert "AUTHENTICATIONFAILED" in str(error), error
        else:
            raise AssertionError(f"{server['name']} serves a client whose address is unknown")


def a_blocked_sender_is_refused():
    domain = uuid.uuid4().hex[:12] + ".invalid"

    def answer(sender):
        try:
            send_to("mail1", sender=sender)
        except smtplib.SMTPResponseException as error:
            return error.smtp_code
        return 250

    assert answer(f"a@mx.{domain}") == 250
    cluster.run("block", "add", "--subtree", domain, "--reason", "claims")
    wait_until("550 for a blocked sender", lambda: answer(f"a@mx.{domain}") == 550, SECONDS)
    assert answer(SENDER) == 250, "a sender that is not blocked"
    cluster.run("block", "remove", "--subtree", domain)
    wait_until("not blocked any more", lambda: answer(f"a@mx.{domain}") == 250, SECONDS)


def a_virus_is_detected():
    for server in ("mail1", "mail2", "mail3"):
        send_to(server, body=b"nothing to see\r\n")
        try:
            send_to(server, body=EICAR + b"\r\n")
        except smtplib.SMTPResponseException as error:
            assert error.smtp_code in (550, 554), error
            assert b"virus" in error.smtp_error.lower(), error
            continue
        raise AssertionError(f"{server} took a virus")


def who_wishes_to_be_notified_is():
    """alice of what one sender sends, bob not at all."""
    receiver = HttpReceiver()
    secret = "the secret of claims"
    cluster.run("notify", "configure", "allowed_networks=127.0.0.0/8")
    cluster.run("notify", "set", cluster.address("alice"), "--by", "webhook", "--to",
                receiver.url + "/hook", "--secret-stdin", "--sender", "*@friend.invalid",
                stdin=secret + "\n")
    try:
        send_to("mail1", sender="other@client.invalid")
        send_to("mail1", user="bob", sender="one@friend.invalid")
        send_to("mail1", sender="one@friend.invalid")
        wait_until("a notice", lambda: receiver.of("/hook"), SECONDS)
        wait_until("nothing waits", lambda: cluster.sql(
            "SELECT count(*) FROM directory.notification_job WHERE state = 'waiting'",
            "roundtable") == [["0"]], SECONDS)
        told = [event for headers, body in receiver.of("/hook")
                for event in check_webhook(headers, body, secret)["events"]]
        assert [event["user"] for event in told] == [cluster.address("alice")], told
    finally:
        for row in cluster.json("notify", "list"):
            cluster.run("notify", "remove", str(row["id"]))
        receiver.close()


def each_storage_server_is_reached_by_an_independent_path():
    """The first path of every storage server is cut at once; the second ones serve."""
    links = {name: cluster.directory / "stores" / name for name in STORES}
    for name in STORES:
        cluster.run("path", "add", name, str(cluster.stores[name]), "--preference", "20")
    tokens = []

    def stored(server, expected):
        token = uuid.uuid4().hex
        with contextlib.suppress(smtplib.SMTPException, OSError):
            message = send_to(server, body=token.encode() + b"\r\n")
            tokens.append(token)
            rows = wait_until("the row", lambda: rows_of(message), SECONDS)
            return [row[0] for row in rows] == expected
        return False

    for link in links.values():
        link.unlink()
    try:
        for server, expected in (("mail1", ["store1", "store2"]), ("mail2", ["store2", "store3"]),
                                 ("mail3", ["store1", "store3"])):
            wait_until(f"{expected} by their second paths",
                       lambda at=server, on=expected: stored(at, on), 40, 0.5)
        for server in cluster.endpoints.access_servers:
            wait_until(f"{server['name']} by the second paths",
                       lambda at=server: bodies(at, tokens) == set(tokens), 40, 0.5)
    finally:
        for name, link in links.items():
            link.symlink_to(cluster.stores[name])


def with_cluster():
    global cluster
    with Clamd() as clamd:
        cluster = Cluster(settings={"clamd": json.dumps([clamd.address])})
        for name in STORES:
            disk = cluster.directory / "disks" / name
            disk.mkdir(parents=True)
            disk.chmod(0o777)
            cluster.stores[name] = disk
        with cluster:
            main([each_mail_server_stores_on_several_storage_servers,
                  the_mirroring_table_says_where_copies_go,
                  an_e_mail_is_stored_as_e_mail,
                  a_fax_lies_where_the_mirroring_table_says,
                  a_voicemail_lies_where_the_mirroring_table_says,
                  messages_go_round_the_table,
                  a_mail_server_that_is_away_gets_no_message,
                  dns_selects_the_access_server,
                  a_mailbox_is_compiled_from_all_storage_servers,
                  messages_are_read_from_a_peer_s_storage_server,
                  an_unknown_recipient_is_refused,
                  a_client_must_have_an_address_that_the_name_server_knows,
                  a_blocked_sender_is_refused,
                  a_virus_is_detected,
                  who_wishes_to_be_notified_is,
                  each_storage_server_is_reached_by_an_independent_path])


if __name__ == "__main__":
    with_cluster()
