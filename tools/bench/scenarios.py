"""What is measured. A scenario runs its servers, returns rows for the table and judges the bars it is about."""

import statistics

from harness import BenchError, figures

RATE = 4  # messages a second of each client
P99_LIMIT_US = 1_000_000  # a room whose p99 is above this does not count as held
SENT_SHARE_LEAST = 0.99  # of the messages that should have been sent: less, and the load was not the load asked for
LIMIT_SHARE = 0.93  # a process that used this much of its core was what set the limit
FLOOR_TICKS_MS = (250, 50, 20)
ROOMD_TICKS_MS = (250, 20)
DEFAULT_TICK_MS = 250
ROOM_KEYS = {"capacity": 20000}
SERVER_KEYS = {"sessions_max": 20000}


def room_keys(tick_ms, **more):
    return {"tick": f"{tick_ms}ms" if tick_ms else "0", **ROOM_KEYS, **more}


def tick_name(tick_ms):
    return f"{tick_ms} ms" if tick_ms else "turn"


def start(bench, name, tick_ms, groups=1):
    """A server with one autojoin room, or with `groups` rooms; and the names of the rooms that a load must ask for."""
    if name == "floor":
        return bench.floor(tick_ms, groups), [f"r{i}" for i in range(groups)] if groups > 1 else []
    if groups == 1:
        return bench.roomd([("lobby", room_keys(tick_ms, autojoin="yes"))], SERVER_KEYS), []
    names = [f"r{i}" for i in range(groups)]
    return bench.roomd([(room, room_keys(tick_ms)) for room in names], SERVER_KEYS), names


def measure(bench, name, tick_ms, clients, groups=1, **load):
    """One run of one server. Returns its figures."""
    server, rooms = start(bench, name, tick_ms, groups)
    with server:
        report = bench.load(server, clients, rooms, **load).finish()
    return figures(report, server)


def median_of(runs):
    """The medians of the figures; what went wrong is summed, the worst lateness is the worst."""
    middle = {}
    for key in runs[0]:
        values = [run[key] for run in runs]
        if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
            continue
        if key == "wrong":
            middle[key] = sum(values)
        elif key in ("late_max_us", "latency_max_us", "rss_peak_kib"):
            middle[key] = max(values)
        else:
            middle[key] = statistics.median(values)
    return middle


def spread(values):
    """Median, least and most of the ratios of the pairs; None when there are none."""
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "pairs": len(values)}


def row(scenario, server, tick_ms, runs, ratio=None, **more):
    return {"scenario": scenario, "server": server, "tick": tick_name(tick_ms), "ratio": ratio, "runs": runs,
            **median_of(runs), **more}


def bar(what, value, text, limit, is_met):
    """One line of the issue's table: what was got beside what is asked for."""
    return {"what": what, "value": value, "got": text, "bar": limit, "met": is_met}


class Scenario:
    name = ""
    about = ""

    def run(self, bench, repeat, say):
        """Returns (rows, bars)."""
        raise NotImplementedError


class Pairs(Scenario):
    """floor and roomd in turn on the same load, and the ratio of what a delivery cost them."""

    def __init__(self, name, about, clients, groups, ticks_ms, bars):
        self.name = name
        self.about = about
        self.clients = clients
        self.groups = groups
        self.ticks_ms = ticks_ms
        self.bars = bars  # by tick: the most that the ratio may be

    def run(self, bench, repeat, say):
        rows, bars = [], []
        for tick_ms in self.ticks_ms:
            runs = {"floor": [], "roomd": []}
            for i in range(repeat):
                for name in ("floor", "roomd"):
                    say(f"{self.name}, tick {tick_name(tick_ms)}, {name}, {i + 1} of {repeat}")
                    runs[name].append(measure(bench, name, tick_ms, self.clients, self.groups))
            costs = [(a["cpu_us_per_1000"], b["cpu_us_per_1000"]) for a, b in zip(runs["floor"], runs["roomd"])]
            ratio = spread([b / a for a, b in costs if a and b])
            rows.append(row(self.name, "floor", tick_ms, runs["floor"]))
            rows.append(row(self.name, "roomd", tick_ms, runs["roomd"], ratio))
            if tick_ms in self.bars:
                bars.append(self._judge(tick_ms, ratio, runs["roomd"]))
        return rows, bars

    def _judge(self, tick_ms, ratio, runs):
        what = f"{self.name}, tick {tick_name(tick_ms)}: CPU per delivery against floor"
        limit = f"at most {self.bars[tick_ms]:.2f}"
        if ratio is None:
            return bar(what, None, "no figure", limit, False)
        text = f"{ratio['median']:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f})"
        wrong = sum(run["wrong"] for run in runs)
        if wrong:
            text += f", but {wrong} deliveries went wrong"
        return bar(what, ratio["median"], text, limit, ratio["median"] <= self.bars[tick_ms] and wrong == 0)


