#!/usr/bin/env python3
"""Copies heal without a hand: a store that was away gets what it missed; a thousand flipped bits in
one store are found by a scrub and made good while clients read every message byte for byte; an edit
of the mirroring table moves old mail, too; a store is emptied and retired.
Random places of the flips come from a seed that is printed; HEAL_SEED repeats a run."""

import hashlib
import imaplib
import os
import pathlib
import random
import smtplib
import sys
import threading
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, main, wait_until  # noqa: E402

FLIPS = 1000
HEALED_SECONDS = 60  # nothing is owed any more so long after a fault has ended

cluster = None
bodies = {}  # token -> SHA-256 of the body as it was sent
seed = int(os.environ.get("HEAL_SEED", random.SystemRandom().randrange(1 << 32)))
rng = random.Random(seed)


def send(server_name, count, size=4000):
    """Sends messages to one mail server; all must be acknowledged."""
    server = cluster.endpoints.smtp(f"{server_name}.{cluster.domain}")
    with smtplib.SMTP(*server, timeout=30) as smtp:
        for _ in range(count):
            token = uuid.uuid4().hex
            text = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=size))
            lines = [text[n:n + 70] for n in range(0, size, 70)]
            body = "\r\n".join(lines) + "\r\n"
            smtp.sendmail("f@client.invalid", [cluster.address("alice")],
                          f"Subject: heal {token}\r\n\r\n{body}")
            bodies[token] = hashlib.sha256(body.encode()).hexdigest()


def is_known(server_name):
    """Whether a mail server takes mail for the account, which was made a moment ago."""
    with smtplib.SMTP(*cluster.endpoints.smtp(f"{server_name}.{cluster.domain}"),
                      timeout=30) as smtp:
        smtp.helo()
        smtp.mail("f@client.invalid")
        return smtp.rcpt(cluster.address("alice"))[0] == 250


def read_all(server):
    """Every message over IMAP: token -> SHA-256 of its body."""
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=60)
    imap.login(cluster.address("alice"), cluster.password)
    count = int(imap.select("INBOX", readonly=True)[1][0])
    found = {}
    for first in range(1, count + 1, 100):
        status, data = imap.fetch(f"{first}:{min(first + 99, count)}", "(BODY.PEEK[])")
        assert status == "OK", data
        for item in data:
            if isinstance(item, tuple):
                head, _, body = item[1].partition(b"\r\n\r\n")
                token = head.split(b"Subject: heal ")[1][:32].decode()
                found[token] = hashlib.sha256(body).hexdigest()
    imap.logout()
    return found


def check_mail():
    """Each access server has every message, octet for octet."""
    for server in cluster.endpoints.access_servers:
        found = read_all(server)
        assert found == bodies, (
            f"{server['name']}: {len(bodies.keys() - found.keys())} missing, "
            f"{sum(found[t] != bodies[t] for t in bodies.keys() & found.keys())} differ")


def catalogued():
    rows = cluster.sql("SELECT count(*) FROM report.message_copy")
    return int(rows[0][0]) >= 2 * len(bodies)


def owed():
    return int(cluster.sql("SELECT count(*) FROM report.copy_owed")[0][0])


def roots():
    return {s["name"]: pathlib.Path(s["directories"][0])
            for s in cluster.endpoints.storage_servers}


def sealed_copies():
    """(segment, store name, generation, state) of each copy of a sealed segment."""
    return [(row[0], row[1], int(row[2]), row[3]) for row in cluster.sql(
        "SELECT s.id, v.name, r.generation, r.state FROM catalog.segment s "
        "JOIN catalog.segment_replica r ON r.segment_id = s.id "
        "JOIN directory.storage_server v ON v.id = r.storage_server_id "
        "WHERE s.state = 'sealed'", "roundtable_operator")]


def file_of(segment, store, generation):
    path = cluster.sql(f"SELECT report.segment_file('{segment}', {generation})",
                       "roundtable_operator")[0][0]
    return roots()[store] / path


def check_copies_are_equal():
    """All copies of a sealed segment are good, and the same octets."""
    by_segment = {}
    for segment, store, generation, state in sealed_copies():
        assert state == "active", f"{segment} on {store} is {state}"
        digest = hashlib.sha256(file_of(segment, store, generation).read_bytes()).hexdigest()
        by_segment.setdefault(segment, set()).add(digest)
    assert by_segment and all(len(found) == 1 for found in by_segment.values())
    return len(by_segment)


def a_store_that_was_away_gets_what_it_missed():
    for name in ("mail1", "mail2", "mail3"):
        wait_until(f"the account on {name}", lambda name=name: is_known(name), 30, 0.2)
    with cluster.storage_away("store1"):
        for name in ("mail1", "mail2", "mail3"):
            send(name, 12)
        wait_until("copies owed to store1", lambda: owed() > 0, 30)
    started = time.monotonic()
    wait_until("nothing owed", lambda: owed() == 0, HEALED_SECONDS, 0.2)
    print(f"healed {time.monotonic() - started:.1f} s after store1 came back", flush=True)
    wait_until("every copy good", lambda: all(c[3] == "active" for c in sealed_copies()),
               HEALED_SECONDS, 0.2)
    print(f"{check_copies_are_equal()} sealed segments, all copies equal", flush=True)
    check_mail()


