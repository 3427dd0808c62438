"""Attacks from within a room: readers that do not read, a flood, and a server that is stopped under its players."""

import datetime
import signal
import statistics
import struct
import time

from harness import number
from scenarios import RATE, bar, spread
from siege_tools import (S_MOVE, S_PLAYER_LIST, S_RESYNC, Peer, Sampler, Trace, Vitals, grown)

TICK_MS = 50  # ten seconds of it make a p99 of lateness worth naming
CALLS = ("epoll_wait", "epoll_pwait2", "write", "writev", "sendmsg")
WAITS = ("epoll_wait", "epoll_pwait2")


class Attack:
    name = ""
    about = ""

    def run(self, bench, options, say):
        """Returns (figures by name, bars)."""
        raise NotImplementedError


def wrong_of(report):
    return sum(report[key] for key in ("lost", "doubled", "out_of_order", "foreign", "corrupt", "unjudged"))


def health_text(report):
    ends = ", ".join(f"{reason} {count}" for reason, count in report["disconnects"].items())
    return f"{wrong_of(report)} of {report['expected']} wrong" + (f"; disconnects: {ends}" if ends else "")


def is_healthy(report):
    return report["ok"] and not report["disconnects"]


def worse(attacked, usual, key):
    """By how much the median of a figure is worse under attack."""
    return statistics.median(run[key] for run in attacked) - statistics.median(run[key] for run in usual)


def late_text(attacked, usual, key):
    pair = [statistics.median(run[key] for run in runs) / 1000 for runs in (attacked, usual)]
    return f"{pair[0] - pair[1]:+.2f} ms ({pair[0]:.2f} against {pair[1]:.2f})"


