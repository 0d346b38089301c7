"""Child processes that never outlive their scenario."""
import ctypes
import os
import random
import signal
import socket
import subprocess
import time


class LabError(Exception):
    """Something did not become true in time, or a program ended that should not have."""


def wait_until(condition, seconds, what):
    """Polls until condition() is truthy and returns that; the bound is for a broken run, not for a slow one."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise LabError(f"not in {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.01)


def _lowest_ephemeral_port():
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            return int(file.read().split()[0])
    except (OSError, ValueError):
        return 32768


_given = set()  # by free_port(): not yet bound perhaps


def free_port():
    """A port that is free on 127.0.0.1 for both UDP and TCP now. Its owner may start later, or start again: so it is none of those
    that the kernel gives to whoever connects or binds to port 0 (a connection attempt to one of these can even meet itself)."""
    below = _lowest_ephemeral_port()
    for _ in range(1000):
        # Where the range leaves no room, the kernel's choice has to do.
        wanted = random.SystemRandom().randrange(10000, below) if below > 12000 else 0
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", wanted))
                port = tcp.getsockname()[1]
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port not in _given:
                _given.add(port)
                return port
    raise LabError("no free port")


def _end_with_parent():
    """In the child: SIGTERM when the scenario is killed and can't stop it itself."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Process:
    """One program with its own process group, its output in a file."""

    def __init__(self, name, command, log, cwd=None, env=None, stdin=subprocess.DEVNULL):
        self.name, self.log = name, log
        self._file = open(log, "ab")
        self._read = os.path.getsize(log)
        self.popen = subprocess.Popen([str(word) for word in command], stdin=stdin, stdout=self._file,
                                      stderr=subprocess.STDOUT, cwd=cwd, env=env, start_new_session=True,
                                      preexec_fn=_end_with_parent)

    def alive(self):
        return self.popen.poll() is None

    def output(self):
        """What it has written since it was started."""
        with open(self.log, "rb") as file:
            file.seek(self._read)
            return file.read().decode(errors="replace")

    def tail(self, lines=15):
        return "\n".join(self.output().splitlines()[-lines:])

    def wait_for(self, condition, seconds, what):
        def check():
            result = condition()
            if not result and not self.alive():
                raise LabError(f"{self.name} ended with {self.popen.returncode} before: {what}\n{self.tail()}")
            return result
        try:
            return wait_until(check, seconds, what)
        except LabError as error:
            raise LabError(f"{error}\nlast lines of {self.name} ({self.log}):\n{self.tail()}") from None

    def signal(self, number, group=False):
        if self.alive():
            (os.killpg if group else os.kill)(self.popen.pid, number)

    def kill(self):
        """Like a crash: no goodbye, the children too."""
        self.signal(signal.SIGKILL, group=True)
        self.popen.wait()

    def stop(self, seconds=15):
        """SIGTERM, and after a while the end anyway. Returns the exit code."""
        self.signal(signal.SIGCONT, group=True)
        self.signal(signal.SIGTERM)
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        try:  # children that the first process left behind
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()
        self._file.close()
        return self.popen.returncode