class Idle(Scenario):
    name = "idle"
    about = "10,000 sessions in a room that say nothing: user-space bytes of each"
    clients = 10000

    def run(self, bench, repeat, say):
        rows, bars = [], []
        for name in ("floor", "roomd"):
            runs = []
            for i in range(repeat):
                say(f"idle, {name}, {i + 1} of {repeat}")
                run = measure(bench, name, DEFAULT_TICK_MS, self.clients, rate=0, seconds=2, ramp=5000)
                if run["connected"] != self.clients:
                    raise BenchError(f"idle: only {run['connected']} of {self.clients} connected")
                run["bytes_per_session"] = (run["rss_joined_kib"] - run["rss_before_kib"]) * 1024 / self.clients
                runs.append(run)
            rows.append(row(self.name, name, DEFAULT_TICK_MS, runs))
        each = rows[-1]["bytes_per_session"]
        bars.append(bar("idle: user-space memory of a session in a room", each, f"{each:.0f} bytes",
                        "at most 500 bytes", each <= 500))
        return rows, bars


class Lateness(Scenario):
    name = "lateness"
    about = "a room of 1,000 and beside it, in the same roomd, a room of 10: how late their ticks are"

    def run(self, bench, repeat, say):
        big, small = [], []
        for i in range(repeat):
            say(f"lateness, {i + 1} of {repeat}")
            for runs, run in zip((big, small), self._once(bench)):
                runs.append(run)
        p99 = statistics.median(run["late_p99_us"] for run in big)
        worst = max(run["late_max_us"] for run in small)
        return [row("lateness: 1,000", "roomd", DEFAULT_TICK_MS, big),
                row("lateness: 10", "roomd", DEFAULT_TICK_MS, small)], [
            bar("lateness: tick lateness p99, room of 1,000", p99, f"{p99 / 1000:.2f} ms", "under 5 ms", p99 < 5000),
            bar("lateness: the worst of a room of 10 beside it", worst, f"{worst / 1000:.2f} ms", "at most 10 ms",
                worst <= 10000)]

    def _once(self, bench):
        server = bench.roomd([("big", room_keys(DEFAULT_TICK_MS)), ("small", room_keys(DEFAULT_TICK_MS))], SERVER_KEYS)
        with server:
            loads = [bench.load(server, 1000, ["big"]), bench.load(server, 10, ["small"])]
            reports = [load.finish() for load in loads]
        runs = []
        for room, report in zip(("big", "small"), reports):
            if room not in server.rooms:
                raise BenchError(f"lateness: roomd said nothing about room {room} at its end")
            run = figures(report, server)
            run["late_p99_us"] = int(server.rooms[room]["late_p99_us"])
            run["late_max_us"] = int(server.rooms[room]["late_max_us"])
            run["cpu_us_per_1000"] = None  # both rooms' together: nobody's
            runs.append(run)
        return runs


class Largest(Scenario):
    name = "largest"
    about = "the largest room at 4 messages a second that loses nothing with p99 under a second"
    first = 2000
    step = 1.05  # the search ends when the smallest that failed is within this of the largest that held

    def run(self, bench, repeat, say):
        plans = [("floor", tick_ms) for tick_ms in FLOOR_TICKS_MS] + [("roomd", tick_ms) for tick_ms in ROOMD_TICKS_MS]
        rows, held = [], {"floor": {}, "roomd": {}}
        for name, tick_ms in plans:
            clients, runs, why = self._search(bench, name, tick_ms, say)
            held[name][tick_ms] = clients
            if runs:
                rows.append(row(self.name, name, tick_ms, [runs[-1]], note=f"holds {clients}; above it: {why}"))
        return rows, [self._judge(held)]

    def _judge(self, held):
        floor_tick, floor_best = max(held["floor"].items(), key=lambda item: item[1])
        roomd_tick, roomd_best = max(held["roomd"].items(), key=lambda item: item[1])
        usual = held["roomd"][DEFAULT_TICK_MS]
        ratio = roomd_best / floor_best if floor_best else 0
        text = (f"{ratio:.2f}: {roomd_best} at {tick_name(roomd_tick)} against {floor_best} at "
                f"{tick_name(floor_tick)} ({usual} at the default of {tick_name(DEFAULT_TICK_MS)}: "
                f"{usual / floor_best if floor_best else 0:.2f})")
        return bar("largest room against floor's at its best tick", ratio, text, "at least 0.90", ratio >= 0.9)

    def _search(self, bench, name, tick_ms, say):
        """Doubles until a size fails, then halves the gap. Returns the largest size held, its runs, and the limit."""
        low, high, runs, why = 0, None, [], "not tried"
        ceiling = bench.clients_max
        size = min(self.first, ceiling)
        while True:
            run = self._probe(bench, name, tick_ms, size, say)
            if run["held"]:
                low = size
                runs.append(run)
            else:
                high, why = size, run["why"]
            if low == ceiling:
                return low, runs, f"not tried, more than {ceiling} descriptors are not allowed here"
            if high is None:
                size = min(2 * low, ceiling)
            elif high - low <= max(100, low * (self.step - 1)):
                return low, runs, why
            else:
                size = (low + high) // 2 // 50 * 50

    def _probe(self, bench, name, tick_ms, size, say):
        """A size is held when one of two tries holds it: a neighbour's hiccup is not the server's limit."""
        for attempt in (1, 2):
            say(f"largest, tick {tick_name(tick_ms)}, {name}, {size} clients" + (", again" if attempt == 2 else ""))
            run = measure(bench, name, tick_ms, size, seconds=bench.probe_seconds, extra=["--trunc-check", "8"])
            p99_us = run["latency_p99_us"] or 0
            offered = size * RATE * bench.probe_seconds
            run["sent_share"] = run["sent"] / offered
            run["held"] = (run["connected"] == size and run["wrong"] == 0 and run["sent_share"] >= SENT_SHARE_LEAST
                           and 0 < p99_us < P99_LIMIT_US)
            if run["held"] or p99_us > 3 * P99_LIMIT_US:
                break
        run["why"] = self._why(run, size)
        return run

    @staticmethod
    def _why(run, size):
        shares = (f"server {run['server_cpu_share'] or 0:.0%} of its core and {run['server_wait_share']:.0%} waiting for "
                  f"it, tool {run['tool_cpu_share']:.0%} of its own")
        if run["connected"] != size:
            what = f"only {run['connected']} connected"
        elif run["wrong"]:
            what = f"{run['wrong']} of {run['expected']} deliveries wrong"
        elif run["sent_share"] < SENT_SHARE_LEAST:
            what = f"only {run['sent_share']:.0%} of the messages sent"
        else:
            what = f"p99 {run['latency_p99_us'] / 1e6:.2f} s"
        if (run["server_cpu_share"] or 0) < LIMIT_SHARE <= run["tool_cpu_share"]:
            shares += ": the TOOL was the limit"
        return f"{size} gives {what} ({shares})"


