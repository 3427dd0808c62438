"""What takes long: memory that runs out, a soak with everything at once, and what all the defences cost."""

import re
import resource
import statistics
import time

from harness import BenchError, number
from scenarios import DEFAULT_TICK_MS, bar, measure
from siege_room import TICK_MS, Attack, health_text, is_healthy, late_text, worse
from siege_tools import Sampler, Vitals, slope

MIB = 1024 * 1024
KINDS = "silent,hello,listen,deaf,lists,partial,dribble,flood,garbage"
ALARM = re.compile(r"\blevel=(alert|error)\b")


def alarms(server):
    return [line for line in server.lines() if ALARM.search(line)]


class Memory(Attack):
    name = "memory"
    about = "memory_max 64 MiB, an address space of a fifth more, and 500 who never read, never finish, or ask for lists"
    memory_mib, players, talkers, seconds = 64, 32, 30, 30
    hostile = {"partial": 350, "deaf": 100, "lists": 50}
    lists_rooms = 200
    pressed_share = 0.94  # of memory_max: with less in use, nothing was tried

    def _server(self, bench):
        server_keys = {"memory_max": f"{self.memory_mib}MiB", "frame_max": 65535, "sessions_max": 1024,
                       "chunk_memory_max": "56MiB", "log": "warn"}
        rooms = [("lobby", {"tick": f"{TICK_MS}ms"}),
                 ("pit", {"outbox_age_max": "5m", "outbox_bytes_max": "48MiB", "outbox_slices_max": 65535})]
        rooms += [(f"{i:03d}-{'x' * 50}", {}) for i in range(self.lists_rooms)]
        return bench.roomd(rooms, server_keys, [(resource.RLIMIT_AS, int(self.memory_mib * MIB * 1.2))])

    def _attacks(self, bench, server, seconds):
        """What is said in the pit stays there for those who do not read: it is what their number makes it."""
        kinds = [bench.attack(server, kind, seconds, clients=count, again=100, rate=500, frame=65535, rcvbuf=4096,
                              room="pit") for kind, count in self.hostile.items()]
        return kinds + [bench.load(server, self.talkers, ["pit"], rate=60, seconds=seconds - 4,
                                   extra=["--play", "babble", "-s", "1000"])]

    def _once(self, bench, is_attacked):
        run = {"died": None}
        server = self._server(bench)
        try:
            with server:
                load = bench.load(server, self.players, ["lobby"], seconds=self.seconds)
                time.sleep(1)
                attacks = self._attacks(bench, server, self.seconds - 2) if is_attacked else []
                with Sampler(0.25, lambda: number(server.ask()[0]["memory_bytes"])) as sampler:
                    run["report"] = load.finish()
                run["attacks"] = [attack.finish() for attack in attacks]
                run["peak_mib"] = Vitals(server.pid).peak_kib() / 1024
            run["memory_mib"] = max(count for _, count in sampler.samples) / MIB
            run["late_p99_us"] = number(server.stats["late_p99_us"])
            run["stats"] = server.stats
        except BenchError as error:
            run["died"] = str(error)
        return run

    def run(self, bench, options, say):
        say(f"{self.name}, players alone")
        usual = self._once(bench, False)
        say(f"{self.name}, with {sum(self.hostile.values())} hostile")
        pressed = self._once(bench, True)
        if usual["died"]:
            raise BenchError(f"{self.name}: not even without an attack: {usual['died']}")
        what = f"{self.name}: alive with {sum(self.hostile.values())} hostile clients"
        if pressed["died"]:
            return {"pressed": pressed}, [bar(what, None, f"died: {pressed['died'][-200:]}", "never killed", False)]
        late = worse([pressed], [usual], "late_p99_us")
        is_shed = number(pressed["stats"]["shed"]) > 0
        is_pressed = is_shed or pressed["memory_mib"] >= self.pressed_share * self.memory_mib
        closes = ", ".join(f"{key[6:]} {value}" for key, value in pressed["stats"].items() if key.startswith("close_"))
        text = (f"{pressed['memory_mib']:.1f} MiB counted, RSS {pressed['peak_mib']:.1f} MiB, "
                f"{pressed['stats']['shed']} shed ({closes})")
        return {"usual": usual, "pressed": pressed}, [
            bar(what, pressed["memory_mib"], text + ("" if is_pressed else ": NOT PRESSED"), "never killed", is_pressed),
            bar(f"{self.name}: the players", late, f"{health_text(pressed['report'])}; lateness p99 "
                f"{late_text([pressed], [usual], 'late_p99_us')}", "nothing wrong", is_healthy(pressed["report"]))]


