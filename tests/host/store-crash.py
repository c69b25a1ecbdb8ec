#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What is left of a record when its writer is killed, or a system call fails, at any point.

store-writer is run under strace, which kills it before (or fails) one system call after the
other. Where strace can't trace, the test says so and is skipped."""

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

WRITER = os.path.abspath(os.environ.get("STORE_WRITER", "tests/host/store-writer"))
# Leak detection traces the process itself, which strace does already.
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="detect_leaks=0", LC_ALL="C")
OLD = "old " * 3000
NEW = "NEW!" * 5000

failures = []


def check(condition, text):
    if not condition:
        failures.append(text)


def limit_files():
    """Let a file grow to 10000 bytes: a write is cut short there, and the next one fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))


def writer(state, *words, inject=None, trace=None, **more):
    command = [WRITER, state, *words]
    if inject or trace:
        strace = ["strace", "-qq", "-o", trace or "/dev/null"]
        command = strace + (["-e", "inject=" + inject] if inject else []) + command
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60,
                          check=False, **more)


def read(state, name="crm"):
    """The record; None where there is none."""
    done = writer(state, "read", name)
    check(done.returncode in (0, 3), f"reading afterwards: {done.stderr}")
    return done.stdout if done.returncode == 0 else None


class Story:
    """One command on one state of the directory, to be disturbed at each of its system calls."""

    def __init__(self, words, before=()):
        self.words = words
        self.before = before

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="store-crash-")
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.directory)

    def prepare(self):
        state = os.path.join(self.directory, "state")
        shutil.rmtree(state, ignore_errors=True)
        for words in self.before:
            done = writer(state, *words)
            check(done.returncode == 0, f"preparing: {done.stderr}")
        return state

    def points(self):
        """Each (system call, how many-th of its name) from opening the store on."""
        state = self.prepare()
        trace = os.path.join(self.directory, "trace")
        done = writer(state, *self.words, trace=trace)
        check(done.returncode == 0, f"undisturbed: {done.stderr}")
        count, points, begun = {}, [], False
        with open(trace, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name = re.match(r"\w+(?=\()", line)
                if not name:
                    continue
                count[name[0]] = count.get(name[0], 0) + 1
                begun = begun or ('"/", O_' in line and "O_PATH" in line)
                if begun:
                    points.append((name[0], count[name[0]]))
        check(len(points) > 10, "hardly anything was traced")
        return points

    def disturb(self, how, only=None):
        """Run it with each point disturbed; gives (point, state directory, what came of it)."""
        for name, n in self.points():
            if only and name not in only:
                continue
            state = self.prepare()
            yield (f"{name} {n}", state,
                   writer(state, *self.words, inject=f"{name}:{how}:when={n}"))


def only_files(state, where, allowed):
    rest = set(os.listdir(state)) - {".lock"} - set(allowed)
    check(not rest, f"{where}: left behind {rest}")


def killed_replacing():
    killed = set()
    with Story(("write", "crm", NEW), [("write", "crm", OLD)]) as story:
        for where, state, done in story.disturb("signal=SIGKILL"):
            check(done.returncode in (0, -9, 137), f"{where}: exit {done.returncode}")
            found = read(state)
            check(found in (OLD, NEW), f"{where}: the record is {str(found)[:20]!r}")
            check(done.returncode != 0 or found == NEW, f"{where}: told stored, is not")
            killed.add(found)
            only_files(state, where, ["crm.grant"])
    check(killed == {OLD, NEW}, "not killed on both sides of the replacement")


def killed_first_write():
    with Story(("write", "crm", NEW)) as story:
        for where, state, done in story.disturb("signal=SIGKILL"):
            found = read(state)
            check(found in (None, NEW), f"{where}: the record is {str(found)[:20]!r}")
            check(done.returncode != 0 or found == NEW, f"{where}: told stored, is not")
            only_files(state, where, ["crm.grant"])


def killed_making_key():
    with Story(("key",)) as story:
        for where, state, _ in story.disturb("signal=SIGKILL"):
            first = writer(state, "key")
            again = writer(state, "key")
            check(len(first.stdout) == 64, f"{where}: {first.stderr}")
            check(first.stdout == again.stdout, f"{where}: the key changes")
            only_files(state, where, ["store.key"])


def killed_putting_aside():
    with Story(("aside", "crm"), [("write", "crm", OLD)]) as story:
        for where, state, _ in story.disturb("signal=SIGKILL"):
            check(read(state) in (None, OLD), f"{where}: the record changed")
            names = set(os.listdir(state)) - {".lock"}
            check(names in ({"crm.grant"}, {"crm.unreadable-1"}), f"{where}: found {names}")


def killed_proving():
    with Story(("prove",), [("write", "crm", OLD)]) as story:
        for where, state, _ in story.disturb("signal=SIGKILL"):
            check(read(state) == OLD, f"{where}: the record changed")
            only_files(state, where, ["crm.grant"])


CALLS = {"openat", "unlinkat", "write", "fsync", "close", "renameat", "fcntl", "newfstatat",
         "getdents64"}


def any_call_fails():
    refused = set()
    with Story(("write", "crm", NEW), [("write", "crm", OLD)]) as story:
        for where, state, done in story.disturb("error=EIO", CALLS):
            found = read(state)
            if done.returncode == 0:
                check(found == NEW, f"{where}: told stored, is not")
            else:
                check(found == OLD or where.startswith("fsync"), f"{where}: told failed, is there")
                check(found in (OLD, NEW), f"{where}: the record is {str(found)[:20]!r}")
                check("Input/output error" in done.stderr, f"{where}: says {done.stderr!r}")
                refused.add(where.split()[0])
            only_files(state, where, ["crm.grant"])
    missing = {"openat", "unlinkat", "write", "fsync", "close", "renameat", "fcntl"} - refused
    check(not missing, f"failing goes unnoticed: {missing}")


def one_failure(inject, says, then=OLD):
    with Story(("write", "crm", NEW), [("write", "crm", OLD)]) as story:
        state = story.prepare()
        done = writer(state, *story.words, inject=inject)
        check(done.returncode == 1, f"{inject}: exit {done.returncode}")
        check(says in done.stderr, f"{inject}: says {done.stderr!r}")
        check("crm.grant.tmp" not in "".join(os.listdir(state)), f"{inject}: temp left behind")
        check(read(state) == then, f"{inject}: the record changed")


def disk_full():
    one_failure("write:error=ENOSPC:when=1", "no space left on its file system: free some")
    one_failure("write:error=EDQUOT:when=1", "quota")
    one_failure("unlinkat:error=EROFS:when=1", "read-only")


def sync_fails():
    one_failure("fsync:error=EIO:when=1", "cannot write")
    one_failure("fsync:error=ENOSPC:when=1", "no space left")
    one_failure("fsync:error=EIO:when=2", "cannot sync the directory", then=NEW)


def write_takes_nothing():
    one_failure("write:retval=0:when=1", "Input/output error")


def write_interrupted():
    with Story(("write", "crm", NEW), [("write", "crm", OLD)]) as story:
        state = story.prepare()
        done = writer(state, *story.words, inject="write:error=EINTR:when=1")
        check(done.returncode == 0 and read(state) == NEW, f"{done.stderr!r}")


def write_cut_short():
    small = "old " * 1000
    with Story(("write", "crm", NEW), [("write", "crm", small)]) as story:
        state = story.prepare()
        # Python ignores SIGXFSZ, and the writer is to inherit that.
        done = writer(state, *story.words, preexec_fn=limit_files, restore_signals=False)
        check(done.returncode == 1 and "File too large" in done.stderr, f"{done.stderr!r}")
        check(read(state) == small, "the record changed")
        only_files(state, "cut short", ["crm.grant"])


def prove_fails():
    with Story(("prove",), [("write", "crm", OLD)]) as story:
        for inject in ("write:error=ENOSPC:when=1", "fsync:error=ENOSPC:when=1"):
            state = story.prepare()
            done = writer(state, "prove", inject=inject)
            check(done.returncode == 1 and "no space left" in done.stderr, f"{done.stderr!r}")
            only_files(state, inject, ["crm.grant"])


def lock_file_on_full_disk():
    """The pid in the lock is only told: the agent starts without, and reads what there is."""
    with Story(("read", "crm"), [("write", "crm", OLD)]) as story:
        state = story.prepare()
        done = writer(state, *story.words, inject="pwrite64:error=ENOSPC")
        check(done.returncode == 0 and done.stdout == OLD, f"{done.stderr!r}")


TESTS = [
    ("killed while replacing, the record is the old or the new one", killed_replacing),
    ("killed while writing the first, there is none or the new one", killed_first_write),
    ("killed while making the key, there is one key afterwards", killed_making_key),
    ("killed while putting aside, the record has one of its two names", killed_putting_aside),
    ("killed while proving, nothing is left of the probe", killed_proving),
    ("whatever call fails: told stored is stored, told failed keeps the old one", any_call_fails),
    ("a full disk is told as such and keeps the old record", disk_full),
    ("a failing fsync is an error", sync_fails),
    ("a write that takes nothing ends in an error", write_takes_nothing),
    ("an interrupted write goes on", write_interrupted),
    ("a write cut short and then refused keeps the old record", write_cut_short),
    ("the proof fails where a write would", prove_fails),
    ("a full disk does not keep the store from being opened", lock_file_on_full_disk),
]


def why_not():
    """Why strace can't be used here; None where it can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    done = subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", "inject=getppid:error=EIO",
                           "true"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else "strace can't trace here: " + done.stderr.strip()


def main():
    reason = why_not()
    if reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    print(f"1..{len(TESTS)}")
    failed = 0
    for n, (says, run) in enumerate(TESTS, 1):
        failures.clear()
        run()
        for text in failures:
            print(f"# {text}")
        print(f"{'not ok' if failures else 'ok'} {n} - {says}", flush=True)
        failed += bool(failures)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
