"""What every benchmark shares: the machine, CPU and memory of process trees, rows and the table.

A row: {"name","unit","better","ours","peer","peer_name","peer_version","ratio","target","met"};
ratio is ours / peer; `better` says whether lower or higher is better; target is a bound of the
ratio.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "support"))

TICKS = os.sysconf("SC_CLK_TCK")


def machine():
    model = "unknown"
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory_kib = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True,
                            capture_output=True).stdout.strip()
    return {"cpu": model, "cores": os.cpu_count(), "memory_gib": round(memory_kib / 2**20),
            "kernel": platform.release(), "commit": commit,
            "date": time.strftime("%Y-%m-%d", time.gmtime())}


def _stat(pid):
    """(parent, own + reaped children's CPU ticks), or None when the process is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2:].split()
    return int(fields[1]), sum(int(fields[index]) for index in (11, 12, 13, 14))


def tree(roots):
    """The process ids of roots and all their living descendants."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = _stat(entry)
            if stat:
                parents.setdefault(stat[0], []).append(int(entry))
    found, queue = [], list(roots)
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue.extend(parents.get(pid, []))
    return found


def cpu_seconds(roots):
    """CPU that the trees have used so far: what each process and its ended children took."""
    total = 0
    for pid in tree(roots):
        stat = _stat(pid)
        if stat:
            total += stat[1]
    return total / TICKS


def cpu_exact(roots):
    """CPU seconds that the living processes of the trees have used, ended threads included, by
    their CPU clocks: in nanoseconds and not in ticks."""
    total = 0
    for pid in tree(roots):
        with contextlib.suppress(OSError):
            total += time.clock_gettime_ns((~pid << 3) | 2)  # clock_getcpuclockid(3)
    return total / 1e9


def private_kib(roots):
    """Private memory (clean and dirty) of the trees."""
    total = 0
    for pid in tree(roots):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(("Private_Clean:", "Private_Dirty:")):
                    total += int(line.split()[1])
    return total


def pin(pid, cpu):
    """All threads of a process to one core."""
    subprocess.run(["taskset", "-a", "-c", "-p", str(cpu), str(pid)], check=True,
                   stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def workspace(name):
    """A directory that goes afterwards; on disk, because fsync is part of what is measured."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"bench-{name}-", dir="/var/tmp"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def service(command, log, **options):
    """A peer's daemon in the foreground, ended by its own process id."""
    with open(log, "ab") as out:
        process = subprocess.Popen([str(word) for word in command], stdout=out,
                                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def require(*tools):
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        sys.exit(f"missing: {', '.join(missing)}; run ops/scripts/packages bench")


class Report:
    def __init__(self, name, parser=None):
        """`parser`: with the benchmark's own options."""
        parser = parser or argparse.ArgumentParser(prog=name)
        parser.add_argument("--json", metavar="FILE", help="also write the rows here")
        self.options = parser.parse_args()
        self.name = name
        self.rows = []
        self.raw = []
        self.machine = machine()
        print(f"# {name}: " + ", ".join(f"{k} {v}" for k, v in self.machine.items()), flush=True)

    def note(self, text):
        """A raw figure or remark, printed as it comes and kept."""
        print(text, flush=True)
        self.raw.append(text)

    def row(self, name, unit, better, ours, peer, target):
        """peer = (value, name, version); target = bound of ours / peer, or None."""
        ratio = ours / peer[0] if peer[0] else float("inf")
        met = None
        if target is not None:
            met = ratio <= target if better == "lower" else ratio >= target
        self.rows.append({"name": name, "unit": unit, "better": better, "ours": round(ours, 4),
                          "peer": round(peer[0], 4), "peer_name": peer[1],
                          "peer_version": peer[2], "ratio": round(ratio, 4), "target": target,
                          "met": met})

    def finish(self):
        print(f"\n{'name':34} {'unit':12} {'better':7} {'ours':>11} {'peer':>11} {'ratio':>8} "
              f"{'target':>8} {'met':5} peer")
        for row in self.rows:
            target = "-" if row["target"] is None else row["target"]
            met = {True: "yes", False: "NO", None: "-"}[row["met"]]
            print(f"{row['name']:34} {row['unit']:12} {row['better']:7} {row['ours']:>11.3f} "
                  f"{row['peer']:>11.3f} {row['ratio']:>8.3f} {target!s:>8} {met:5} "
                  f"{row['peer_name']} {row['peer_version']}")
        if self.options.json:
            pathlib.Path(self.options.json).write_text(json.dumps(
                {"benchmark": self.name, "machine": self.machine, "rows": self.rows,
                 "raw": self.raw}, indent=1) + "\n")
