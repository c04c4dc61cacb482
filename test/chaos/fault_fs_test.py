#!/usr/bin/env python3
"""fault_fs itself: what was synced survives, what was not may go, each fault does what it says."""

import contextlib
import errno
import os
import pathlib
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
from cluster import main, programs, wait_until  # noqa: E402
from disks import Disk, needs_root  # noqa: E402


@contextlib.contextmanager
def disk(mounts=1, **options):
    with tempfile.TemporaryDirectory(prefix="roundtable-disk-") as directory:
        points = [f"{directory}/mount{n}" for n in range(mounts)]
        with Disk(programs() / "fault_fs", "disk", directory, points, **options) as made:
            yield made, *made.points


def write(path, content, sync=True):
    """The file is durable with sync, its name is not."""
    with open(path, "wb", buffering=0) as file:
        file.write(content)
        if sync:
            os.fsync(file.fileno())


def sync_folder(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)


def fails_with(number, action):
    try:
        action()
    except OSError as error:
        assert error.errno == number, f"{error} instead of {os.strerror(number)}"
        return
    raise AssertionError(f"no {os.strerror(number)}")


def what_was_synced_survives_a_power_loss():
    for seed in range(8):
        with disk() as (fs, root):
            content = os.urandom(100_000)
            write(root / "kept", content)
            sync_folder(root)
            with open(root / "kept", "ab", buffering=0) as file:
                file.write(os.urandom(50_000))
                fs.power_loss(seed)
                fails_with(errno.EIO, lambda: file.write(b"by a handle of before"))
            found = (root / "kept").read_bytes()
            assert found[:96 * 1024] == content[:96 * 1024], "synced pages changed"
            assert len(found) >= len(content), "the synced size shrank"


def what_was_not_synced_may_go():
    outcomes = set()
    for seed in range(24):
        with disk() as (fs, root):
            write(root / "file", b"a" * 8192)
            sync_folder(root)
            with open(root / "file", "r+b", buffering=0) as file:
                file.write(b"b" * 8192)
            write(root / "unnamed", b"c", sync=True)
            fs.power_loss(seed)
            pages = (root / "file").read_bytes()
            outcomes.add((pages[:1], pages[4096:4097], (root / "unnamed").exists()))
    assert len(outcomes) == 8, f"each page and name by itself: {sorted(outcomes)}"


def a_removed_name_comes_back_unless_the_folder_was_synced():
    back = 0
    for seed in range(12):
        with disk() as (fs, root):
            write(root / "one", b"1")
            write(root / "two", b"2")
            sync_folder(root)
            os.unlink(root / "one")
            sync_folder(root)
            os.unlink(root / "two")
            fs.power_loss(seed)
            assert not (root / "one").exists()
            if (root / "two").exists():
                assert (root / "two").read_bytes() == b"2"
                back += 1
    assert 0 < back < 12, back


def a_rename_that_was_synced_survives():
    for seed in range(4):
        with disk() as (fs, root):
            write(root / "state", b"old")
            sync_folder(root)
            write(root / "state.new", b"new")
            os.rename(root / "state.new", root / "state")
            sync_folder(root)
            fs.power_loss(seed)
            assert (root / "state").read_bytes() == b"new"
            assert os.listdir(root) == ["state"]


def rules_fail_shorten_and_end():
    with disk() as (fs, root):
        write(root / "file", b"x")
        for name, number in (("EIO", errno.EIO), ("ENOSPC", errno.ENOSPC), ("EROFS", errno.EROFS)):
            fs.rule(name, "modify", f"fail:{number}")
            fails_with(number, lambda: write(root / "file", b"y"))
            fs.clear(name)
        fs.rule("short", "write", "short", uses=1)
        descriptor = os.open(root / "file", os.O_WRONLY)
        assert os.write(descriptor, b"z" * 1000) == 500
        assert os.write(descriptor, b"z" * 1000) == 1000
        os.close(descriptor)
        assert fs.stats()["rule.short"] == 1


def a_call_hangs_until_it_is_let_go():
    with disk() as (fs, root):
        write(root / "file", b"x")
        fs.rule("hang", "sync", "hang")
        ended = threading.Event()

        def sync():
            with contextlib.suppress(OSError):
                write(root / "file", b"y")
            ended.set()

        thread = threading.Thread(target=sync)
        thread.start()
        wait_until("the call at the rule", lambda: fs.stats().get("rule.hang") == 1, 10)
        assert not ended.is_set()
        write(root / "other", b"others go on", sync=False)
        fs.clear("hang")
        thread.join(10)
        assert ended.is_set()


def a_disk_that_hangs_can_be_closed():
    with tempfile.TemporaryDirectory(prefix="roundtable-disk-") as directory:
        fs = Disk(programs() / "fault_fs", "disk", directory, [f"{directory}/mount"])
        fs.rule("hang", "all", "hang")
        thread = threading.Thread(target=lambda: os.path.exists(f"{directory}/mount/file"))
        thread.start()
        wait_until("the call at the rule", lambda: fs.stats().get("rule.hang"), 10)
        fs.close()
        thread.join(10)
        assert not thread.is_alive()
        assert directory not in pathlib.Path("/proc/self/mountinfo").read_text()


def mounts_of_one_disk_show_the_same_and_one_can_be_empty():
    with disk(mounts=2) as (fs, first, second):
        write(first / "file", b"x")
        assert (second / "file").read_bytes() == b"x"
        fs.empty(True, 1)
        assert os.listdir(second) == []
        write(second / "astray", b"y")
        assert not (first / "astray").exists()
        fs.empty(False, 1)
        assert os.listdir(second) == ["file"]
        fs.wipe()
        assert os.listdir(first) == os.listdir(second) == []


def a_flipped_bit_is_durable():
    with disk() as (fs, root):
        content = os.urandom(20_000)
        write(root / "a.seg", content)
        sync_folder(root)
        assert fs.flip(1, size_min=30_000) is None
        path, offset = fs.flip(1)
        fs.power_loss(1)
        found = (root / "a.seg").read_bytes()
        assert path == "/a.seg" and found != content
        assert [n for n in range(20_000) if found[n] != content[n]] == [offset]


def caching_is_close_to_open():
    with disk(mounts=2, cache_seconds=60) as (_, first, second):
        assert not (second / "file").exists()
        write(first / "file", b"x" * 100)
        assert not (second / "file").exists(), "a name that was missing is remembered"
        write(first / "other", b"x" * 100)
        assert os.stat(second / "other").st_size == 100
        write(first / "other", b"y" * 200)
        assert os.stat(second / "other").st_size == 100, "attributes are remembered"
        assert (second / "other").read_bytes() == b"y" * 200, "an opening asks again"


if __name__ == "__main__":
    needs_root()
    main([what_was_synced_survives_a_power_loss,
          what_was_not_synced_may_go,
          a_removed_name_comes_back_unless_the_folder_was_synced,
          a_rename_that_was_synced_survives,
          rules_fail_shorten_and_end,
          a_call_hangs_until_it_is_let_go,
          a_disk_that_hangs_can_be_closed,
          mounts_of_one_disk_show_the_same_and_one_can_be_empty,
          a_flipped_bit_is_durable,
          caching_is_close_to_open])
