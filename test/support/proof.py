"""Long proofs of the conformance tests: runs one, and writes what came of it as a section of
test/conformance/RESULTS.md. Sections of other proofs are kept."""

import datetime
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "test" / "conformance" / "RESULTS.md"
HEAD = """# Proofs of the name server on the wire

Written by `ops/prove NAME`; each section says when, where and of which commit.
"""


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="ascii")
                  if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} x {model}"


def commit():
    """The commit, and whether the tree differs from it in what is proved."""
    def git(*words):
        return subprocess.run(["git", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True,
                              check=True).stdout
    changed = git("status", "--porcelain", "--", "dns", "base", "schema", "test/conformance/*.py")
    return git("rev-parse", "--short=12", "HEAD").strip() + (" with changes" if changed else "")


def with_section(text, title, body):
    """`text` with the section of this title in the place of the one that it had, or at the end."""
    section = f"## {title}\n\n{body.strip()}\n"
    found = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", text, re.M | re.S)
    if found is None:
        return text.rstrip("\n") + "\n\n" + section
    after = text[found.end():]
    return text[:found.start()] + section + ("\n" + after if after else "")


def run(title, name, command, environment, figure):
    """Runs the test, shows it, and keeps the lines that match `figure`. Gives the exit code."""
    begin = time.monotonic()
    lines = []
    with subprocess.Popen([str(word) for word in command], cwd=ROOT, text=True,
                          env={**os.environ, **environment}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as test:
        for line in test.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            if re.search(figure, line):
                lines.append(line.strip())
    seconds = time.monotonic() - begin
    settings = ", ".join(f"{key}={value}" for key, value in sorted(environment.items()))
    verdict = "passed" if test.returncode == 0 else "FAILED"
    body = "\n".join([
        f"`ops/prove {name}` on {datetime.date.today()}: **{verdict}** in {seconds / 60:.0f} min;",
        f"{machine()}; commit {commit()};", f"{settings}.", "",
        *(f"- {line}" for line in lines)])
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEAD
    RESULTS.write_text(with_section(text, title, body), encoding="utf-8")
    return test.returncode
