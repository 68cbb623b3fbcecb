"""Redis 7.0.15's own Tcl suite: getting its source, laying out a place to run a unit, running it.

A unit runs in a folder of its own that looks like a built source tree: `tests` is the suite by
symbolic links, `src/redis-server` and the names it has beside that are the server under test, redis-cli and
redis-benchmark are Debian's.
Nothing of the suite is kept in this repository.
"""

import fnmatch
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request

VERSION = "7.0.15"
TARBALL = f"redis_{VERSION}.orig.tar.gz"
SHA256 = "4b1dc4ee6d622a09fff9c6777191209750fb5e5a725ef78ea012d6eef4c22982"
ROLES = ("redis-server", "redis-sentinel", "redis-check-rdb", "redis-check-aof")
TOOLS = ("redis-cli", "redis-benchmark")
PACKAGES = ("tcl", "tcl-tls", "redis-tools")

# The runner waits two minutes for the line with its PID in a server's log, even when the server has
# died without it.
START_WAIT = "        after $checkperiod\n        incr maxiter -1\n"
START_WAIT_ENDS = START_WAIT + (
    '        if {![is_alive [list pid $pid]] && ![regexp -- " PID: $pid" [exec cat $stdout]]} {set maxiter 0}\n'
)

# 7.2 keeps small lists and small sets of strings as listpacks, where 7.0 knew one encoding for every
# list and a table for such sets. Nothing else of what the suite expects is changed.
ENCODING_IS = "    set val [r object encoding $key]\n    assert_match $enc $val\n"
ENCODING_IS_OF_7_2 = (
    "    set val [r object encoding $key]\n"
    '    if {$val eq "listpack"} {\n'
    '        if {$enc eq "quicklist"} {return}\n'
    '        if {$enc eq "hashtable" && [r type $key] eq "set"} {return}\n'
    "    }\n"
    "    assert_match $enc $val\n"
)

# What stands outside of every test, and ends the unit where it fails: the debugger of scripts is not there.
LEFT_OUT = {
    "unit/scripting": 'start_server {tags {"scripting external:skip"}} {\n    r script debug sync\n',
}
LEFT_OUT_BECOMES = 'if 0 {\n'


class Unavailable(Exception):
    """Something that the suite needs is not there; the text says what to do."""


def source():
    """The folder of Redis's source: REDIS_SRC, or the cache, filled when it is empty."""
    if given := os.environ.get("REDIS_SRC"):
        if not (pathlib.Path(given) / "tests" / "test_helper.tcl").exists():
            raise Unavailable(f"REDIS_SRC={given} holds no tests/test_helper.tcl")
        return pathlib.Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = pathlib.Path(base) / "larder" / f"redis-{VERSION}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        _unpack(_download(), folder)
    return folder


