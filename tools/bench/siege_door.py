"""Attacks at the door: who never finishes a packet, storms of connections, descriptors that run out, forged tickets."""

import glob
import json
import os
import resource
import shutil
import statistics
import subprocess
import time

from harness import BenchError, number
from scenarios import bar
from siege_room import TICK_MS, Attack, health_text, is_healthy, late_text, worse
from siege_tools import Crowd, Sampler, Vitals, grown

ROOMS = [f"r{i}" for i in range(4)]
PLAYERS = 64
PORCH = "porch"  # where those go who only want to know how long it takes to come in
KNOCKERS = {"room": PORCH, "source": "127.9.0.1", "sources": 50}
KNOCKS_A_SECOND = 20
LIMITS_BITE = {"exempt": "", "grace": 0}  # loopback is as any other address, from the first second


def start(bench, server_keys, limits=()):
    keys = {"tick": f"{TICK_MS}ms"}
    return bench.roomd([(room, keys) for room in ROOMS + [PORCH]], server_keys, limits)


def knock(bench, server, seconds):
    """Someone who comes in, goes, and comes again: not an attack, and served as the players are."""
    return bench.attack(server, "enter", seconds, clients=200, rate=KNOCKS_A_SECOND, again=1, nice=0, **KNOCKERS)


def players(bench, server, seconds):
    return bench.load(server, PLAYERS, ROOMS, seconds=seconds)


def entered_text(knocks):
    missing = knocks["opened"] - knocks["entered"] - knocks["alive"]
    return f"{knocks['enter_ms']['p99']:.1f} ms, worst {knocks['enter_ms']['max']:.1f}" + (
        f"; {missing} of {knocks['opened']} did not get in" if missing else "")


class Dribblers(Attack):
    name = "dribblers"
    about = "10,000 from 200 addresses who send a byte a second of their first packet"
    clients, addresses, rate = 10000, 200, 2000
    deadline_s, grace_s = 10, 1
    memory_mib, enter_ms = 40, 100

    def run(self, bench, options, say):
        seconds = int(self.clients / self.rate + self.deadline_s + 5)
        clients = min(self.clients, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500)
        with start(bench, {"sessions_max": 16384, "frame_timeout": f"{self.deadline_s}s", **LIMITS_BITE}) as server:
            vitals = Vitals(server.pid)
            load = players(bench, server, seconds)
            time.sleep(2)
            before, _ = server.ask()
            before_kib, cpu_s = vitals.rss_kib(), vitals.cpu_s()
            say(f"{self.name}, {clients} of them")
            knockers = knock(bench, server, seconds - 4)
            dribble = bench.attack(server, "dribble", seconds - 4, clients=clients, rate=self.rate, source="127.16.0.1",
                                   sources=self.addresses, frame=4000)
            with Sampler(0.25, lambda: len(os.listdir(f"/proc/{server.pid}/fd"))) as sampler:
                found = dribble.finish()["kinds"]["dribble"]
            cpu_s = vitals.cpu_s() - cpu_s
            growth_mib = (vitals.peak_kib() - before_kib) / 1024
            knocks = knockers.finish()["kinds"]["enter"]
            report = load.finish()
            after, _ = server.ask()
        most = max(count for _, count in sampler.samples)
        life_s = found["life_ms"]["max"] / 1000
        kicks = ", ".join(f"{reason} {count}" for reason, count in found["kicks"].items())
        late_ms = number(after["late_p99_us"]) / 1000
        return {"dribble": found, "enter": knocks, "players": report, "rss_growth_mib": growth_mib, "cpu_s": cpu_s,
                "descriptors_max": most, "frame_timeouts": grown(before, after, "close_frame_timeout")}, [
            bar(f"{self.name}: more memory", growth_mib, f"{growth_mib:.1f} MiB with {most} connections",
                f"at most {self.memory_mib} MiB", growth_mib <= self.memory_mib and most >= 0.95 * clients),
            bar(f"{self.name}: an enter beside them, p99", knocks["enter_ms"]["p99"], entered_text(knocks),
                f"under {self.enter_ms} ms",
                knocks["enter_ms"]["p99"] < self.enter_ms and knocks["opened"] - knocks["entered"] <= knocks["alive"]),
            bar(f"{self.name}: gone at their deadline of {self.deadline_s} s", life_s,
                f"{found['ended_by_server']} of {found['connected']}, the last after {life_s:.2f} s ({kicks})",
                f"all, within {self.grace_s} s of it",
                found["ended_by_server"] == clients and life_s <= self.deadline_s + self.grace_s),
            bar(f"{self.name}: the players", late_ms, f"{health_text(report)}; lateness p99 {late_ms:.2f} ms",
                "nothing wrong", is_healthy(report))]


