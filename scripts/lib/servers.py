"""Starting and ending the server under test, and asking it who it is."""

import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time

from resp import Closed, Connection, Timeout


class StartFailed(Exception):
    """The server did not come up; the text says why."""


def free_port():
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process of our own; it vanishes at the end of a `with`, and with it its folder, but for one it was given."""

    def __init__(self, command, options=(), wait_s=20.0, folder=None, port=None):
        self.folder = folder or tempfile.mkdtemp(prefix="larder-")
        self.keeps_folder = folder is not None
        self.port = port or free_port()
        self.log = os.path.join(self.folder, "log")
        self.command = shlex.split(command) + [
            "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder,
            "--enable-debug-command", "yes", *options,
        ]  # fmt: skip
        with open(self.log, "wb") as log:
            try:
                self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            except OSError as error:
                self._remove_folder()
                raise StartFailed(f"{command}: {error.strerror}") from error
        try:
            self._wait(wait_s)
        except StartFailed:
            self.stop()
            raise

    def _wait(self, wait_s):
        deadline = time.monotonic() + wait_s
        while True:
            if self.process.poll() is not None:
                raise StartFailed(f"{self.command[0]} ended with {self.process.returncode}: {self._last_log_lines()}")
            try:
                Connection(self.port).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise StartFailed(f"{self.command[0]} does not listen after {wait_s:.0f} s") from None
                time.sleep(0.01)

    def _last_log_lines(self):
        with open(self.log, "rb") as log:
            return log.read().decode("utf-8", "replace").strip()[-400:]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._remove_folder()

    def crash(self):
        """Ends the process as a failure of power would, but for what the system still has in its memory."""
        self.process.kill()
        self.process.wait()
        self._remove_folder()

    def wait_until_loaded(self, wait_s=60.0):
        """Waits until commands are answered that need the data."""
        deadline = time.monotonic() + wait_s
        while True:
            try:
                connection = Connection(self.port)
                reply = connection.call("DBSIZE")
                connection.close()
                if not reply.is_error():
                    return
                reason = reply.plain()
            except (OSError, Closed, Timeout) as error:
                reason = str(error) or "no reply"
            if self.process.poll() is not None:
                raise StartFailed(f"{self.command[0]} ended with {self.process.returncode}: {self._last_log_lines()}")
            if time.monotonic() > deadline:
                raise StartFailed(f"{self.command[0]} has not loaded after {wait_s:.0f} s: {reason}")
            time.sleep(0.02)

    def _remove_folder(self):
        if not self.keeps_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def identify(connection):
    """The server's name (redis, valkey or larder) and version, from INFO server."""
    reply = connection.call("INFO", "server")
    fields = dict(line.split(":", 1) for line in reply.plain().splitlines() if ":" in line)
    for name in ("larder", "valkey", "redis"):
        if version := fields.get(f"{name}_version"):
            return name, tuple(int(part) for part in version.split(".") if part.isdigit())
    raise StartFailed("INFO server names no version")