def _download():
    """The source tarball, from the mirrors that apt is configured with."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    for mirror in dict.fromkeys(targets.stdout.split()):
        try:
            with urllib.request.urlopen(f"{mirror}pool/main/r/redis/{TARBALL}", timeout=120) as answer:
                data = answer.read()
        except urllib.error.URLError:
            continue
        if hashlib.sha256(data).hexdigest() == SHA256:
            return data
        print(f"{TARBALL} from {mirror} has another checksum, not used", file=sys.stderr)
    raise Unavailable(f"no mirror of apt's has {TARBALL}; set REDIS_SRC to an unpacked redis {VERSION}")


def _unpack(data, folder):
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        archive = pathlib.Path(scratch) / TARBALL
        archive.write_bytes(data)
        with tarfile.open(archive) as tar:
            tar.extractall(scratch, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(scratch)
        (root,) = (path for path in pathlib.Path(scratch).iterdir() if path.is_dir())
        root.rename(folder)


def require_tools():
    """Installs what is missing when that is possible, and complains when it is not."""
    missing = [tool for tool in ("tclsh", *TOOLS) if not shutil.which(tool)]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing {' '.join(PACKAGES)} for {' '.join(missing)}", file=sys.stderr)
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-q"], check=False, **quiet)
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *PACKAGES], check=False, **quiet)
        missing = [tool for tool in missing if not shutil.which(tool)]
    if missing:
        raise Unavailable(f"{' '.join(missing)} not found; install {' '.join(PACKAGES)}")


def all_units(root):
    """The units in the order in which the suite lists them."""
    text = (root / "tests" / "test_helper.tcl").read_text()
    listed = re.search(r"set ::all_tests \{(.*?)\}", text, re.S)
    return [unit for unit in listed[1].split() if (root / "tests" / f"{unit}.tcl").exists()]


class Outcome:
    """What a run of one unit showed. Names map to True (passed each time) or False (failed once)."""

    def __init__(self, unit):
        self.unit = unit
        self.results = {}
        self.details = {}
        self.skipped = set()
        self.not_run = []
        self.notes = []
        self.seconds = 0.0

    def passed(self):
        return [name for name, good in self.results.items() if good]

    def failed(self):
        return [name for name, good in self.results.items() if not good]

    def add(self, name, good, detail=""):
        self.results[name] = self.results.get(name, True) and good
        if not good:
            self.details.setdefault(name, detail)


class Runner:
    """Runs units against one server program. `spoilers` are tests that are not run and count as failed: unit -> names."""

    def __init__(self, root, server, stall_s, unit_timeout_s, spoilers, extra=()):
        self.root = root
        self.server = server
        self.stall_s = stall_s
        self.unit_timeout_s = unit_timeout_s
        self.spoilers = spoilers
        self.extra = list(extra)

    def run(self, unit, slot):
        """Runs a unit on the ports of a slot (0, 1, …). A test that hangs ends the suite's runner;
        then the unit is run again without that test, so that those behind it are seen."""
        outcome = Outcome(unit)
        spoilers = self.spoilers.get(unit, ())
        hanging = []
        started = time.monotonic()
        while True:
            log, timed_out = self._run_once(unit, slot, [*spoilers, *hanging], started)
            attempt, hung = read_log(unit, log)
            if not hanging:
                outcome.results, outcome.details, outcome.skipped = attempt.results, attempt.details, attempt.skipped
            else:
                for name, good in attempt.results.items():
                    if name not in outcome.results:
                        outcome.add(name, good, attempt.details.get(name, ""))
            if timed_out:
                outcome.notes.append(f"stopped after {self.unit_timeout_s} s")
                if hung is None:
                    break
            if hung is None or hung in hanging:
                outcome.notes += attempt.notes
                break
            hanging.append(hung)
            outcome.add(hung, False, f"no progress for {self.stall_s} s")
            if timed_out or time.monotonic() - started > self.unit_timeout_s:
                break
        for name in spoilers:
            outcome.skipped.discard(name)
            outcome.add(name, False, "not run")
        outcome.not_run = unseen(self.root, unit, outcome)
        outcome.seconds = time.monotonic() - started
        return outcome

    def _run_once(self, unit, slot, skip, started):
        """The output of one run of the suite's runner, and whether it had to be stopped."""
        with tempfile.TemporaryDirectory(prefix="larder-suite-", ignore_cleanup_errors=True) as folder:
            self._lay_out(pathlib.Path(folder), unit)
            command = [
                "tclsh", "tests/test_helper.tcl", "--single", unit, "--clients", "1", "--durable",
                "--timeout", str(self.stall_s), "--baseport", str(22000 + 4000 * slot), "--portcount", "3000",
                *self.extra,
            ]  # fmt: skip
            for name in skip:
                command += ["--skiptest", name]
            log = pathlib.Path(folder) / "run.log"
            with open(log, "wb") as out:
                process = subprocess.Popen(
                    command, cwd=folder, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
                    env={**os.environ, "TERM": "dumb"},
                )  # fmt: skip
                timed_out = False
                try:
                    process.wait(max(1.0, self.unit_timeout_s - (time.monotonic() - started)))
                except subprocess.TimeoutExpired:
                    timed_out = True
                _end_group(process)
            _end_processes_below(folder)
            return log.read_text(errors="replace"), timed_out

    def _lay_out(self, folder, unit):
        for name in ("src", "tests", "tests/support", "tests/tmp", "tests/unit"):
            (folder / name).mkdir()
        for entry in self.root.iterdir():
            if entry.name not in ("src", "tests"):
                (folder / entry.name).symlink_to(entry)
        for entry in (self.root / "tests").iterdir():
            if entry.name not in ("support", "tmp", "unit"):
                (folder / "tests" / entry.name).symlink_to(entry)
        for entry in (self.root / "tests" / "unit").iterdir():
            place = folder / "tests" / "unit" / entry.name
            if entry.stem == unit.removeprefix("unit/") and unit in LEFT_OUT:
                place.write_text(entry.read_text().replace(LEFT_OUT[unit], LEFT_OUT_BECOMES))
            else:
                place.symlink_to(entry)
        for entry in (self.root / "tests" / "support").iterdir():
            text = entry.read_text()
            if entry.name == "server.tcl":
                if START_WAIT not in text:
                    raise Unavailable("tests/support/server.tcl is not that of redis " + VERSION)
                text = text.replace(START_WAIT, START_WAIT_ENDS)
            if entry.name == "test.tcl":
                if ENCODING_IS not in text:
                    raise Unavailable("tests/support/test.tcl is not that of redis " + VERSION)
                text = text.replace(ENCODING_IS, ENCODING_IS_OF_7_2)
            (folder / "tests" / "support" / entry.name).write_text(text)
        for role in ROLES:
            (folder / "src" / role).symlink_to(self.server)
        for tool in TOOLS:
            (folder / "src" / tool).symlink_to(shutil.which(tool))