class SlowReaders(Attack):
    name = "slow-readers"
    about = "16 of 64 players never read (SO_RCVBUF 4096), against the same room in which they do"
    players, others, text_bytes = 48, 16, 500
    trace_seconds = 4

    def _server(self, bench):
        # Tight, so that their sum says something; and nobody is closed for being slow while it is measured.
        server_keys = {"sessions_max": 256, "rooms_max": 1, "chunk_memory_max": "32MiB", "sources_max": 256,
                       "job_timers_max": 16}
        room_keys = {"tick": f"{TICK_MS}ms", "capacity": 100, "outbox_age_max": "5m", "outbox_bytes_max": "32MiB",
                     "outbox_slices_max": 4096, "memory_max": "64KiB", "streams_max": 0}
        return bench.roomd([("lobby", room_keys)], server_keys)

    def _begin(self, bench, server, kind, seconds):
        rcvbuf = {"rcvbuf": 4096} if kind == "deaf" else {}
        others = bench.attack(server, kind, seconds + 60, clients=self.others, **rcvbuf)
        while number(server.ask()[0]["enters"]) < self.others:
            time.sleep(0.05)
        return others, bench.load(server, self.players, ["lobby"], seconds=seconds, extra=["-s", str(self.text_bytes)])

    def _once(self, bench, kind):
        with self._server(bench) as server:
            vitals = Vitals(server.pid)
            before_kib = vitals.rss_kib()
            others, load = self._begin(bench, server, kind, bench.seconds)
            report = load.finish()
            growth_kib = vitals.peak_kib() - before_kib
            limits = server.events("limits")[0]
            others.stop()
        return {"cpu_us_per_1000": report["server"]["cpu_s"] * 1e9 / report["received"],
                "late_p99_us": number(server.stats["late_p99_us"]), "latency_p99_us": report["latency_us"]["p99"],
                "growth_kib": growth_kib, "limits_kib": number(limits["total_bytes"]) // 1024,
                "short_writes": number(server.stats["short_writes"]), "writev": number(server.stats["writev"]),
                "waited": server.waited, "report": report}

    def _trace(self, bench, kind):
        """Waits and writes a second, once the kernel's buffers of who does not read are full."""
        with self._server(bench) as server:
            others, load = self._begin(bench, server, kind, bench.seconds)
            time.sleep(bench.seconds - self.trace_seconds - 1)
            with Trace(bench, server.pid, CALLS) as trace:
                time.sleep(self.trace_seconds)
            load.finish()
            others.stop()
        waits = sum(name in WAITS for name, _ in trace.calls)
        return waits / self.trace_seconds, (len(trace.calls) - waits) / self.trace_seconds

    def run(self, bench, options, say):
        runs = {"listen": [], "deaf": []}
        for i in range(options.repeat):
            for kind, done in runs.items():
                say(f"{self.name}, the 16 {'read' if kind == 'listen' else 'do not'}, {i + 1} of {options.repeat}")
                done.append(self._once(bench, kind))
        usual, deaf = runs["listen"], runs["deaf"]
        late, latency = worse(deaf, usual, "late_p99_us"), worse(deaf, usual, "latency_p99_us")
        wrong = sum(wrong_of(run["report"]) for run in deaf)
        growth, most = max(run["growth_kib"] for run in deaf), deaf[0]["limits_kib"]
        cost = spread([b["cpu_us_per_1000"] / a["cpu_us_per_1000"] for a, b in zip(usual, deaf)])
        bars = [
            bar(f"{self.name}: the others' lateness p99", late, late_text(deaf, usual, "late_p99_us"), "+5 ms",
                late <= 5000),
            bar(f"{self.name}: the others' latency p99", latency, late_text(deaf, usual, "latency_p99_us"), "+5 ms",
                latency <= 5000),
            bar(f"{self.name}: the others lose", wrong, health_text(deaf[-1]["report"]), "nothing",
                all(is_healthy(run["report"]) for run in deaf)),
            bar(f"{self.name}: RSS growth", growth, f"{growth / 1024:.1f} MiB of {most / 1024:.0f}",
                "within the limits' sum", growth <= most),
            bar(f"{self.name}: CPU per delivery to the others", cost["median"],
                f"{cost['median'] - 1:+.1%} ({cost['min'] - 1:+.1%} to {cost['max'] - 1:+.1%})", "+2 %",
                cost["median"] <= 1.02)]
        return {"runs": runs}, bars + self._judge_spin(bench, say, deaf)

    def _judge_spin(self, bench, say, deaf):
        what, limit = f"{self.name}: turns and writes a second", "no more than when all read"
        count = deaf[-1]["short_writes"]
        short = f"{count} short writes in all" if count else "no short write: THE KERNEL TOOK ALL"
        if not Trace.is_there():
            return [bar(what, None, f"no strace here; {short}", limit, 0 < count < 100 * self.others)]
        say(f"{self.name}, system calls")
        usual, slow = self._trace(bench, "listen"), self._trace(bench, "deaf")
        text = f"{slow[0]:.0f} and {slow[1]:.0f} against {usual[0]:.0f} and {usual[1]:.0f}; {short}"
        # A turn for each message that comes and for each tick, and as many again for what the tool has not spread well.
        most = 2 * (self.players * RATE + 1000 / TICK_MS)
        is_met = slow[0] <= min(most, 1.1 * usual[0] + 5) and slow[1] <= 1.1 * usual[1] + 5
        return [bar(what, slow[0], text, limit, is_met and count > 0)]


