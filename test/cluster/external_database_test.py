#!/usr/bin/env python3
"""`roundtable up --database`: a cluster on a PostgreSQL that somebody else runs."""

import contextlib
import os
import pathlib
import shutil
import smtplib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, main, wait_until  # noqa: E402

POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")


def as_user(*command):
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return list(command)
    return ["runuser", "-u", "roundtable", "--", *command]


@contextlib.contextmanager
def postgres():
    """Yields the connection string of an empty database, as its superuser."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="roundtable-pg-"))
    if os.geteuid() == 0:
        shutil.chown(directory, "roundtable")
    directory.chmod(0o755)
    subprocess.run(as_user(str(POSTGRES / "initdb"), "-D", f"{directory}/data", "-U", "boss",
                           "--auth=trust", "--no-sync"), check=True, capture_output=True)
    server = subprocess.Popen(as_user(str(POSTGRES / "postgres"), "-D", f"{directory}/data", "-k",
                                      str(directory), "-c", "listen_addresses=", "-c", "fsync=off"),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              start_new_session=True)
    try:
        def created():
            return subprocess.run(["psql", "-qX", "-h", directory, "-U", "boss", "-d", "postgres",
                                   "-c", "CREATE DATABASE mail"],
                                  capture_output=True).returncode == 0

        wait_until("PostgreSQL", created, 30)
        yield f"host={directory} dbname=mail user=boss"
    finally:
        pid = int((directory / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 2)
        server.wait(30)
        shutil.rmtree(directory, ignore_errors=True)


def a_cluster_runs_on_the_database_that_is_named():
    with postgres() as conninfo, Cluster(up_options=["--database", conninfo]) as cluster:
        assert not any(d["daemon"] == "postgres" for d in cluster.json("daemon", "list"))
        with smtplib.SMTP(*cluster.best_smtp(), timeout=30) as smtp:
            smtp.sendmail("a@client.invalid", [cluster.address("alice")], "Subject: x\r\n\r\ny\r\n")
        wait_until("the message in the catalog",
                   lambda: cluster.sql("SELECT 1 FROM report.delivery") == [["1"]], 20)


if __name__ == "__main__":
    main([a_cluster_runs_on_the_database_that_is_named])