class Storm(Attack):
    rate = 5000
    late_ms = 20

    def __init__(self, name, about, seconds, server_keys, attack):
        self.name = name
        self.about = about
        self.seconds = seconds
        self.server_keys = server_keys
        self.attack = attack

    def _alone(self, bench):
        """Milliseconds of lateness without the storm."""
        with start(bench, {}) as server:
            players(bench, server, self.seconds).finish()
        return number(server.stats["late_p99_us"]) / 1000

    def run(self, bench, options, say):
        say(f"{self.name}, players alone")
        alone_ms = self._alone(bench)
        with start(bench, {"sessions_max": 16384, "log": "warn", **self.server_keys}) as server:
            vitals = Vitals(server.pid)
            load = players(bench, server, self.seconds + 3)
            time.sleep(2)
            say(self.name)
            cpu_s, begin = vitals.cpu_s(), time.monotonic()
            knockers = None if "proxied" in self.attack else knock(bench, server, self.seconds)
            storm = bench.attack(server, "silent,hello,enter", self.seconds, clients=5000, rate=self.rate, again=0,
                                 hold=100, room=PORCH, **self.attack)
            with Sampler(0.5, lambda: server.ask()[0]) as sampler:
                found = storm.finish()
            cpu_share = (vitals.cpu_s() - cpu_s) / (time.monotonic() - begin)
            knocks = knockers.finish()["kinds"]["enter"] if knockers else None
            report = load.finish()
        kinds = found["kinds"].values()
        got = sum(kind["connected"] for kind in kinds) / found["seconds"]
        refused = sum(sum(kind["kicks"].values()) for kind in kinds)
        late_ms = number(server.stats["late_p99_us"]) / 1000
        most = max(number(stats["sources"]) for _, stats in sampler.samples)
        limit = self.server_keys.get("sources_max", 32768) + 16384
        text = (f"{late_ms:.2f} ms ({alone_ms:.2f} without) at {got:.0f} a second, {refused} refused, "
                f"{cpu_share:.0%} of a core")
        bars = [bar(f"{self.name}: lateness p99", late_ms, text, f"under {self.late_ms} ms at {self.rate} a second",
                    late_ms < self.late_ms and got >= 0.95 * self.rate),
                bar(f"{self.name}: addresses remembered", most,
                    f"{most} at most, {server.stats['sources_forgotten']} forgotten", f"at most {limit}", most <= limit),
                bar(f"{self.name}: the players", None, health_text(report), "nothing wrong", is_healthy(report))]
        if knocks:
            bars.append(bar(f"{self.name}: an enter beside it, p99", knocks["enter_ms"]["p99"], entered_text(knocks),
                            "under 100 ms", knocks["enter_ms"]["p99"] < 100))
        return {"storm": found, "enter": knocks, "players": report, "cpu_share": cpu_share}, bars


class Descriptors(Attack):
    name = "descriptors"
    about = "a descriptor limit of 256, and 1,000 who connect"
    descriptors, connects, frees, seconds = 256, 1000, 20, 8

    def _once(self, bench, connects):
        with start(bench, {}, [(resource.RLIMIT_NOFILE, self.descriptors)]) as server:
            vitals = Vitals(server.pid)
            load = players(bench, server, self.seconds + 12)
            time.sleep(2)
            crowd = Crowd(server.address)
            crowd.open(connects)
            crowd.settle(1)
            begin, cpu_s, log_bytes = time.monotonic(), vitals.cpu_s(), server.log_bytes()
            crowd.settle(self.seconds)
            spent_s = time.monotonic() - begin
            run = {"cpu_share": (vitals.cpu_s() - cpu_s) / spent_s, "inside": len(crowd.inside),
                   # From the first to the last of them: as many as there are may lie at both ends.
                   "lines_a_second": max(0, len(server.lines(log_bytes)) - 1) / spent_s,
                   "resumed_ms": [self._free_one(crowd, 0.005 * i) for i in range(self.frees)] if connects else []}
            crowd.close()
            run["report"] = load.finish()
        run["late_p99_us"] = number(server.stats["late_p99_us"])
        run["skipped"] = number(server.stats["ticks_skipped"])
        return run

    @staticmethod
    def _free_one(crowd, pause_s):
        """
        Milliseconds from one who goes to the next one's welcome; a second and more: nobody came in. The pause is from
        the last welcome, when the server has just looked: over the frees it goes through all that may lie between looks.
        """
        time.sleep(pause_s)
        crowd.inside.pop(0).close()
        begin = time.monotonic()
        while time.monotonic() < begin + 1:
            came = crowd.turn(0.2)
            if came:
                return (came[0] - begin) * 1000
        return (time.monotonic() - begin) * 1000

    def run(self, bench, options, say):
        say(f"{self.name}, nobody else")
        usual = self._once(bench, 0)
        say(f"{self.name}, {self.connects} connect")
        full = self._once(bench, self.connects)
        late = worse([full], [usual], "late_p99_us")
        resumed = max(full["resumed_ms"])
        return {"usual": usual, "full": full}, [
            bar(f"{self.name}: CPU", full["cpu_share"],
                f"{full['cpu_share']:.1%}, the {PLAYERS} players' {usual['cpu_share']:.1%} included; "
                f"{full['inside']} of {self.connects} let in", "under 5 %", full["cpu_share"] < 0.05),
            bar(f"{self.name}: ticks", late, f"lateness p99 {late_text([full], [usual], 'late_p99_us')}, "
                f"{full['skipped']} skipped", "unaffected (+5 ms, none)", late <= 5000 and full["skipped"] == 0),
            bar(f"{self.name}: accept resumes after a slot is free", resumed,
                f"worst {resumed:.0f} ms of {self.frees}, median {statistics.median(full['resumed_ms']):.0f}",
                "within 100 ms", resumed <= 100),
            bar(f"{self.name}: log lines", full["lines_a_second"], f"{full['lines_a_second']:.2f} a second",
                "at most 1 a second", full["lines_a_second"] <= 1),
            bar(f"{self.name}: the players", None, health_text(full["report"]), "nothing wrong",
                is_healthy(full["report"]))]


