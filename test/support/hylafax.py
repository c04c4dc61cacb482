"""HylaFAX as Debian ships it, in a spool of the test's own, faxes that ghostscript draws, and mail
to be sent as a fax with the reports that come back."""

import contextlib
import email
import email.message
import email.policy
import imaplib
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess

from cluster import ROOT, wait_until
from ports import free_port

LIBEXEC = "/usr/lib/hylafax/bin"
FAX_DOMAIN = "fax.example.test"
PAGES = """%!PS
/Helvetica findfont 40 scalefont setfont 72 600 moveto (Fax {number}) show showpage
72 600 moveto (Page two of {number}) show showpage
"""


def make_tiff(path, number, device="tiffg4", resolution="204x196"):
    """A fax of two pages by ghostscript, with the tags that HylaFAX writes."""
    draw_tiff(path, number, device, resolution)
    tag_tiff(path, number)


def draw_tiff(path, number, device="tiffg4", resolution="204x196"):
    subprocess.run(["gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", f"-sDEVICE={device}",
                    f"-r{resolution}", f"-sOutputFile={path}", "-"],
                   input=PAGES.format(number=number), text=True, check=True, timeout=60)


def tag_tiff(path, number):
    """The description has the number: no two faxes have the same octets."""
    subprocess.run(["tiffset", "-s", "ImageDescription",
                    f"+49 30 111\n+49309{number:04d}\nBob {number}\n+4940123456", str(path)],
                   check=True, capture_output=True)


