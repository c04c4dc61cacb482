"""RESULTS.md beside this file: a section for each proof, replaced by its next run."""

import datetime
import os
import pathlib
import platform
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FILE = HERE / "RESULTS.md"
HEAD = """# Conformance: results of the long proofs

Each section was written by the proof that it names, on the machine and of the commit that it names.
"""


def provenance(proof):
    """Which proof, when, where, of what."""
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="ascii")
                  if line.startswith("model name")), platform.machine())

    def git(*words):
        return subprocess.run(["git", "-c", f"safe.directory={ROOT}", *words], cwd=ROOT,
                              stdout=subprocess.PIPE, text=True).stdout.strip()
    changed = git("status", "--porcelain", "--", "*.cpp", "*.h", "*.sql")
    commit = git("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")
    return (f"Written by `ops/prove {proof}` on {datetime.date.today()}; "
            f"{os.cpu_count()} x {model}; commit {commit}.")


def write_section(title, text):
    """Replaces the section of that title, or adds it; the others stay as they are."""
    sections = {}
    if FILE.exists():
        for part in FILE.read_text(encoding="utf-8").split("\n## ")[1:]:
            name, _, body = part.partition("\n")
            sections[name] = body.strip("\n")
    sections[title] = text.strip("\n")
    FILE.write_text(HEAD + "".join(f"\n## {name}\n\n{sections[name]}\n"
                                   for name in sorted(sections)), encoding="utf-8")