def _end_group(process):
    """Ends a process and all of its group, which is the group it leads since it was started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        time.sleep(0.2)
    process.wait()


def _end_processes_below(folder):
    """Ends servers that left the group, as a daemon does: those that work inside the folder."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            place = os.readlink(entry / "cwd")
        except OSError:
            continue
        if place == folder or place.startswith(folder + "/"):
            try:
                os.kill(int(entry.name), signal.SIGKILL)
            except ProcessLookupError:
                pass


STATUS = re.compile(r"^(?:\x1b\[[0-9;]*m)?\[(?:\x1b\[[0-9;]*m)?(ok|err|skip|ignore|exception|TIMEOUT)(?:\x1b\[[0-9;]*m)?\]: ?")


def read_log(unit, text):
    """The outcome that a log of the runner shows, and the name of the test that hung, if one did."""
    outcome = Outcome(unit)
    hung = None
    text = text.split("\n                   The End\n")[0]
    for status, body in _entries(text):
        if status == "ok":
            # Behind a test's time may stand what the runner says of a server that takes long to end.
            name = re.split(r" \(\d+ ms\)[ \t]*$", body, maxsplit=1, flags=re.MULTILINE)[0]
            outcome.add(one_line(name.rstrip()), True)
        elif status == "err":
            named = re.match(rf"(.*?) in tests/{re.escape(unit)}\.tcl\b\s*", body, re.S)
            if named and not body.startswith("Can't start the Redis server"):
                outcome.add(one_line(named[1]), False, body[named.end() :].strip())
            else:
                outcome.notes.append("outside of a test: " + shorten(body))
        elif status == "skip":
            outcome.skipped.add(one_line(body.splitlines()[0] if body else ""))
        elif status == "ignore":
            outcome.skipped.add(one_line(body.splitlines()[0].rsplit(": ", 1)[0] if body else ""))
        elif status == "exception":
            outcome.notes.append("aborted: " + shorten(body))
        elif running := re.search(r"=> \(IN PROGRESS\) (.*)", body):
            hung = running[1].strip()
        else:
            outcome.notes.append("no progress: " + shorten(body))
    return outcome, hung


def _entries(text):
    """The status reports of a log; each takes the lines up to the next report."""
    status, body = None, []
    for line in text.split("\n"):
        if found := STATUS.match(line):
            if status:
                yield status, "\n".join(body)
            status, body = found[1], [line[found.end() :]]
        elif re.match(r"^(?:\x1b\[[0-9;]*m)?(?:Testing |\[\d+/\d+ |\[ready\])", line):
            if status:
                yield status, "\n".join(body)
            status, body = None, []
        elif status:
            body.append(line)
    if status:
        yield status, "\n".join(body)


def one_line(name):
    """A test's name as this project writes it: some names span lines in the suite."""
    return " ".join(name.split())


def shorten(text, limit=160):
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit] + "…"


DECLARATION = re.compile(r'^[ \t]*test[ \t]+(?:\{([^}]*)\}|"((?:[^"\\]|\\.)*)")', re.M)
SUBSTITUTION = re.compile(r"\$\{[^}]*\}|\$[\w:]+(?:\([^)]*\))?|\[[^\]]*\]|\\.")


def unseen(root, unit, outcome):
    """Names of the tests that the unit's file declares and of which the run says nothing. A name
    with substitutions in it counts as seen when some reported name fits."""
    text = (root / "tests" / f"{unit}.tcl").read_text(errors="replace")
    seen = set(outcome.results) | outcome.skipped
    missing = []
    for literal, quoted in DECLARATION.findall(text):
        name = one_line(literal or quoted)
        if literal or not SUBSTITUTION.search(quoted):
            found = name in seen
        else:
            glob = "".join(
                "*" if number % 2 else re.sub(r"([*?[])", r"[\1]", part)
                for number, part in enumerate(re.split(f"({SUBSTITUTION.pattern})", name))
            )
            found = any(fnmatch.fnmatchcase(candidate, glob) for candidate in seen)
        if not found and name not in missing:
            missing.append(name)
    return missing