class Spool:
    """A spool of HylaFAX in a directory of the test, for its scripts and daemons."""

    def __init__(self, cluster, directory):
        self.cluster = cluster
        self.path = pathlib.Path(directory) / "spool"
        shutil.copytree("/var/spool/hylafax", self.path, symlinks=True)
        etc = self.path / "etc"
        shutil.rmtree(etc)
        shutil.copytree("/etc/hylafax", etc)
        # Debian's wrappers mount /etc/hylafax; the programs behind them need no mount.
        setup = (etc / "setup.cache").read_text()
        setup = setup.replace("SBIN='/usr/sbin'", f"SBIN='{LIBEXEC}'")
        setup = re.sub(r"SPOOL='.*'", f"SPOOL='{self.path}'", setup)
        self.mails = self.path / "mails"
        sendmail = self.path / "sendmail"
        sendmail.write_text(f"#!/bin/sh\ncat >>{self.mails}\nexit 75\n")
        sendmail.chmod(0o755)
        setup = re.sub(r"SENDMAIL='.*'", f"SENDMAIL='{sendmail}'", setup)
        (etc / "setup.cache").write_text(setup)
        shutil.copy(ROOT / "ops" / "fax" / "FaxDispatch", etc / "FaxDispatch")
        shutil.copy(ROOT / "ops" / "fax" / "FaxNotify", etc / "FaxNotify")

    def sockets(self):
        words = []
        for server in self.cluster.endpoints.mail_servers:
            words += ["--socket", server["ingest_socket"]]
        return words

    def environment(self):
        endpoints = self.cluster.endpoints
        return {"PATH": f"{LIBEXEC}:/usr/sbin:/usr/bin:/bin:/usr/sbin", "LC_ALL": "C",
                "TZ": "UTC",
                "ROUNDTABLE": f"{endpoints.program} --dir {self.cluster.directory}",
                "ROUNDTABLE_SOCKETS": " ".join(self.sockets()),
                "ROUNDTABLE_FAX_DOMAIN": FAX_DOMAIN}

    def receive(self, number, tiff, caller=None):
        """What faxgetty does when a fax has come: the file, the line of the log, the hook. Returns
        what the hook said."""
        name = f"recvq/fax{number:09d}.tif"
        shutil.copy(tiff, self.path / name)
        log = self.path / "log" / "xferfaxlog"
        caller = caller or f"+49309{number:04d}"
        with log.open("a") as file:
            file.write("\t".join([
                "11/25/26 22:49", "RECV", f"{number:09d}", "ttyS0", name, "", "fax",
                '"+49 40 123456"', '"+49 30 111"', "15728640", "2", "0:01:05", "0:01:01", '""',
                f'"{caller}"', f'"Bob {number}"', '"+4940123456"', '""', '"00 46 88 00"']) + "\n")
        result = subprocess.run(
            ["/bin/bash", "bin/faxrcvd", name, "ttyS0", f"{number:09d}", "", caller,
             f"Bob {number}", "+4940123456"],
            cwd=self.path, env=self.environment(), capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, (result.stdout, result.stderr)
        return result.stdout + result.stderr

    def sweep(self, check=True):
        return self.cluster.run("fax", "sweep", "--spool", str(self.path), "--state",
                                str(self.path / "sweeper"), *self.sockets(), "--domain", FAX_DOMAIN,
                                check=check)


class HylaFax:
    """hfaxd and faxq of a spool, on a port of their own; faxsend is a script that "calls". They
    must be started as root and become uucp themselves."""

    def __init__(self, spool):
        self.spool = spool
        etc = spool.path / "etc"
        self.port = free_port()
        faxsend = spool.path / "bin" / "faxsend-without-modem"
        # The status is HylaFAX's own: 1 failed, 2 done (FaxSendStatus).
        faxsend.write_text('#!/bin/sh\nfor file; do :; done\n'
                           'grep "^number:" "$file" >>calls\n'
                           'if grep -q "^number:.*999$" "$file"; then\n'
                           '  sed -i "s/^status:.*/status:No answer from remote/" "$file"; exit 1\n'
                           'fi\nexit 2\n')
        faxsend.chmod(0o755)
        with (etc / "config").open("a") as config:
            config.write("SendFaxCmd: bin/faxsend-without-modem\n")
        (etc / "config.ttyF0").write_text("FaxNumber: +1.555\n")
        (etc / "hosts.hfaxd").write_text("localhost\n127.0.0.1\n")
        uucp = pwd.getpwnam("uucp")
        for path in [spool.path, *spool.path.rglob("*")]:
            os.chown(path, uucp.pw_uid, uucp.pw_gid, follow_symlinks=False)
        (etc / "hosts.hfaxd").chmod(0o600)
        environment = {**spool.environment(), "HOME": str(spool.path)}
        self.log = (spool.path / "log" / "daemons").open("ab")
        self.daemons = [
            subprocess.Popen(command, cwd=spool.path, env=environment, stdout=self.log,
                             stderr=self.log, stdin=subprocess.DEVNULL)
            for command in (["/usr/sbin/faxq", "-D", "-q", str(spool.path)],
                            ["/usr/sbin/hfaxd", "-d", "-q", str(spool.path), "-l", "127.0.0.1",
                             "-i", str(self.port)])]
        wait_until("hfaxd listens", self._listens)
        wait_until("faxq listens", lambda: (spool.path / "FIFO").exists())
        self.announce()

    def announce(self):
        """Tells faxq of the modem, as faxgetty would; once more does no harm."""
        subprocess.run([f"{LIBEXEC}/faxmodem", "-q", str(self.spool.path), "ttyF0"], check=True)

    def wait_over(self, jobs):
        """Until so many jobs are over; if they never are, shows HylaFAX's side."""
        def over():
            self.announce()
            return len(list(self.spool.path.glob("doneq/q[0-9]*"))) >= jobs

        try:
            wait_until(f"{jobs} jobs over", over, 180, 1)
        except TimeoutError:
            for path in [*self.spool.path.glob("sendq/q[0-9]*"), self.spool.path / "log/daemons"]:
                print(f"--- {path}\n{path.read_text(errors='replace')}", flush=True)
            raise

    def _listens(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def calls(self):
        with contextlib.suppress(OSError):
            return (self.spool.path / "calls").read_text().splitlines()
        return []

    def stop(self):
        for daemon in self.daemons:
            daemon.terminate()
        for daemon in self.daemons:
            daemon.wait(30)
        self.log.close()


def inbox(cluster, user):
    """All messages of an account's INBOX, parsed."""
    server = cluster.endpoints.access_servers[0]
    imap = imaplib.IMAP4(server["address"], server["imap_port"], timeout=60)
    imap.login(cluster.address(user), cluster.password)
    count = int(imap.select("INBOX")[1][0])
    messages = []
    for uid in range(1, count + 1):
        data = imap.fetch(str(uid), "(BODY.PEEK[])")[1]
        messages.append(email.message_from_bytes(data[0][1], policy=email.policy.default))
    imap.logout()
    return messages


def outgoing(subject, body="Hello by fax", tiff=None):
    message = email.message.EmailMessage()
    message["From"] = "alice@example.test"
    message["To"] = f"+4930901820@{FAX_DOMAIN}"
    message["Subject"] = subject
    message["Message-ID"] = f"<{subject.replace(' ', '.')}@client.example.test>"
    message.set_content(body)
    if tiff:
        message.add_attachment(tiff.read_bytes(), maintype="image", subtype="tiff",
                               filename="page.tif")
    return message.as_string()


def report_of(messages, number):
    """The fields of the delivery status notification about a number, and in-reply-to of its header
    and all of what it repeats; there must be one."""
    found = []
    for message in messages:
        if message.get_content_type() == "multipart/report":
            status = next(p for p in message.walk()
                          if p.get_content_type() == "message/delivery-status")
            fields = {name.lower(): value for block in status.get_payload()
                      for name, value in block.items()}
            if fields["final-recipient"] == f"x-fax; {number}":
                fields["in-reply-to"] = message["In-Reply-To"]
                repeated = next(p for p in message.walk()
                                if p.get_content_type() == "text/rfc822-headers")
                fields["repeated"] = email.message_from_string(repeated.get_content())
                found.append(fields)
    assert len(found) == 1, found
    return found[0]
