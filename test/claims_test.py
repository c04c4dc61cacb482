#!/usr/bin/env python3
"""Checks test/CLAIMS.md: each of the 33 claims is there, in order; each part names files, cases and
a disabling that exist; each case was seen to fail with that disabling (claims/RESULTS.md) and ran
and passed in this run of ctest (the directory that ROUNDTABLE_RAN names)."""

import os
import pathlib
import re
import sys

TEST = pathlib.Path(__file__).resolve().parent
ROOT = TEST.parent
sys.path.insert(0, str(TEST / "claims"))
import claims_table  # noqa: E402
import disablings  # noqa: E402

CLAIMS = 33
TABLE = TEST / "CLAIMS.md"
RESULTS = TEST / "claims" / "RESULTS.md"


class Judge:
    def __init__(self, ran):
        self.ran = ran  # directory of records; None: they are not looked at
        self.problems = []
        self.results = {(row.name, row.test): row for row in claims_table.read_results(RESULTS)}
        self.records = {}

    def wrong(self, where, what):
        self.problems.append(f"{where}: {what}")

    # -- the page ---------------------------------------------------------------------------------

    def page(self):
        claims, parts = claims_table.read_claims(TABLE)
        if claims != list(range(1, CLAIMS + 1)):
            self.wrong(TABLE.name, f"claims 1 to {CLAIMS} in order are wanted, there are {claims}")
        for claim in sorted(set(claims) - {part.claim for part in parts}):
            self.wrong(TABLE.name, f"claim {claim} has no part")
        for part in parts:
            self.part(part)
        unused = set(disablings.BY_NAME) - {off for part in parts for off in part.off}
        for name in sorted(unused):
            self.wrong("disablings.py", f"no part of a claim has the disabling {name}: name it "
                       "with the part that it switches off, or take it away")
        return parts

    def part(self, part):
        where = f"{TABLE.name}:{part.line}: claim {part.claim}, {part.part}"
        for title, names in (("file", part.files), ("test", part.tests), ("disabling", part.off)):
            if not names:
                self.wrong(where, f"no {title} is named")
        for file in part.files:
            if not (ROOT / file).is_file():
                self.wrong(where, f"there is no file {file}")
        for test in part.tests:
            if not exists(test):
                self.wrong(where, f"there is no test case {test}")
            elif self.ran is not None and not self.has_run(test):
                self.wrong(where, f"{test} did not run and pass in this run: no line in "
                           f"{self.ran / test.split(': ')[0]}; run the whole of ops/test")
        for name in part.off:
            disabling = disablings.BY_NAME.get(name)
            if disabling is None:
                self.wrong(where, f"there is no disabling {name} in disablings.py")
                continue
            if disabling.edit.file not in part.files:
                self.wrong(where, f"the disabling {name} is in {disabling.edit.file}, which is not "
                           "among the files")
            for test in part.tests:
                self.seen_to_fail(where, disabling, test)

    def has_run(self, test):
        program, case = test.split(": ")
        if program not in self.records:
            file = self.ran / program
            self.records[program] = file.read_text().splitlines() if file.is_file() else ()
        return case in self.records[program]

    def seen_to_fail(self, where, disabling, test):
        if test not in disabling.tests:
            self.wrong(where, f"the disabling {disabling.name} does not run {test}")
            return
        row = self.results.get((disabling.name, test))
        again = f"run `ops/prove claims {disabling.name}`"
        if row is None:
            self.wrong(where, f"{test} has no row for {disabling.name} in {RESULTS.name}: {again}")
        elif row.seen != "failed":
            self.wrong(where, f"{test} was not seen to fail with {disabling.name}: {row.reason}")
        elif row.edit != disabling.fingerprint():
            self.wrong(where, f"the disabling {disabling.name} has changed since: {again}")

    # -- what is switched off ---------------------------------------------------------------------

    def disablings(self):
        if len(disablings.BY_NAME) != len(disablings.ALL):
            self.wrong("disablings.py", "two disablings have one name")
        for each in disablings.ALL:
            file = ROOT / each.edit.file
            count = file.read_text().count(each.edit.old) if file.is_file() else 0
            if count != 1:
                self.wrong("disablings.py", f"{each.name}: its text is {count} times in "
                           f"{each.edit.file}, not once: write it anew and run "
                           f"`ops/prove claims {each.name}`")
            for test in each.tests:
                passed = self.results.get(("nothing", test))
                if passed is None or passed.seen != "passed":
                    self.wrong("disablings.py", f"{each.name}: {test} was not seen to pass with "
                               f"nothing switched off: run `ops/prove claims {each.name}`")


def exists(test):
    """Whether the tree has the case: by its text, so that it need not be built."""
    found = re.fullmatch(r"(unit|conformance|cluster)_(\w+): ([\w./]+)", test)
    if not found:
        return False
    group, name, case = found.groups()
    if group == "unit":
        suite, _, case = case.rpartition("/")
        return any(re.search(rf"_SUITE\({suite.split('/')[0]}\b", text)
                   and re.search(rf"_TEST_CASE\({case}\b", text)
                   for text in (file.read_text() for file in (TEST / group / name).rglob("*.cpp")))
    program = TEST / group / f"{name}_test.py"
    if not program.is_file():
        return False
    text = program.read_text()
    owner, _, function = case.rpartition(".")
    if owner:
        body = re.search(rf"^class {owner}\(.*?(?=^\S|\Z)", text, re.M | re.S)
        return bool(body and re.search(rf"^    def {function}\(self\)", body[0], re.M))
    # Defined, and given to main().
    return bool(re.search(rf"^def {function}\(\):", text, re.M)) and text.count(function) > 1


def main():
    named = "--programs" in sys.argv
    if named:  # for CMake: the tests that must have run before
        _, parts = claims_table.read_claims(TABLE)
        print(";".join(sorted({test.split(": ")[0] for part in parts for test in part.tests})),
              end="")
        return 0
    ran = os.environ.get("ROUNDTABLE_RAN")
    if ran is None and "--page" not in sys.argv:
        print("claims: ROUNDTABLE_RAN is not set: run by ctest (ops/test), or with --page to leave "
              "out what ran", file=sys.stderr)
        return 2
    judge = Judge(None if ran is None or "--page" in sys.argv else pathlib.Path(ran))
    parts = judge.page()
    judge.disablings()
    for problem in judge.problems:
        print(problem)
    print(f"{CLAIMS} claims, {len(parts)} parts, {len(disablings.ALL)} disablings, "
          f"{len(judge.problems)} problems")
    return 1 if judge.problems else 0


if __name__ == "__main__":
    sys.exit(main())
