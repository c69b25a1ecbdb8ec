#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`grantctl exec`: a command that runs beside a token kept fresh in a file."""

import contextlib
import ctypes
import os
import pty
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

from lib import GRANTCTL, PATIENCE_S, STRANGER, Rig, has_code  # first: it finds the others
from tap import Skip, behaviour, equal, run, true, within

MEMORY = "/dev/shm"
FORWARDED = ("HUP", "INT", "TERM", "QUIT", "USR1", "USR2")

# Tells its start and each signal with what the file holds, and ends as it is told on stdin.
CHILD = """
import os, select, signal, sys
def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def token():
    with open(os.environ["GRANTD_TOKEN_FILE"]) as f:
        return f.read()
woken, wakes = os.pipe()
os.set_blocking(wakes, False)
signal.set_wakeup_fd(wakes)
for name in sys.argv[1:]:
    signal.signal(getattr(signal, "SIG" + name), lambda n, _: say(signal.Signals(n).name, token()))
say("up", os.getpid(), os.environ["GRANTD_TOKEN_FILE"], token())
while 0 not in select.select([0, woken], [], [])[0]:
    os.read(woken, 1)
sys.exit(int(os.read(0, 10) or 0))
"""

# Reads the file as fast as it can, and tells each content that it has not seen before.
READER = """
import os, select, sys
path, seen = os.environ["GRANTD_TOKEN_FILE"], set()
while True:
    with open(path) as f:
        content = f.read()
    if content not in seen:
        seen.add(content)
        os.write(1, (content + "\\n").encode())
    if select.select([0], [], [], 0)[0]:
        break
"""

# Runs its arguments as a job in front, and continues it when it is stopped from the terminal.
SHELL = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
print("job", job, flush=True)
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        break
    print("stopped by", os.WSTOPSIG(status), flush=True)
    if os.WSTOPSIG(status) == signal.SIGTSTP:
        os.killpg(job, signal.SIGCONT)
