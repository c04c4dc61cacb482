"""Which test cases ran and passed, for the test `claims`: a file a program in the directory that
ROUNDTABLE_RAN names, replaced as a whole. Without that variable nothing is written."""

import os
import pathlib
import sys
import tempfile
import unittest


def record(program, cases):
    """`program` is what ctest calls the test, `cases` those that passed."""
    directory = os.environ.get("ROUNDTABLE_RAN")
    if not directory:
        return
    target = pathlib.Path(directory) / program
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=target.parent, prefix="." + target.name,
                                     delete=False) as file:
        file.write("".join(case + "\n" for case in cases))
    os.replace(file.name, target)


def program_of(path):
    """What ctest calls test/cluster/smoke_test.py: cluster_smoke."""
    path = pathlib.Path(path).resolve()
    return f"{path.parent.name}_{path.stem.removesuffix('_test')}"


class _Result(unittest.TextTestResult):
    def startTestRun(self):
        super().startTestRun()
        self.passed = []
        record(program_of(sys.argv[0]), self.passed)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed.append(f"{type(test).__name__}.{test._testMethodName}")
        record(program_of(sys.argv[0]), self.passed)


class Runner(unittest.TextTestRunner):
    """For programs of unittest: unittest.main(testRunner=Runner())."""

    resultclass = _Result