def flip_bits(store):
    """Flips FLIPS bits in sealed files of a store; returns what the files held before."""
    before = {}
    names = [(segment, generation) for segment, where, generation, state in sealed_copies()
             if where == store and state == "active"]
    places = set()
    while len(places) < FLIPS:
        segment, generation = rng.choice(names)
        file = file_of(segment, store, generation) if segment not in before else None
        if file is not None:
            before[segment] = (generation, file, file.read_bytes())
        places.add((segment, rng.randrange(len(before[segment][2])), rng.randrange(8)))
    for segment, (_, file, octets) in before.items():
        spoiled = bytearray(octets)
        for at, bit in ((p[1], p[2]) for p in places if p[0] == segment):
            spoiled[at] ^= 1 << bit
        with file.open("r+b") as stream:
            stream.write(spoiled)
    return before


def a_thousand_flipped_bits_are_found_and_made_good():
    for name in ("mail1", "mail2", "mail3"):
        send(name, 100)
    wait_until("all catalogued", catalogued, 60, 0.2)
    for name in ("access1", "access2"):  # what they have in memory proves nothing
        cluster.wait_restarted(name, cluster.kill(name))
    before = flip_bits("store2")
    print(f"{FLIPS} bits flipped in {len(before)} segments", flush=True)
    problems = []
    done = threading.Event()

    def reader(server):
        while not done.is_set():
            try:
                found = read_all(server)
                if found != bodies:
                    problems.append(f"{server['name']} served other octets")
            except OSError as error:
                if not isinstance(error, ConnectionRefusedError):  # not up again yet
                    problems.append(f"{server['name']}: {error}")

    readers = [threading.Thread(target=reader, args=(server,))
               for server in cluster.endpoints.access_servers]
    for thread in readers:
        thread.start()
    try:
        print(cluster.run("storage", "scrub", "store2", "--timeout", "50s").stdout.strip())

        def healed():
            now = {(segment, store): (generation, state)
                   for segment, store, generation, state in sealed_copies()}
            return all(now[segment, "store2"][0] > generation
                       and now[segment, "store2"][1] == "active"
                       for segment, (generation, _, _) in before.items())

        wait_until("every spoiled copy made anew", healed, HEALED_SECONDS, 0.2)
    finally:
        done.set()
        for thread in readers:
            thread.join()
    assert not problems, problems
    found = {row[0] for row in cluster.sql(
        "SELECT subject FROM report.event WHERE kind = 'copy_corrupt' AND server = 'store2'")}
    assert found == before.keys(), f"{len(before.keys() - found)} not found"
    new = {segment: generation for segment, store, generation, _ in sealed_copies()
           if store == "store2"}
    for segment, (_, file, octets) in before.items():
        assert file_of(segment, "store2", new[segment]).read_bytes() == octets
        assert not file.exists(), "the bad file is still there"
    cluster.run("storage", "repair", "--timeout", "50s")
    check_copies_are_equal()
    check_mail()


def an_edit_of_the_mirroring_table_moves_old_mail():
    def meets():
        return cluster.run("mirror", "check", check=False).returncode == 0

    wait_until("the table is met", meets, 60, 0.5)
    cluster.run("mirror", "set", "mail1", "mail2", "mail3")
    started = time.monotonic()
    late = cluster.run("mirror", "check", "--messages", check=False)
    assert late.returncode == 5 and "store3" in late.stdout, late.stdout
    wait_until("the table is met again", meets, 60, 0.5)
    print(f"met {time.monotonic() - started:.1f} s after the edit", flush=True)
    missing = cluster.sql(
        "SELECT count(*) FROM catalog.segment s WHERE s.writer = 'mail1' AND ("
        "SELECT count(*) FROM catalog.segment_replica r WHERE r.segment_id = s.id "
        "AND r.state = 'active') < 3", "roundtable_operator")
    assert missing == [["0"]], missing
    check_mail()


def a_store_is_emptied_and_retired():
    root = roots()["store3"]
    refused = cluster.run("storage", "retire", "store3", check=False)
    assert refused.returncode == 1 and "server move mail3" in refused.stderr, refused.stderr
    new = root.with_name("store4")
    cluster.run("storage", "add", "store4", "--path", str(new))
    for path in (new, *new.iterdir()):  # as the other stores, whose owner the daemons are
        os.chown(path, root.stat().st_uid, root.stat().st_gid)
    cluster.run("server", "move", "mail3", "store4")
    print(cluster.run("storage", "retire", "store3", "--timeout", "55s").stdout.strip())
    root.rename(f"{root}.gone")
    send("mail3", 5)
    wait_until("rows of store3 gone", lambda: cluster.sql(
        "SELECT segments + suspect + lost + behind FROM report.storage_status "
        "WHERE storage_server = 'store3'") == [["0"]], 30)
    wait_until("nothing owed", lambda: owed() == 0, HEALED_SECONDS, 0.2)
    too_few = cluster.sql(
        "SELECT count(*) FROM report.mirror_gap WHERE segment_state = 'sealed'")
    wait_until("the table is met", lambda: cluster.run(
        "mirror", "check", check=False).returncode == 0, 60, 0.5)
    print(f"{too_few[0][0]} gaps were left for the walk", flush=True)
    for name in ("access1", "access2"):
        cluster.wait_restarted(name, cluster.kill(name))

    def readable():
        try:
            check_mail()
            return True
        except (OSError, imaplib.IMAP4.error):
            return False

    wait_until("every message without store3", readable, 60, 0.5)


if __name__ == "__main__":
    print(f"seed {seed}", flush=True)
    with Cluster(settings={"segment_size": "16KiB", "attribute_cache": "1s"}) as started_cluster:
        cluster = started_cluster
        main([a_store_that_was_away_gets_what_it_missed,
              a_thousand_flipped_bits_are_found_and_made_good,
              an_edit_of_the_mirroring_table_moves_old_mail,
              a_store_is_emptied_and_retired])