class TicketsCost(Attack):
    name = "tickets-cost"
    about = "what it takes to verify a ticket, and whether it tells where the first wrong byte is"
    most_us = 5

    def run(self, bench, options, say):
        program = bench.programs["ticket-cost"]
        say(self.name)
        done = subprocess.run([program], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"ticket-cost ended with status {done.returncode}: {done.stderr.strip()}")
        found = json.loads(done.stdout)
        each, longest = ([found[name][key] / 1000 for key in ("least", "p50")] for name in ("verify_ns", "longest_ns"))
        counts = self._count(bench, program)
        return {**found, "instructions": counts}, [
            # Of batches of 1,000 the quickest is what the code takes, the rest is what the machine did meanwhile.
            bar(f"{self.name}: verification", longest[0],
                f"{each[0]:.2f} us (median {each[1]:.2f}), of the longest ({found['longest_bytes']} bytes) {longest[0]:.2f} "
                f"(median {longest[1]:.2f})", f"under {self.most_us} us", longest[0] < self.most_us),
            bar(f"{self.name}: single-bit flips of {found['tickets']} that pass", found["accepted"],
                f"{found['accepted']} of {found['flips']}", "none", found["accepted"] == 0),
            bar(f"{self.name}: instructions, by place of the first wrong byte", None,
                "no valgrind here" if counts is None else
                f"{len(counts)} places: {min(counts)} to {max(counts)}", "equal",
                counts is not None and len(counts) > 1 and min(counts) == max(counts))]

    @staticmethod
    def _count(bench, program):
        if shutil.which("valgrind") is None:
            return None
        out = os.path.join(bench.folder, "callgrind")
        done = subprocess.run(["valgrind", "-q", "--tool=callgrind", "--toggle-collect=probe_verify",
                               "--dump-after=probe_verify", f"--callgrind-out-file={out}", program, "probe"],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"valgrind ended with status {done.returncode}: {done.stderr.strip()[-600:]}")
        counts = {}
        for path in glob.glob(f"{out}.*"):
            with open(path, encoding="ascii") as file:
                counts[int(path.rsplit(".", 1)[1])] = next(int(line.split()[1]) for line in file
                                                           if line.startswith("totals:"))
        return [counts[i] for i in sorted(counts) if i > 1]  # the first one warms up


ALL = [Dribblers(),
       Storm("connect-storm", "5,000 connects a second for 10 s from exempt addresses: all are let in", 10, {},
             {"source": "127.32.0.1", "sources": 250}),
       Storm("refused-storm", "the same from 50 addresses that are held to their limits", 10, LIMITS_BITE,
             {"source": "127.32.0.1", "sources": 50}),
       Storm("proxied-storm", "the same for 20 s from a proxy that names 100,000 addresses", 20,
             {"proxy_from": "127.32.0.0/16", "sources_max": 8192, **LIMITS_BITE},
             {"source": "127.32.0.1", "sources": 250, "proxied": 100000}),
       Descriptors(), TicketsCost()]
