"""What a running cluster wrote about itself (endpoints.json), and the `roundtable` command."""

import json
import pathlib
import subprocess
import time


def wait_until(what, condition, seconds=30.0, interval=0.05):
    """Polls until condition() is true and returns its value; if it never is, says what was."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not seen within {seconds:.0f} s: {what}")
        time.sleep(interval)


class Endpoints:
    """The endpoints of one cluster; addresses and ports as `roundtable up` chose them."""

    def __init__(self, directory, program):
        self.directory = pathlib.Path(directory)
        self.program = str(program)
        data = json.loads((self.directory / "endpoints.json").read_text())
        self.database = data["database"]
        self.name_servers = data["name_servers"]
        self.mail_servers = data["mail_servers"]
        self.access_servers = data["access_servers"]
        self.storage_servers = data["storage_servers"]

    @property
    def dns(self):
        server = self.name_servers[0]
        return server["address"], server["port"]

    def smtp(self, host_name):
        """(address, port) of the mail server that DNS calls host_name."""
        for server in self.mail_servers:
            if server["host_name"].rstrip(".").lower() == host_name.rstrip(".").lower():
                return server["address"], server["smtp_port"]
        raise KeyError(f"no mail server is called {host_name}")

    def access(self, address):
        for server in self.access_servers:
            if server["address"] == address:
                return server
        raise KeyError(f"no access server has the address {address}")

    def run(self, *arguments, check=True, stdin=None):
        """Runs `roundtable ARGUMENTS` on this cluster; returns the finished process."""
        result = subprocess.run([self.program, "--dir", str(self.directory), *arguments],
                                capture_output=True, text=True, input=stdin, timeout=60)
        if check and result.returncode != 0:
            raise RuntimeError(f"roundtable {' '.join(arguments)}: exit {result.returncode}: "
                               f"{result.stderr.strip()}")
        return result

    def json(self, *arguments):
        """Runs a listing with --json and returns its value."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def sql(self, statement, user="roundtable_report"):
        """Rows (lists of text) that psql prints for a statement, as the given role."""
        conninfo = " ".join(word for word in self.database.split() if not word.startswith("user="))
        result = subprocess.run(
            ["psql", "-X", "-A", "-t", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-c", statement,
             f"{conninfo} user={user}"],
            capture_output=True, text=True, timeout=60)
        if result.returncode != 0:
            raise RuntimeError(f"psql: {result.stderr.strip()}")
        return [line.split("\x1f") for line in result.stdout.splitlines()]
