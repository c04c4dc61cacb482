"""HylaFAX as Debian ships it, in a spool of the test's own, and faxes that ghostscript draws."""

import pathlib
import re
import shutil
import subprocess

from cluster import ROOT

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
        log = self.path / "etc" / "xferfaxlog"
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
