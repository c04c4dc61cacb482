"""Debian's Postfix as a submission server: own directories, a free port, in the foreground, stopped
by its own process id. It needs root, as it does in production."""

import contextlib
import os
import pwd
import socket
import subprocess

from cluster import wait_until
from ports import free_port

SERVICES = """
pickup    unix  n - n 60 1   pickup
cleanup   unix  n - n - 0    cleanup
qmgr      unix  n - n 300 1  qmgr
rewrite   unix  - - n - -    trivial-rewrite
bounce    unix  - - n - 0    bounce
defer     unix  - - n - 0    bounce
trace     unix  - - n - 0    bounce
verify    unix  - - n - 1    verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - -    proxymap
error     unix  - - n - -    error
retry     unix  - - n - -    error
anvil     unix  - - n - 1    anvil
scache    unix  - - n - 1    scache
"""  # of every Postfix
MASTER = SERVICES + """
127.0.0.1:{port} inet n - n - - smtpd
smtp      unix  - - n - -    smtp
postlog   unix-dgram n - n - 1 postlogd
"""
MAIN = """
compatibility_level = 3.6
queue_directory = {base}/queue
data_directory = {base}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = submission.client.test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
mynetworks = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject
transport_maps = texthash:{base}/etc/transport
maillog_file = {base}/queue/maillog
maillog_file_prefixes = {base}
"""


class Postfix:
    """with Postfix(directory, master, main, transport) as postfix: postfix.port. The texts are put
    behind what is in its master.cf, main.cf and transport(5) table."""

    def __init__(self, directory, master, main, transport):
        self.base = directory / "postfix"
        for name in ("etc", "queue", "data"):
            (self.base / name).mkdir(parents=True)
        owner = pwd.getpwnam("postfix")
        os.chown(self.base / "data", owner.pw_uid, owner.pw_gid)
        self.port = free_port()
        etc = self.base / "etc"
        (etc / "main.cf").write_text(MAIN.format(base=self.base) + main)
        (etc / "master.cf").write_text(MASTER.format(port=self.port) + master)
        (etc / "transport").write_text(transport)
        self.environment = dict(os.environ, MAIL_CONFIG=str(etc))

    def __enter__(self):
        subprocess.run(["postfix", "-c", self.base / "etc", "check"], env=self.environment,
                       check=True, capture_output=True)
        with (self.base / "out").open("ab") as out:
            self.process = subprocess.Popen(
                ["/usr/lib/postfix/sbin/master", "-c", self.base / "etc", "-d"], stdout=out,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=self.environment)
        wait_until("Postfix listens", self._listens)
        return self

    def __exit__(self, kind, error, trace):
        self.process.terminate()
        self.process.wait(30)
        if kind is not None:
            with contextlib.suppress(OSError):
                print((self.base / "queue/maillog").read_text(errors="replace"), flush=True)

    def _listens(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def flush(self):
        """Tries again at once what waits."""
        subprocess.run(["postqueue", "-c", self.base / "etc", "-f"], env=self.environment,
                       check=True)