class Soak(Attack):
    name = "soak"
    about = "2,000 players, 50 enters and leaves a second, and all misbehaviours at once (30 minutes; --seconds S)"
    players, churn, rooms = 2000, 50, 20
    slope_mib_h = 1
    strict_seconds = 600  # of a shorter run the slope is told with what the samples cannot tell

    def _attacks(self, bench, server, seconds):
        """Those of 127.32 are exempt and go on for ever; those of 127.48 are held to the limits, and turned away."""
        each = {"clients": 180, "rate": 50, "again": 500, "hold": 8000, "interval": 200, "flood": 20000}
        return [bench.attack(server, KINDS, seconds, room="pit", source="127.32.0.1", sources=100, **each),
                bench.attack(server, KINDS, seconds, room="pit", source="127.48.0.1", sources=50, **each),
                bench.attack(server, "deaf", seconds, room="r0", source="127.32.1.1", sources=20, clients=20, rate=5,
                             again=1000, hold=15000, rcvbuf=4096)]

    def _load(self, bench, server, seconds):
        odd = ["--slow", "20", "--dribble", "20", "--garbage", "20", "--churn", str(self.churn)]
        return bench.load(server, self.players, [f"r{i}" for i in range(self.rooms)], rate=1, seconds=seconds, ramp=500,
                          extra=odd + ["--source", "127.0.0.0/8"])

    def run(self, bench, options, say):
        seconds = options.seconds
        warm_s = min(300, seconds / 4)
        server_keys = {"sessions_max": 8192, "log": "warn", "frame_timeout": "5s", "grace": 0, "exempt": "127.32.0.0/16"}
        rooms = [(f"r{i}", {}) for i in range(self.rooms)] + [("pit", {"outbox_age_max": "5s"})]
        with bench.roomd(rooms, server_keys) as server:
            vitals = Vitals(server.pid)
            first_fds, cpu_s = vitals.descriptors(), vitals.cpu_s()
            load = self._load(bench, server, seconds)
            time.sleep(self.players / 500 + 1)
            attacks = self._attacks(bench, server, seconds)
            with Sampler(2, lambda: (vitals.rss_kib(), self._counted_kib(server))) as sampler:
                began = time.monotonic()
                while time.monotonic() < began + seconds:
                    say(f"{self.name}, {(time.monotonic() - began) / 60:.1f} of {seconds / 60:.1f} minutes, "
                        f"RSS {vitals.rss_kib() / 1024:.1f} MiB")
                    time.sleep(min(60, max(0.1, began + seconds - time.monotonic())))
            cpu_share = (vitals.cpu_s() - cpu_s) / seconds
            found = [attack.finish() for attack in attacks]
            report = load.finish()
            fds = self._settle(vitals, first_fds)
            stats, _ = server.ask()
            told = alarms(server)
        samples = [(when, rss_kib, counted_kib) for when, (rss_kib, counted_kib) in sampler.samples]
        rise = slope([(when, rss_kib) for when, rss_kib, _ in samples if when >= warm_s])
        counted = slope([(when, counted_kib) for when, _, counted_kib in samples if when >= warm_s])
        return {"attacks": found, "players": report, "rss_and_counted_kib": samples, "stats": stats,
                "cpu_share": cpu_share}, [
            self._judge_slope(rise, counted, seconds, samples),
            bar(f"{self.name}: descriptors at the end", fds, f"{fds}, {first_fds} at the start", "as at the start",
                fds == first_fds),
            bar(f"{self.name}: alerts and errors in the log", len(told), told[0] if told else "none", "none", not told),
            bar(f"{self.name}: the players", None, f"{health_text(report)}; {report['clients']} of them, "
                f"{stats['enters']} enters in {seconds} s, {cpu_share:.0%} of a core, lateness p99 "
                f"{number(stats['late_p99_us']) / 1000:.1f} ms", "nothing lost", self._is_whole(report))]

    @staticmethod
    def _is_whole(report):
        """Those who never read are closed, and so is garbage: that is as it should be."""
        return report["ok"]

    @staticmethod
    def _settle(vitals, first_fds):
        for _ in range(150):
            fds = vitals.descriptors()
            if fds <= first_fds:
                break
            time.sleep(0.1)
        return fds

    @staticmethod
    def _counted_kib(server):
        """What the server itself says that it has taken."""
        return number(server.ask()[0]["memory_bytes"]) // 1024

    def _judge_slope(self, rise, counted, seconds, samples):
        what, limit = f"{self.name}: RSS slope after warm-up", f"under {self.slope_mib_h} MiB/h"
        if rise is None:
            return bar(what, None, "too few samples", limit, False)
        mib_h, error = (value * 3600 / 1024 for value in rise)
        doubt = 0 if seconds >= self.strict_seconds else 2 * error
        text = (f"{mib_h:+.2f} MiB/h (standard error {error:.2f}), RSS {samples[-1][1] / 1024:.1f} MiB at the end; what it "
                f"counts itself {counted[0] * 3600 / 1024:+.2f}")
        return bar(what, mib_h, text, limit, mib_h - doubt < self.slope_mib_h)


class Cost(Attack):
    name = "cost"
    about = "CPU of a delivery in room-1000 and rooms-100x50, against another build (--against PATH)"
    loads = (("room-1000", 1000, 1), ("rooms-100x50", 5000, 100))
    most = 1.03

    def run(self, bench, options, say):
        if options.against is None:
            return {}, [bar(f"{self.name}: CPU per delivery", None, "not compared: --against PATH names no other build",
                            f"at most {self.most:.2f}", False)]
        here, found, bars = bench.programs, {}, []
        programs = {"before": {**here, "roomd": options.against}, "now": here}
        for name, clients, groups in self.loads:
            runs = {"before": [], "now": []}
            for i in range(options.repeat):
                for which, done in runs.items():
                    say(f"{self.name}, {name}, {which}, {i + 1} of {options.repeat}")
                    bench.programs = programs[which]
                    done.append(measure(bench, "roomd", DEFAULT_TICK_MS, clients, groups))
            bench.programs = here
            found[name] = runs
            bars.append(self._judge(name, runs))
        return found, bars

    def _judge(self, name, runs):
        before, now = ([run["cpu_us_per_1000"] for run in runs[which]] for which in ("before", "now"))
        ratio = statistics.median(now) / statistics.median(before)
        wrong = sum(run["wrong"] for run in runs["now"])
        text = (f"{ratio:.3f}: {statistics.median(now):.1f} us per 1,000 against {statistics.median(before):.1f} (the least "
                f"of each: {min(now) / min(before):.3f})" + (f", but {wrong} went wrong" if wrong else ""))
        return bar(f"{self.name}: {name}, CPU per delivery against before", ratio, text, f"at most {self.most:.2f}",
                   ratio <= self.most and wrong == 0)


ALL = [Memory(), Soak(), Cost()]