print("ended", os.waitstatus_to_exitcode(status), flush=True)
"""


def environment(**more):
    """Ours, without what moves the file or the agent; a value of None takes a variable away."""
    changes = {"RUNTIME_DIRECTORY": None, "XDG_RUNTIME_DIR": None, "GRANTD_RUNTIME": None, **more}
    return {k: v for k, v in {**os.environ, **changes}.items() if v is not None}


def command(agent, *words, options=()):
    return [GRANTCTL, "exec", "crm", "--runtime", agent.runtime, *options, "--", *words]


def finish(agent, *words, options=(), **more):
    """exec of a command that ends by itself."""
    more.setdefault("env", environment())
    return subprocess.run(command(agent, *words, options=options), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False, **more)


class Running:
    """exec of CHILD, or of another program in Python."""

    def __init__(self, agent, *signals, options=(), program=CHILD, env=None, **more):
        words = [sys.executable, "-c", program, *signals]
        self.process = subprocess.Popen(
            command(agent, *words, options=options), env=env or environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)

    def up(self):
        """Wait until the command runs."""
        word, pid, self.path, self.token = self.line()
        equal(word, "up")
        self.pid = int(pid)
        return self

    def line(self, stream="stdout"):
        stream = getattr(self.process, stream)
        true(select.select([stream], [], [], PATIENCE_S)[0], "something is told in time")
        line = b""
        while not line.endswith(b"\n"):  # past the buffer of the stream, which select() can't see
            byte = os.read(stream.fileno(), 1)
            true(byte, f"a whole line, not {line!r}")
            line += byte
        return line.decode().split()

    def end(self, code=0):
        """Have the command exit so; (exit status, stderr)."""
        _, err = self.process.communicate(f"{code}\n".encode(), timeout=PATIENCE_S)
        return self.process.returncode, err.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.process.communicate(timeout=PATIENCE_S)  # the end of stdin ends the command
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


@contextlib.contextmanager
def running(agent, *signals, **more):
    with Running(agent, *signals, **more) as it:
        yield it.up()


class Watch:
    """Waits for names to appear in a directory, or a file to grow (inotify(7))."""

    MODIFY, MOVED_TO = 0x2, 0x80

    def __init__(self, path):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_CLOEXEC)
        if libc.inotify_add_watch(self.fd, path.encode(), self.MODIFY | self.MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")

    def until(self, condition):
        while not condition():
            true(select.select([self.fd], [], [], PATIENCE_S)[0], "something changes in time")
            os.read(self.fd, 4096)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)


def content(path):
    with open(path, encoding="ascii") as f:
        return f.read()


def token_of(agent):
    answer = agent.ctl("token", "crm")
    equal(answer.returncode, 0, answer.stderr)
    return answer.stdout.strip()


def refreshed(agent):
    """Have the agent get a new token; it."""
    equal(agent.ctl("refresh", "crm").returncode, 0)
    return token_of(agent)


def gone(path):
    true(not os.path.exists(os.path.dirname(path)), f"{path} and its directory are gone")


@behaviour("the command finds the token, and no more, in a file of its own in memory")
def _():
    with Rig() as rig:
        agent = rig.approved()
        with running(agent) as it:
            equal(it.token, token_of(agent))
            equal(content(it.path), it.token)
            directory = os.path.dirname(it.path)
            equal(os.path.dirname(directory), MEMORY)
            equal(stat.S_IMODE(os.stat(it.path).st_mode), 0o600)
            equal(stat.S_IMODE(os.stat(directory).st_mode), 0o700)
            equal(os.listdir(directory), ["token"])
            equal(it.end(), (0, ""))
            gone(it.path)


@behaviour("the token is in no environment and no command line")
def _():
    with Rig() as rig:
        with running(rig.approved()) as it:
            for pid in (it.pid, it.process.pid):
                for what in ("environ", "cmdline"):
                    with open(f"/proc/{pid}/{what}", "rb") as f:
                        true(it.token.encode() not in f.read(), f"no token in {what}")


@behaviour("the exit status is that of the command")
def _():
    with Rig() as rig:
        agent = rig.approved()
        for code in (0, 3, 126, 255):
            done = finish(agent, "sh", "-c", f"exit {code}")
            equal((done.returncode, done.stderr), (code, ""))
        for name, number in (("TERM", 15), ("KILL", 9), ("USR1", 10)):
            done = finish(agent, "sh", "-c", f"kill -{name} $$")
            equal((done.returncode, done.stderr), (128 + number, ""))


@behaviour("a command that is not found is 127, one that can't be executed 126, and no file stays")
def _():
    with Rig() as rig:
        agent = rig.approved()
        place = tempfile.mkdtemp(dir=MEMORY)
        try:
            env = environment(RUNTIME_DIRECTORY=place)
            done = finish(agent, "no-such-command", env=env)
            equal((done.returncode, done.stderr),
                  (127, "grantctl: cannot run no-such-command: No such file or directory\n"))
            plain = rig.secret_file("plain", "not a program")
            done = finish(agent, plain, env=env)
            equal((done.returncode, done.stderr),
                  (126, f"grantctl: cannot run {plain}: Permission denied\n"))
            equal(finish(agent, place, env=env).returncode, 126, "a directory")
            equal(os.listdir(place), [])
        finally:
            shutil.rmtree(place)


@behaviour("words after -- are the command's, options too, and its streams are ours")
def _():
    with Rig() as rig:
        agent = rig.approved()
        words = ["printf", "%s,", "--json", "-h", "--", "a b", ""]
        equal(finish(agent, *words).stdout, "--json,-h,--,a b,,")
        done = subprocess.run(command(agent, "sh", "-c", "cat; echo said >&2"), input="heard",
                              env=environment(), capture_output=True, text=True, check=False)
        equal((done.stdout, done.stderr), ("heard", "said\n"))


@behaviour("the command has no descriptor of ours, and signals as they were")
def _():
    with Rig() as rig:
        agent = rig.approved()
        equal(finish(agent, "ls", "/proc/self/fd").stdout.split(), ["0", "1", "2", "3"])  # 3: ls
        show = ["grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"]
        plain = subprocess.run(show, capture_output=True, text=True, check=True).stdout
        equal(finish(agent, *show).stdout, plain)


@behaviour("each of HUP INT TERM QUIT USR1 USR2 is forwarded, once")
def _():
    with Rig() as rig:
        with running(rig.approved(), *FORWARDED) as it:
            for name in FORWARDED:
                it.process.send_signal(getattr(signal, "SIG" + name))
                equal(it.line(), ["SIG" + name, it.token])
            equal(it.end(5), (5, ""))


@behaviour("a command that dies of a forwarded signal is 128 and that signal")
def _():
    with Rig() as rig:
        with running(rig.approved()) as it:
            it.process.send_signal(signal.SIGTERM)
            equal(it.process.wait(PATIENCE_S), 143)
            gone(it.path)


@behaviour("a command that is killed leaves no file")
def _():
    with Rig() as rig:
        with running(rig.approved()) as it:
            os.kill(it.pid, signal.SIGKILL)
            equal(it.process.wait(PATIENCE_S), 137)
            gone(it.path)


@behaviour("exec that is killed leaves the command running, with the file as it is")
def _():
    with Rig() as rig:
        with running(rig.approved(), "USR1") as it:
            try:
                it.process.kill()
                it.process.wait()
                os.kill(it.pid, signal.SIGUSR1)
                equal(it.line(), ["SIGUSR1", it.token])
            finally:
                os.kill(it.pid, signal.SIGKILL)
                shutil.rmtree(os.path.dirname(it.path))


@behaviour("a new token replaces the file as a whole")
def _():
    with Rig() as rig:
        agent = rig.approved()
        with running(agent) as it, Watch(os.path.dirname(it.path)) as watch:
            inode = os.stat(it.path).st_ino
            token = refreshed(agent)
            watch.until(lambda: content(it.path) == token)
            true(token != it.token, "another token")
            true(os.stat(it.path).st_ino != inode, "another file")
            equal(stat.S_IMODE(os.stat(it.path).st_mode), 0o600)
            equal(os.listdir(os.path.dirname(it.path)), ["token"])


@behaviour("a reader at any time finds a whole token, and the newest comes, however fast they follow")
def _():
    with Rig() as rig:
        agent = rig.approved()
        tokens = [token_of(agent)]
        with Running(agent, program=READER) as it:
            equal(it.line(), tokens)
            tokens += [refreshed(agent) for _ in range(10)]
            seen = tokens[0]
            while seen != tokens[-1]:
                seen, = it.line()
                true(seen in tokens, f"{seen!r} is one of the tokens")
            equal(it.end()[0], 0)


@behaviour("a token that the agent renews by itself comes into the file")
def _():
    with Rig() as rig:
        rig.provider.configure(access_lifetime=5)
        agent = rig.approved()
        with running(agent) as it, Watch(os.path.dirname(it.path)) as watch:
            watch.until(lambda: content(it.path) != it.token)
            true(rig.introspect(content(it.path)), "the token is active")


@behaviour("--signal is sent after each change of the file, and not before the first")
def _():
    with Rig() as rig:
        agent = rig.approved()
        for name in ("USR2", "SIGHUP"):
            with running(agent, "USR2", "HUP", options=["--signal", name]) as it:
                for _ in range(2):
                    token = refreshed(agent)
                    equal(it.line(), ["SIG" + name.replace("SIG", ""), token])
                equal(it.end(), (0, ""))


@behaviour("--min-valid gets a new token when so much is left, before the agent would")
def _():
    with Rig() as rig:
        rig.provider.configure(access_lifetime=20)
        agent = rig.approved(crm=rig.connection(refresh={"margin": "1s"}))
        with running(agent, "HUP", options=["--min-valid", "9s", "--signal", "HUP"]) as it:
            begun = rig.provider.control("log")["now"]
            word, token = it.line()
            equal(word, "SIGHUP")
            true(rig.introspect(token), "active")
            equal(len(rig.spent()), 1)
            true(9 <= rig.spent()[0]["t"] - begun <= 14, "11 s later")


@behaviour("--min-valid that no token fulfils is 7, with --timeout 6, and the command is not started")
def _():
    with Rig() as rig:
        rig.provider.configure(access_lifetime=60)
        agent = rig.approved()
        done = finish(agent, "echo", "started", options=["--min-valid", "1h"])
        equal((done.returncode, done.stdout), (7, ""))
        within(done.stderr, ["asked were 3600 s"])
        true(len(rig.spent()) <= 2, "no more than two requests")
        done = finish(agent, "echo", "started", options=["--min-valid", "1h", "--timeout", "4s"])
        equal((done.returncode, done.stdout), (6, ""))
        true(len(rig.spent()) <= 6, "tries further and further apart")


@behaviour("what has to wait for an operator is 3 at once, and the command is not started")
def _():
    with Rig() as rig:
        agent = rig.start()
        rig.code()
        equal(agent.ctl("login", "crm", "--cancel").returncode, 0)
        done = finish(agent, "echo", "started")
        equal((done.returncode, done.stdout), (3, ""))
        within(done.stderr, ["run: grantctl login crm\n"])


@behaviour("a pending approval is waited for, which is told once")
def _():
    with Rig() as rig:
        agent = rig.start()
        rig.code()
        with Running(agent) as it:
            told = " ".join(it.line("stderr"))
            within(told, ["grantctl: not started yet: crm: "])
            within(told, ["run: grantctl login crm"])
            rig.approve()
            it.up()
            equal(it.token, token_of(agent))
            equal(it.end(), (0, ""))


@behaviour("an approval that is denied meanwhile is 3")
def _():
    with Rig() as rig:
        agent = rig.start()
        rig.code()
        with Running(agent) as it:
            it.line("stderr")
            rig.provider.control("deny", user_code=rig.code())
            equal(it.process.wait(PATIENCE_S), 3)


@behaviour("--timeout waits for an operator too, and is 6 when nobody comes")
def _():
    with Rig() as rig:
        agent = rig.start()
        rig.code()
        equal(agent.ctl("login", "crm", "--cancel").returncode, 0)
        done = finish(agent, "echo", "started", options=["--timeout", "1s"])
        equal((done.returncode, done.stdout), (6, ""))
        within(done.stderr, ["crm: not usable within the timeout; see grantctl status\n"])
        with Running(agent, options=["--timeout", "1h"]) as it:
            it.line("stderr")
            for _ in range(2):
                equal(agent.ctl("login", "crm", "--no-wait").returncode, 0)
                rig.code()
                equal(agent.ctl("login", "crm", "--cancel").returncode, 0)
                agent.until("no approval", lambda c: c["state"] == "needs_approval", "crm")
            equal(agent.ctl("login", "crm", "--no-wait").returncode, 0)
            rig.approve()
            equal(it.up().end(), (0, ""))


@behaviour("no agent is 5; with --timeout it is waited for, and 6 when it does not come")
def _():
    with Rig() as rig:
        agent = rig.approved()
        agent.stop()
        done = finish(agent, "echo", "started")
        equal((done.returncode, done.stdout), (5, ""))
        within(done.stderr, ["is grantd running?\n"])
        done = finish(agent, "echo", "started", options=["--timeout", "1s"])
        equal((done.returncode, done.stdout), (6, ""))
        with Running(agent, options=["--timeout", "1h"]) as it:
            within(" ".join(it.line("stderr")), ["not started yet: no agent answers"])
            agent.start()
            equal(it.up().end(), (0, ""))


@behaviour("who may not have the token is 4, at once with --timeout too")
def _():
    if os.geteuid() != 0:
        raise Skip("only root can be somebody else")
    with Rig() as rig:
        agent = rig.approved()
        place = tempfile.mkdtemp()
        try:
            os.chmod(place, 0o755)
            program = shutil.copy(GRANTCTL, place)
            for options in ([], ["--timeout", "1h"]):
                words = [program, *command(agent, "echo", "started", options=options)[1:]]
                done = subprocess.run(words, user=STRANGER, group=STRANGER, extra_groups=[],
                                      env=environment(), capture_output=True, text=True,
                                      timeout=PATIENCE_S, check=False)
                equal((done.returncode, done.stdout), (4, ""))
        finally:
            shutil.rmtree(place)


@behaviour("an unknown connection, a bad signal, no -- and no command are 2")
def _():
    with Rig() as rig:
        agent = rig.approved()
        for words in (["nobody", "--", "true"], ["crm", "true"], ["crm", "--"], ["crm"], [],
                      ["--", "crm", "true"], ["crm", "x", "--", "true"],
                      ["crm", "--signal", "HOP", "--", "true"], ["crm", "--signal=", "--", "true"]):
            done = agent.ctl("exec", *words) if "--" not in words else subprocess.run(
                [GRANTCTL, "--runtime", agent.runtime, "exec", *words], capture_output=True,
                text=True, check=False, timeout=PATIENCE_S)
            equal((done.returncode, done.stdout), (2, ""), f"{words}: {done.stderr}")
        within(agent.ctl("exec", "crm", "true").stderr,
               ["exec takes the name of one connection, then -- and a command\n"])


@behaviour("an agent that is killed stops nothing, is told of once, and serves again when it is back")
def _():
    with Rig() as rig:
        agent = rig.approved()
        with running(agent, "USR1", "HUP", options=["--signal", "HUP"]) as it:
            agent.kill()
            equal(" ".join(it.line("stderr")),
                  "grantctl: the agent is gone, and is looked for again; "
                  "the token file keeps the last token")
            it.process.send_signal(signal.SIGUSR1)
            equal(it.line(), ["SIGUSR1", it.token])
            agent.start()
            token = refreshed(agent)
            equal(it.line(), ["SIGHUP", token])
            agent.kill()
            within(" ".join(it.line("stderr")), ["the agent is gone"])
            equal(it.end(), (0, ""))


@behaviour("a grant that is revoked meanwhile stops nothing, is told, and a new one is used")
def _():
    with Rig() as rig:
        agent = rig.approved()
        with running(agent, "HUP", options=["--signal", "HUP"]) as it:
            equal(agent.ctl("revoke", "crm").returncode, 0)
            told = " ".join(it.line("stderr"))
            within(told, ["grantctl: crm: not usable any more; run: grantctl login crm; "
                          "the token file keeps the last token"])
            equal(content(it.path), it.token)
            equal(agent.ctl("login", "crm", "--no-wait").returncode, 0)
            agent.until("a code", has_code, "crm")
            rig.approve()
            equal(it.line(), ["SIGHUP", token_of(agent)])
            equal(it.end(), (0, ""))


@behaviour("a file that can't be written is told of once, and tried again later each time")
def _():
    def handouts():
        return agent.log().count("token handed out")

    with Rig() as rig:
        agent = rig.approved()
        with running(agent) as it, Watch(agent.log_path) as watch:
            os.mkdir(os.path.join(os.path.dirname(it.path), ".token"))  # where a new one is made
            before, began = handouts(), time.monotonic()
            equal(agent.ctl("refresh", "crm").returncode, 0)
            watch.until(lambda: handouts() >= before + 3)
            true(time.monotonic() - began > 2.9, "pauses of one second and of two")
            equal(content(it.path), it.token)
            os.rmdir(os.path.join(os.path.dirname(it.path), ".token"))
            token = token_of(agent)
            with Watch(os.path.dirname(it.path)) as watch:
                watch.until(lambda: content(it.path) == token)
            equal(it.end()[1].count("cannot write"), 1)


@behaviour("several at once have files of their own")
def _():
    with Rig() as rig:
        agent = rig.approved()
        with running(agent) as one, running(agent, "HUP", options=["--signal", "HUP"]) as other:
            true(one.path != other.path, "two files")
            equal(one.end(7), (7, ""))
            gone(one.path)
            token = refreshed(agent)
            equal(other.line(), ["SIGHUP", token])
            equal(other.end(), (0, ""))
            gone(other.path)


@behaviour("the file is below RUNTIME_DIRECTORY's first, else XDG_RUNTIME_DIR, else /dev/shm")
def _():
    with Rig() as rig, contextlib.ExitStack() as stack:
        agent = rig.approved()
        first, second = [stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY))
                         for _ in range(2)]
        for variables, place in (
                ({"RUNTIME_DIRECTORY": first, "XDG_RUNTIME_DIR": second}, first),
                ({"RUNTIME_DIRECTORY": f"{second}:{first}"}, second),
                ({"XDG_RUNTIME_DIR": second}, second),
                ({"RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": ""}, MEMORY)):
            with running(agent, env=environment(**variables)) as it:
                equal(os.path.dirname(os.path.dirname(it.path)), place)
                equal(it.end(), (0, ""))
                gone(it.path)


def is_in_memory(path):
    kind = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True,
                          check=True).stdout.strip()
    return kind in ("tmpfs", "ramfs")


@behaviour("a directory on a disk, or none, is refused before the command is started")
def _():
    with Rig() as rig:
        agent = rig.approved()
        disk = os.path.dirname(os.path.abspath(__file__))
        if is_in_memory(disk):
            raise Skip("the tests themselves are on no disk")
        with tempfile.TemporaryDirectory() as place:
            kinds = [("/nonexistent", "No such file or directory"), ("run", "no absolute path")]
            if not is_in_memory(place):
                kinds.append((place, "it is on a disk"))
            for base, why in kinds:
                env = environment(RUNTIME_DIRECTORY=base)
                done = finish(agent, "echo", "started", env=env)
                equal((done.returncode, done.stdout), (1, ""))
                within(done.stderr, [f"grantctl: cannot keep a token in {base}: "])
                within(done.stderr, [why])
            equal(os.listdir(place), [], "what was made there")


def on_terminal(agent, *signals):
    """exec of CHILD as a job of SHELL on a terminal; (pid of the shell, terminal)."""
    words = command(agent, sys.executable, "-c", CHILD, *signals)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", SHELL, *words], environment())
    return pid, terminal


def read_until(terminal, *words):
    """What is told up to the end of a line, with all of these words."""
    told = b""
    while not (all(word.encode() in told for word in words) and told.endswith(b"\n")):
        true(select.select([terminal], [], [], PATIENCE_S)[0], f"{words} are told, after {told}")
        told += os.read(terminal, 4096)
    return told.decode()


@behaviour("Ctrl-C at a terminal reaches the command once, and Ctrl-Z stops the job until it is continued")
def _():
    with Rig() as rig:
        agent = rig.approved()
        shell, terminal = on_terminal(agent, "INT", "USR1")
        try:
            told = read_until(terminal, "up ", "job ")
            job = int(told[told.index("job "):].split()[1])
            os.kill(job, signal.SIGSTOP)  # so that exec comes to its signals after the command
            read_until(terminal, "stopped by 19")
            os.write(terminal, b"\x03")
            told = read_until(terminal, "SIGINT ")
            os.kill(job, signal.SIGCONT)
            os.kill(job, signal.SIGUSR1)  # what comes before it has come by then
            told += read_until(terminal, "SIGUSR1 ")
            equal(told.count("SIGINT"), 1)
            os.write(terminal, b"\x1a")
            read_until(terminal, "stopped by 20")
            os.kill(job, signal.SIGUSR1)
            read_until(terminal, "SIGUSR1 ")
            os.write(terminal, b"4\n")
            read_until(terminal, "ended 4")
            equal(os.waitpid(shell, 0)[1], 0)
            shell = 0
        finally:
            if shell:
                os.kill(shell, signal.SIGKILL)
                os.waitpid(shell, 0)
            os.close(terminal)


if __name__ == "__main__":
    sys.exit(run())