class Slow(Scenario):
    name = "slow"
    about = "a room of 500 in which 200 never read, against the same room in which all do"
    clients = 500
    slow = 200
    chunk_memory_mib = 64

    def run(self, bench, repeat, say):
        runs = {"all read": [], "200 do not": []}
        for i in range(repeat):
            for name, extra in (("all read", []), ("200 do not", ["--slow", str(self.slow)])):
                say(f"slow, {name}, {i + 1} of {repeat}")
                runs[name].append(self._once(bench, extra))
        usual, slowed = runs["all read"], runs["200 do not"]
        ratio = spread([b["latency_p99_us"] / a["latency_p99_us"] for a, b in zip(usual, slowed)
                        if a["latency_p99_us"]])
        growth_mib = max(run["rss_peak_kib"] - run["rss_before_kib"] for run in slowed) / 1024
        wrong = sum(run["wrong"] for run in slowed)
        rows = [row("slow: all read", "roomd", DEFAULT_TICK_MS, usual),
                row("slow: 200 do not", "roomd", DEFAULT_TICK_MS, slowed, note=self._ends(slowed))]
        middle = ratio["median"] if ratio else None
        return rows, [
            bar("slow: p99 of the others against what it was", middle,
                f"{middle:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f})" if ratio else "no figure", "at most 1.20",
                middle is not None and middle <= 1.2),
            bar("slow: what the others did not get as it was sent", wrong, f"{wrong} deliveries", "0", wrong == 0),
            bar("slow: RSS growth under chunk_memory_max", growth_mib, f"{growth_mib:.1f} MiB",
                f"at most {self.chunk_memory_mib} MiB", growth_mib <= self.chunk_memory_mib)]

    @staticmethod
    def _ends(runs):
        """What became of the connections while the load was on, from the last run."""
        ends = ", ".join(f"{reason} {count}" for reason, count in runs[-1]["disconnects"].items())
        return "disconnects: " + (ends or "none, the kernel's buffers held what was not read")

    def _once(self, bench, extra):
        keys = {**SERVER_KEYS, "chunk_memory_max": f"{self.chunk_memory_mib}MiB"}
        server = bench.roomd([("lobby", room_keys(DEFAULT_TICK_MS, autojoin="yes"))], keys)
        with server:
            report = bench.load(server, self.clients, seconds=bench.slow_seconds, extra=extra).finish()
        return figures(report, server)


def one_room(clients):
    bars = {DEFAULT_TICK_MS: 1.10, 0: 1.20} if clients >= 500 else {}
    return Pairs(f"room-{clients}", f"one room of {clients} at each tick", clients, 1, (250, 50, 20, 0), bars)


ALL = [one_room(100), one_room(500), one_room(1000),
       Pairs("rooms-100x50", "100 rooms of 50", 5000, 100, (DEFAULT_TICK_MS,), {DEFAULT_TICK_MS: 1.25}),
       Idle(), Lateness(), Largest(), Slow()]