class Resync(Attack):
    name = "resync"
    about = "a reader that stops for 3 s and reads again, in a room that skips: told how much, and shown anew"
    players, stop_seconds, tries = 100, 3, 3

    def run(self, bench, options, say):
        room = {"content": "field", "tick": f"{TICK_MS}ms", "slow": "skip", "outbox_age_max": "1s", "view": 30}
        found = []
        with bench.roomd([("field", room)], {"socket_send_buffer": "16KiB"}) as server:
            load = bench.load(server, self.players, ["field"], rate=20, seconds=self.tries * (self.stop_seconds + 3) + 4,
                              extra=["--play", "crowd"])
            while number(server.ask()[0]["enters"]) < self.players:
                time.sleep(0.1)
            peer = Peer(server.address, rcvbuf=4096).enter("field")
            for i in range(self.tries):
                say(f"{self.name}, {i + 1} of {self.tries}")
                for _ in peer.frames(2):
                    pass
                time.sleep(self.stop_seconds)
                found.append(self._read_again(peer))
            peer.close()
            report = load.finish()
        told = [one for one in found if one["packets"]]
        ticks = max((one["seen_s"] * 1000 / TICK_MS for one in told if one["seen_s"] is not None), default=None)
        text = "; ".join(f"{one['packets']} packets, {one['bytes']} bytes, " +
                         (f"shown after {one['seen_s'] * 1000:.0f} ms" if one["seen_s"] is not None else "shown nothing")
                         for one in told)
        return {"tries": found}, [
            bar(f"{self.name}: told what was left out", len(told), f"{len(told)} of {self.tries} times",
                f"{self.tries}", len(told) == self.tries),
            bar(f"{self.name}: the view is right again", ticks, text or "never told", "2 ticks after it reads",
                ticks is not None and ticks <= 2 and all(one["seen_s"] is not None for one in found)),
            bar(f"{self.name}: the others", wrong_of(report), health_text(report), "nothing wrong",
                is_healthy(report))]

    @staticmethod
    def _read_again(peer):
        """What it was told was left out, and the time from reading again to the list of who is there."""
        began, one = time.monotonic(), {"packets": 0, "bytes": 0, "told_s": None, "seen_s": None}
        for when, packet, payload in peer.frames(2):
            if packet == S_RESYNC and one["told_s"] is None:
                one["packets"], one["bytes"] = struct.unpack("<II", payload)
                one["told_s"] = when - began
            elif packet == S_PLAYER_LIST and one["told_s"] is not None:
                one["seen_s"] = when - began
                return one
        return one


