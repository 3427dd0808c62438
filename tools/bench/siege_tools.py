"""What a siege needs besides load: a server's vital signs, clients that one steers by hand, a look at its system calls."""

import os
import re
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

from harness import BenchError, number

PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
NAMED_CALL = re.compile(r"^(?:\d+\s+)?[\d.]+ (\w+)\((\d+)?")
TRACE_START_SECONDS = 0.3  # until strace holds on to the server


class Vitals:
    """What the kernel knows of a process."""

    def __init__(self, pid):
        self.pid = pid
        self.clock = ~pid << 3 | 2  # its CPU time, as clock_getcpuclockid(3) makes it

    def cpu_s(self):
        return time.clock_gettime(self.clock)

    def rss_kib(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE_KIB

    def peak_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Sampler:
    """Calls `sample` every so many seconds while the `with` block runs; `samples` holds (seconds since, what it gave)."""

    def __init__(self, every_s, sample):
        self.every_s = every_s
        self.sample = sample
        self.samples = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.began = time.monotonic()
        self.thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self.done.set()
        self.thread.join()

    def _run(self):
        while not self.done.is_set():
            try:
                self.samples.append((time.monotonic() - self.began, self.sample()))
            except (OSError, StopIteration, BenchError):
                return  # the server is gone: whoever waits for it says so
            self.done.wait(self.every_s)


class Trace:
    """The server's system calls while the `with` block runs, by strace: `calls` holds (name, descriptor or None)."""

    def __init__(self, bench, pid, names):
        self.path = os.path.join(bench.folder, "strace")
        self.command = ["strace", "-qq", "-ttt", "-e", f"trace={','.join(names)}", "-o", self.path, "-p", str(pid)]
        self.calls = []

    @staticmethod
    def is_there():
        return shutil.which("strace") is not None

    def __enter__(self):
        self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        time.sleep(TRACE_START_SECONDS)
        return self

    def __exit__(self, kind, error, trace):
        self.child.send_signal(signal.SIGINT)
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        with open(self.path, encoding="ascii", errors="replace") as file:
            found = filter(None, map(NAMED_CALL.match, file))
            self.calls = [(match[1], int(match[2]) if match[2] else None) for match in found]


HELLO, JOIN, CHAT = 0xFF01, 0xFF02, 1
S_WELCOME, S_JOINED, S_KICK, S_RESYNC = 0xFF81, 0xFF82, 0xFF87, 0xFF88
S_MOVE, S_PLAYER_LIST = 6, 4


def frame(packet, payload=b""):
    return struct.pack("<HH", 4 + len(payload), packet) + payload


class Peer:
    """A client that one steers by hand."""

    def __init__(self, address, rcvbuf=0):
        host, port = address.rsplit(":", 1)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if rcvbuf:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.socket.settimeout(10)
        self.socket.connect((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.kept = b""
        self.is_ended = False

    def close(self):
        self.socket.close()

    def send(self, packet, payload=b""):
        self.socket.sendall(frame(packet, payload))

    def hello(self):
        self.send(HELLO, struct.pack("<HHH", 1, 0, 0))

    def enter(self, room):
        self.hello()
        self.send(JOIN, struct.pack("<H", len(room)) + room.encode())
        for _, packet, _ in self.frames(10):
            if packet == S_JOINED:
                return self
        raise BenchError(f"nobody lets the siege's own client into {room}")

    def frames(self, seconds, read_bytes=65536):
        """(when read, packet id, payload) of what comes within so many seconds, or until the server's end."""
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            if left <= 0 or self.is_ended:
                return
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(read_bytes)
            except socket.timeout:
                return
            except OSError:
                data = b""
            when = time.monotonic()
            self.is_ended = not data
            self.kept += data
            at = 0
            while len(self.kept) - at >= 4:
                size, packet = struct.unpack_from("<HH", self.kept, at)
                if len(self.kept) - at < size:
                    break
                payload = self.kept[at + 4:at + size]
                at += size
                yield when, packet, payload
            self.kept = self.kept[at:]


class Crowd:
    """Connections without a word beyond C_HELLO, of which one knows who has been let in."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.target = (host, int(port))
        self.selector = selectors.DefaultSelector()
        self.waiting = set()
        self.inside = []

    def open(self, count):
        for _ in range(count):
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            one.setblocking(False)
            one.connect_ex(self.target)
            self.waiting.add(one)
            self.selector.register(one, selectors.EVENT_WRITE)

    def turn(self, seconds):
        """Says hello where connected, notes who is welcome. Returns who came in, each with the time."""
        came = []
        for key, events in self.selector.select(seconds):
            one = key.fileobj
            try:
                if events & selectors.EVENT_WRITE:
                    one.send(frame(HELLO, struct.pack("<HHH", 1, 0, 0)))
                    self.selector.modify(one, selectors.EVENT_READ)
                    continue
                data = one.recv(4096)
            except OSError:
                data = b""
            self.selector.unregister(one)
            self.waiting.discard(one)
            if len(data) >= 4 and struct.unpack_from("<H", data, 2)[0] == S_WELCOME:
                self.inside.append(one)
                came.append(time.monotonic())
            else:
                one.close()
        return came

    def settle(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.turn(0.05)

    def close(self):
        for one in list(self.waiting) + self.inside:
            one.close()
        self.selector.close()


def grown(before, after, key):
    """By how much a counter of the statistics has grown."""
    return number(after.get(key, "0")) - number(before.get(key, "0"))


def slope(samples):
    """The least squares' slope of (x, y) pairs and its standard error; None for fewer than three."""
    count = len(samples)
    if count < 3:
        return None
    mean_x = sum(x for x, _ in samples) / count
    mean_y = sum(y for _, y in samples) / count
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    rise = sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread
    left = sum((y - mean_y - rise * (x - mean_x)) ** 2 for x, y in samples)
    return rise, (left / (count - 2) / spread) ** 0.5
