"""The processes of a benchmark: started on their cores, loaded, asked for their figures, and ended on every way out."""

import atexit
import ctypes
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

START_SECONDS = 10  # until a server says where it listens
STOP_SECONDS = 15  # from SIGTERM to the end of a server
ANSWER_SECONDS = 10  # from SIGUSR1 to the statistics
ATTACKER_NICE = 5
PR_SET_PDEATHSIG = 1
LOGFMT = re.compile(r'([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)')

_libc = ctypes.CDLL(None, use_errno=True)
_children = {}  # by pid: what still runs when the benchmark ends is ended


class BenchError(Exception):
    """Something could not be run. A bar that is not met is none."""


@atexit.register
def _end_children():
    for child in list(_children.values()):
        _end(child)


def _end(child):
    if child.poll() is None:
        child.kill()
        child.wait()
    _children.pop(child.pid, None)


def _start(command, core, stdout, stderr, limits=(), nice=0):
    def prepare():
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if core is not None:
            os.sched_setaffinity(0, {core})
        os.nice(nice)
        if nice > 0 and os.sched_getscheduler(0) in (os.SCHED_RR, os.SCHED_FIFO):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # there it is this that yields
        for which, most in limits:
            resource.setrlimit(which, (most, most))

    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, preexec_fn=prepare)
    except OSError as error:
        raise BenchError(f"{command[0]}: {error.strerror}") from error
    _children[child.pid] = child
    return child


def logfmt(line):
    return {key: value.strip('"') for key, value in LOGFMT.findall(line)}


def number(text):
    """A figure of a log line: an int where it is one."""
    value = float(text)
    return int(value) if value.is_integer() and "." not in text else value


class Server:
    """A server under load. Leaving the `with` block ends it; `stats` and `rooms` hold what it said then."""

    def __init__(self, name, command, core, limits=()):
        self.name = name
        self.command = command
        self.core = core
        self.limits = limits  # pairs of resource.RLIMIT_* and the most
        self.stats = {}
        self.rooms = {}
        self.waited = None

    def __enter__(self):
        self.log = tempfile.TemporaryFile()
        self.child = _start(self.command, self.core, subprocess.DEVNULL, self.log, self.limits)
        self.pid = self.child.pid
        self.began = time.monotonic()
        give_up = self.began + START_SECONDS
        while True:
            for line in self.events("listen"):
                self.address = line["addr"]
                return self
            if self.child.poll() is not None or time.monotonic() > give_up:
                _end(self.child)
                raise BenchError(f"{self.name} does not listen: {self.last_words()}")
            time.sleep(0.02)

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self._stop()
        finally:
            _end(self.child)
            self.log.close()

    def wait_share(self):
        """The share of its life that the server was ready to run and did not: another process had its core."""
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as file:
            waited_ns = int(file.read().split()[1])
        return waited_ns / 1e9 / (time.monotonic() - self.began)

    def _stop(self):
        self.waited = self.wait_share()
        self.child.send_signal(signal.SIGTERM)
        try:
            status = self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"{self.name} does not end on SIGTERM: {self.last_words()}") from error
        if status != 0:
            raise BenchError(f"{self.name} ended with status {status}: {self.last_words()}")
        for line in self.events("stats"):
            self.stats = line
        for line in self.events("room_stats"):
            self.rooms[line["room"]] = line

    def log_bytes(self):
        return os.fstat(self.log.fileno()).st_size

    def lines(self, begin=0):
        """What it has logged behind the first `begin` bytes."""
        text = os.pread(self.log.fileno(), self.log_bytes() - begin, begin).decode(errors="replace")
        return text.split("\n")[:-1]  # a line that is still being written is not there yet

    def events(self, name, begin=0):
        lines = [line for line in self.lines(begin) if f"event={name} " in f"{line} "]
        return [fields for fields in map(logfmt, lines) if fields.get("event") == name]

    def ask(self, seconds=ANSWER_SECONDS):
        """Its statistics as of now (SIGUSR1), and those of its rooms by name."""
        begin = self.log_bytes()
        self.child.send_signal(signal.SIGUSR1)
        give_up = time.monotonic() + seconds
        while not self.events("bans", begin):  # the last of the lines that it answers with
            if time.monotonic() > give_up or self.child.poll() is not None:
                raise BenchError(f"{self.name} says no statistics: {self.last_words()}")
            time.sleep(0.002)
        return self.events("stats", begin)[-1], {line["room"]: line for line in self.events("room_stats", begin)}

    def last_words(self):
        return os.pread(self.log.fileno(), 600, max(0, self.log_bytes() - 600)).decode(errors="replace").strip() or "no word"


class Load:
    """One dummy-client, or another program that ends with a report in JSON, at work."""

    def __init__(self, command, core, seconds_max, nice=0):
        self.out = tempfile.TemporaryFile()
        self.err = tempfile.TemporaryFile()
        self.name = os.path.basename(command[0])
        self.seconds_max = seconds_max
        self.child = _start(command, core, self.out, self.err, nice=nice)

    def stop(self):
        """Its report as of now: it is asked to end."""
        self.child.send_signal(signal.SIGTERM)
        return self.finish()

    def finish(self):
        """Its report. A load that lost something ends with a status of its own and reports all the same."""
        try:
            self.child.wait(self.seconds_max)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"{self.name} is not done after {self.seconds_max:.0f} s") from error
        finally:
            _end(self.child)
        self.out.seek(0)
        text = self.out.read().decode(errors="replace").strip()
        self.err.seek(0)
        words = self.err.read().decode(errors="replace").strip()
        self.out.close()
        self.err.close()
        try:
            return json.loads(text)
        except ValueError as error:
            raise BenchError(f"{self.name} ended with status {self.child.returncode}: {words[-600:]}") from error