class StoppedForGood(Attack):
    name = "stopped-for-good"
    about = "readers that never read again: closed as slow, in both policies"
    players, deaf, age_s, skip_s = 32, 8, 2, 3
    text_bytes, rate = 1000, 8

    def _once(self, bench, policy):
        """Seconds by which each was closed too late, after its limit."""
        limit_s = self.age_s + (self.skip_s if policy == "skip" else 0)
        room = {"tick": "100ms", "outbox_age_max": f"{self.age_s}s"}
        if policy == "skip":
            room.update(slow="skip", skip_max=f"{self.skip_s}s")
        with bench.roomd([("lobby", room)]) as server:
            load = bench.load(server, self.players, ["lobby"], rate=self.rate, seconds=30,
                              extra=["--play", "babble", "-s", str(self.text_bytes)])
            with Sampler(0.05, lambda: (time.time(), number(server.ask()[0]["short_writes"]))) as sampler:
                peers = [Peer(server.address, rcvbuf=4096).enter("lobby") for _ in range(self.deaf)]
                report = load.finish()
            closes = [line for line in server.events("close") if line["reason"] == "slow"]
            for peer in peers:
                peer.close()
        counts = [sample for _, sample in sampler.samples]
        full = next((when for when, count in counts if count >= self.deaf), None)
        closed = [datetime.datetime.strptime(line["ts"], "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() for line in closes]
        return full, [when - full - limit_s for when in closed] if full else [], report

    def run(self, bench, options, say):
        figures, bars = {}, []
        for policy in ("kick", "skip"):
            say(f"{self.name}, slow = {policy}")
            full, late, report = self._once(bench, policy)
            figures[policy] = {"late_s": late, "report": report}
            text = f"{len(late)} of {self.deaf} closed as slow" + (
                f", {min(late):+.2f} to {max(late):+.2f} s after their limit" if late else
                "" if full else "; the kernel took all that was sent")
            bars.append(bar(f"{self.name}, slow = {policy}", max(late, default=None), text, "all, within 1 s of the limit",
                            len(late) == self.deaf and max(late) <= 1))
        return figures, bars


class Flood(Attack):
    name = "flood"
    about = "1 session sends 100,000 moves a second beside 31 players; then one as much as it can, who reads nothing"
    players, flood, seconds = 31, 100000, 8

    def _once(self, bench, kind):
        keys = {"tick": f"{TICK_MS}ms", "content": "field", "speed": 0}
        with bench.roomd([("lobby", keys)]) as server:
            load = bench.load(server, self.players, ["lobby"], seconds=self.seconds, extra=["--play", "crowd"])
            time.sleep(2)
            cpu_s, began, run, seconds = Vitals(server.pid).cpu_s(), time.monotonic(), {}, self.seconds - 3
            if kind == "rush":
                run["flood"] = bench.attack(server, kind, seconds, flood=self.flood).finish()["kinds"][kind]
            elif kind == "lists":  # again and again: it is its bytes that the server has to get rid of
                run["flood"] = bench.attack(server, kind, seconds, again=100).finish()["kinds"][kind]
            else:
                time.sleep(seconds)
            run["cpu_share"] = (Vitals(server.pid).cpu_s() - cpu_s) / (time.monotonic() - began)
            run["report"] = load.finish()
        run["latency_p99_us"] = run["report"]["latency_us"]["p99"]
        return run

    def run(self, bench, options, say):
        runs = {None: [], "rush": [], "lists": []}
        for i in range(options.repeat):
            for kind, done in runs.items():
                say(f"{self.name}, {kind or 'nobody'}, {i + 1} of {options.repeat}")
                done.append(self._once(bench, kind))
        usual, rush, lists = runs.values()
        return {"usual": usual, "rush": rush, "lists": lists}, [
            self._judge_close(rush, options.repeat),
            self._judge_latency("the others' latency p99", usual, rush),
            self._judge_latency("the same, while one sends as much as it can and reads nothing", usual, lists)]

    def _judge_close(self, runs, repeat):
        closed = [run["flood"]["life_ms"]["max"] for run in runs if run["flood"]["ended_by_server"]]
        kicks = ", ".join(sorted({reason for run in runs for reason in run["flood"]["kicks"]}))
        alive = repeat - len(closed)
        texts = [f"after {max(closed):.0f} ms, {kicks or 'without a word'}"] if closed else []
        texts += [f"{alive} of {repeat} not in {self.seconds - 3} s"] if alive else []
        return bar(f"{self.name}: the one who floods is closed", max(closed, default=None), "; ".join(texts), "within 1 s",
                   alive == 0 and max(closed) <= 1000)

    def _judge_latency(self, what, usual, flooded):
        late = worse(flooded, usual, "latency_p99_us")
        share = statistics.median(run["cpu_share"] for run in flooded)
        return bar(f"{self.name}: {what}", late, f"{late_text(flooded, usual, 'latency_p99_us')}, {share:.0%} of a core",
                   "+10 ms", late <= 10000 and all(not run["report"]["disconnects"] for run in flooded))


class Stopped(Attack):
    name = "stopped"
    about = "the server stops for 3 s (SIGSTOP): ticks that were missed are counted, not made up for"
    rooms, players, stop_s, tick_ms, window_ticks = 4, 64, 3, 250, 20

    def _phase(self, peers):
        """A moment of the tick's period that is as far as can be from every room's tick."""
        period = self.tick_ms / 1000
        phases = []
        for peer in peers:
            marks = {}  # of several packets that one flush brings, the first
            for when, packet, _ in peer.frames(1.5):
                if packet == S_MOVE:
                    marks.setdefault(round(when / period * 10), when % period)
            phases += marks.values()
        phases.sort()
        gaps = [(after - before, before) for before, after in zip(phases, phases[1:] + [phases[0] + period])]
        width, begin = max(gaps)
        return (begin + width / 2) % period

    def _stop(self, server):
        server.child.send_signal(signal.SIGSTOP)
        time.sleep(self.stop_s)
        server.child.send_signal(signal.SIGCONT)

    def _count(self, server, peers):
        """The statistics' growth over exactly so many periods with a stop in them."""
        period = self.tick_ms / 1000
        phase = self._phase(peers)
        now = time.monotonic()
        begin = now - now % period + phase + period
        time.sleep(begin - now)
        before, _ = server.ask()
        self._stop(server)
        time.sleep(max(0, begin + self.window_ticks * period - time.monotonic()))
        after, _ = server.ask()
        return {key: grown(before, after, key) for key in ("ticks", "ticks_skipped", "writev")}

    def _burst(self, bench, server, peers):
        """The most writes to one socket in one turn, and of how many writes, around a stop, while all peers move."""
        with Trace(bench, server.pid, CALLS) as trace:
            server.child.send_signal(signal.SIGSTOP)
            self._move(peers, self.stop_s)
            server.child.send_signal(signal.SIGCONT)
            self._move(peers, 1.5)
        most, writes, turn = 0, 0, {}
        for name, descriptor in trace.calls:
            if name in WAITS:
                turn = {}
            elif descriptor is not None and descriptor > 2:
                turn[descriptor] = turn.get(descriptor, 0) + 1
                most = max(most, turn[descriptor])
                writes += 1
        return most, writes

    @staticmethod
    def _move(peers, seconds):
        for i in range(int(seconds / 0.1)):
            for peer in peers:
                peer.send(5, struct.pack("<fff", 0.1 * (i % 5), 0, 0))
            time.sleep(0.1)

    def run(self, bench, options, say):
        names = [f"field{i}" for i in range(self.rooms)]
        keys = {"content": "field", "tick": f"{self.tick_ms}ms", "speed": 0}
        period_s = self.tick_ms / 1000
        with bench.roomd([(name, keys) for name in names]) as server:
            say(f"{self.name}, counting")
            seconds = self.window_ticks * period_s + self.rooms * 1.5 + 5
            load = bench.load(server, self.players, names, seconds=seconds, extra=["--play", "roam"])
            while number(server.ask()[0]["enters"]) < self.players:
                time.sleep(0.05)
            peers = [Peer(server.address).enter(name) for name in names]
            growth = self._count(server, peers)
            report = load.finish()
            most, writes = None, 0
            if Trace.is_there():
                say(f"{self.name}, system calls")
                most, writes = self._burst(bench, server, peers)
            for peer in peers:
                peer.close()
        wanted = self.rooms * self.window_ticks
        found = growth["ticks"] + growth["ticks_skipped"]
        members = self.players // self.rooms + 1
        missed = self.rooms * int(self.stop_s / period_s - 1)
        return {"growth": growth, "report": report, "writes_in_a_turn": most}, [
            bar(f"{self.name}: ticks held and skipped in {self.window_ticks} periods of {self.rooms} rooms", found,
                f"{growth['ticks']} and {growth['ticks_skipped']}: {found}", f"{wanted}, at least {missed} skipped",
                found == wanted and growth["ticks_skipped"] >= missed),
            bar(f"{self.name}: writes a tick and player", growth["writev"] / growth["ticks"] / members,
                f"{growth['writev'] / growth['ticks'] / members:.2f}; in one turn to one player " +
                ("not looked at: no strace here" if most is None else f"{most} (of {writes} writes)"), "at most 1 in a turn",
                most is None or (most <= 1 and writes > 0)),
            bar(f"{self.name}: the players", wrong_of(report), f"{report['play']['wrong_total']} things wrong; "
                + health_text(report), "nothing wrong", is_healthy(report))]


ALL = [SlowReaders(), Resync(), StoppedForGood(), Flood(), Stopped()]