class Bench:
    """Where the programs are, on which cores they run and how long a measurement lasts."""

    def __init__(self, programs, seconds, probe_seconds):
        self.programs = programs
        self.seconds = seconds
        self.probe_seconds = probe_seconds
        cores = sorted(os.sched_getaffinity(0))
        self.load_core = cores[0] if len(cores) > 1 else None
        self.server_core = cores[1] if len(cores) > 1 else None
        self.core_count = len(cores)
        self.servers = []  # every roomd that there was
        if self.load_core is not None:
            os.sched_setaffinity(0, {self.load_core})
        self.folder = tempfile.mkdtemp(prefix="roomd-bench-")
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)

    def roomd(self, rooms, server_keys=(), limits=()):
        """A roomd with `rooms`: each a name and its keys. Not started yet."""
        sections = [("server", dict(server_keys))] + [(f"room {name}", keys) for name, keys in rooms]
        path = os.path.join(self.folder, "roomd.conf")
        with open(path, "w", encoding="ascii") as config:
            for title, keys in sections:
                config.write(f"[{title}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()))
        self.servers.append(Server("roomd", [self.programs["roomd"], "-c", path, "-l", "127.0.0.1:0"], self.server_core,
                                   limits))
        return self.servers[-1]

    def stolen_s(self):
        """Seconds for which the hypervisor had the server's core for others, since the machine started."""
        title = "cpu" if self.server_core is None else f"cpu{self.server_core}"
        with open("/proc/stat", encoding="ascii") as file:
            fields = next(line.split() for line in file if line.split()[0] == title)
        return int(fields[8]) / os.sysconf("SC_CLK_TCK")

    def floor(self, tick_ms, groups=1):
        command = [self.programs["floor"], "--listen", "127.0.0.1:0", "--tick", str(tick_ms), "--groups", str(groups)]
        return Server("floor", command, self.server_core)

    def load(self, server, clients, rooms=(), rate=4, seconds=None, ramp=2000, extra=()):
        """Starts dummy-client against `server`: Load.finish() waits for it."""
        seconds = self.seconds if seconds is None else seconds
        command = [self.programs["dummy-client"], "-n", str(clients), "-r", str(rate), "-s", "32", "-d", str(seconds),
                   "--connect", server.address, "--pid", str(server.pid), "--ramp", str(ramp), "--json", "--quiet"]
        if rooms:
            command += ["--rooms", ",".join(rooms)]
        if server.name == "floor":
            command += ["--echo"]
        return Load(command + list(extra), self.load_core, seconds + clients / ramp + 60)

    def attack(self, server, kinds, seconds, nice=ATTACKER_NICE, **options):
        """
        Starts attacker against `server`; `options` are its own. It yields its core to the healthy load: what these two
        do to each other is not the server's doing.
        """
        command = [self.programs["attacker"], kinds, "--connect", server.address, "--seconds", str(seconds)]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        return Load(command, self.load_core, seconds + 60, nice)


def figures(report, server):
    """The figures of one run, from the load's report and from what the ended server said."""
    delivered = report["received"]
    cpu_s = report["server"]["cpu_s"]
    latency = report["latency_us"] if delivered else dict.fromkeys(("p50", "p99", "max"))
    writes = number(server.stats.get("writes") or server.stats.get("writev") or "0")
    has_ticks = number(server.stats.get("ticks", "0")) > 0
    return {
        "clients": report["clients"],
        "connected": report["connected"],
        "cpu_us_per_1000": cpu_s * 1e6 / (delivered / 1000) if delivered else None,
        "server_wait_share": server.waited,
        "deliveries_per_write": delivered / writes if delivered and writes else None,
        "server_cpu_share": cpu_s / report["seconds"] if report["seconds"] else None,
        "late_p99_us": number(server.stats["late_p99_us"]) if has_ticks else None,
        "late_max_us": number(server.stats["late_max_us"]) if has_ticks else None,
        "latency_p50_us": latency["p50"],
        "latency_p99_us": latency["p99"],
        "latency_max_us": latency["max"],
        "rss_before_kib": report["server"]["rss_before_kib"],
        "rss_joined_kib": report["server"]["rss_joined_kib"],
        "rss_end_kib": report["server"]["rss_end_kib"],
        "rss_peak_kib": report["server"]["rss_peak_kib"],
        "deliveries_per_s": report["deliveries_per_s"],
        "sent": report["sent"],
        "expected": report["expected"],
        "received": delivered,
        "wrong": sum(report[key] for key in ("lost", "doubled", "out_of_order", "foreign", "corrupt", "unjudged")),
        "disconnects": report["disconnects"],
        "backlogged": report["backlogged"],
        "tool_cpu_share": report["cpu_share"],
        "send_lag_p99_us": report["send_lag_us"]["p99"],
        "ok": report["ok"],
        "stats": server.stats,
    }
