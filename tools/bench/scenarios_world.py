"""What is measured of the world: does a tick's cost follow the neighbours, and do those who sleep cost nothing."""

import math
import os

from harness import BenchError, figures
from scenarios import DEFAULT_TICK_MS, RATE, SERVER_KEYS, Scenario, bar, room_keys, row, spread

VIEW_M = 30
NEIGHBOURS = 40  # players in view of each, about
BABBLE_BYTES = 10  # of text: an S_Chat of 20 bytes, as long as an S_BroadcastMove
RULES = "monster wolf hp 40 speed 4.5 sight 12 leash 30 range 2 damage 1 every 1200ms xp 1\n"


def field_keys(**more):
    return room_keys(DEFAULT_TICK_MS, content="field", autojoin="yes", **more)


def play(bench, rooms, server_keys, clients, kind, rate=RATE, extra=()):
    """One run of players in a world. Returns its figures, with those of their views."""
    server = bench.roomd(rooms, {**SERVER_KEYS, **server_keys})
    with server:
        report = bench.load(server, clients, rate=rate, ramp=1000, extra=["--play", kind, *extra]).finish()
    run = figures(report, server)
    if run["connected"] != clients:
        raise BenchError(f"{kind}: only {run['connected']} of {clients} got in")
    views = report["play"]
    run["wrong"] += views["wrong_total"]
    run["view_mean"] = views["view_mean"]
    run["moves_seen"] = views["moves_seen"]
    run["corrected"] = views["corrected"]
    run["bytes"] = report["bytes"]
    run["seconds"] = report["seconds"]
    run["cpu_us_per_player_s"] = report["server"]["cpu_s"] * 1e6 / clients / report["seconds"]
    return run


def median_ratio(runs, others, key):
    return spread([b[key] / a[key] for a, b in zip(runs, others) if a[key] and b[key]])


def ratio_text(ratio):
    return f"{ratio['median']:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f})" if ratio else "no figure"


def judge(what, ratio, most, runs):
    wrong = sum(run["wrong"] for run in runs)
    text = ratio_text(ratio) + (f", but {wrong} things were wrong" if wrong else "")
    return bar(what, ratio["median"] if ratio else None, text, f"at most {most:.2f}",
               ratio is not None and ratio["median"] <= most and wrong == 0)


class Growth(Scenario):
    name = "growth"
    about = f"players who roam at equal density, about {NEIGHBOURS} in view: server CPU of each, from 500 to 8,000"
    sizes = (500, 1000, 2000, 4000, 8000)
    first, judged, most = 500, 4000, 1.3

    def _once(self, bench, clients):
        # A player sees nine cells of VIEW_M squared; at the rim there are fewer.
        extent_m = round(math.sqrt(clients * 9 / NEIGHBOURS) * VIEW_M / 2)
        keys = {"view": VIEW_M, "extent": extent_m, "spawn_radius": extent_m, "speed": 6}
        return play(bench, [("field", field_keys(**keys))], {}, clients, "roam")

    def run(self, bench, repeat, say):
        runs = {size: [] for size in self.sizes if size <= bench.clients_max}
        for i in range(repeat):
            for size, done in runs.items():
                say(f"growth, {size} players, {i + 1} of {repeat}")
                done.append(self._once(bench, size))
        rows = []
        for size, done in runs.items():
            ratio = median_ratio(runs[self.first], done, "cpu_us_per_player_s")
            middle = sorted(done, key=lambda run: run["cpu_us_per_player_s"])[len(done) // 2]
            rows.append(row(f"growth: {size}", "roomd", DEFAULT_TICK_MS, done, ratio,
                            note=f"{middle['cpu_us_per_player_s']:.1f} us of server CPU a player a second "
                                 f"({middle['server_cpu_share']:.0%} of a core), {middle['view_mean']:.0f} in view"))
        judged = runs[self.judged]
        return rows, [judge(f"growth: CPU of a player at {self.judged} against {self.first}",
                            median_ratio(runs[self.first], judged, "cpu_us_per_player_s"), self.most, judged)]


class Crowd(Scenario):
    name = "crowd"
    about = "1,000 in one spot of a field, against a chat room with the same deliveries and bytes"
    clients = 1000

    def run(self, bench, repeat, say):
        chat, crowd = [], []
        for i in range(repeat):
            say(f"crowd, chat, {i + 1} of {repeat}")
            chat.append(play(bench, [("lobby", room_keys(DEFAULT_TICK_MS, autojoin="yes"))], {}, self.clients, "babble",
                             extra=["-s", str(BABBLE_BYTES)]))
            say(f"crowd, field, {i + 1} of {repeat}")
            crowd.append(play(bench, [("field", field_keys(view=VIEW_M))], {}, self.clients, "crowd"))
        ratio = median_ratio(chat, crowd, "cpu_us_per_1000")
        return [row("crowd: chat", "roomd", DEFAULT_TICK_MS, chat),
                row("crowd: field", "roomd", DEFAULT_TICK_MS, crowd, ratio)], [
            judge("crowd: CPU per delivery against the chat room's", ratio, 1.5, crowd)]


class Newest(Scenario):
    name = "newest"
    about = "200 who move 20 times a second, against 200 who move 4 times: a tick carries the newest alone"
    clients = 200

    def run(self, bench, repeat, say):
        slow, fast = [], []
        for i in range(repeat):
            for rate, runs in ((RATE, slow), (20, fast)):
                say(f"newest, {rate} moves a second, {i + 1} of {repeat}")
                run = play(bench, [("field", field_keys(view=VIEW_M, extent=60, spawn_radius=50, speed=6))], {},
                           self.clients, "roam", rate)
                run["bytes_per_s"] = run["bytes"] / run["seconds"]
                runs.append(run)
        ratio = median_ratio(slow, fast, "bytes_per_s")
        return [row("newest: 4/s", "roomd", DEFAULT_TICK_MS, slow),
                row("newest: 20/s", "roomd", DEFAULT_TICK_MS, fast, ratio)], [
            judge("newest: bytes out at 20 moves a second against 4", ratio, 1.1, fast)]


class Sleepers(Scenario):
    name = "sleepers"
    about = "20 players near 200 monsters, alone in the field and with 9,800 more that nobody is near"
    clients = 20
    side, tile_m = 400, 4  # of the map: tiles, and metres each

    def _map(self, sleepers):
        lines = ["map wilds", f"tile {self.tile_m}", "spawn here 12 12",
                 "camp near 12 12 type wolf count 200 radius 40 respawn 5s"]
        if sleepers:
            lines.append(f"camp far 250 250 type wolf count {sleepers} radius 500 respawn 60s")
        return "\n".join(lines + ["grid"] + ["." * self.side] * self.side) + "\n"

    def run(self, bench, repeat, say):
        runs = {0: [], 9800: []}
        with open(os.path.join(bench.folder, "wilds.rules"), "w", encoding="ascii") as out:
            out.write(RULES)
        for sleepers in runs:
            with open(os.path.join(bench.folder, f"wilds-{sleepers}.map"), "w", encoding="ascii") as out:
                out.write(self._map(sleepers))
        for i in range(repeat):
            for sleepers, done in runs.items():
                say(f"sleepers, {sleepers}, {i + 1} of {repeat}")
                keys = {"map": f"wilds-{sleepers}.map", "rules": "wilds.rules", "view": VIEW_M}
                done.append(play(bench, [("field", field_keys(**keys))], {"data_dir": bench.folder}, self.clients, "crowd"))
        ratio = median_ratio(runs[0], runs[9800], "cpu_us_per_player_s")
        return [row("sleepers: 200", "roomd", DEFAULT_TICK_MS, runs[0]),
                row("sleepers: 10,000", "roomd", DEFAULT_TICK_MS, runs[9800], ratio)], [
            judge("sleepers: CPU with 9,800 more that nobody is near", ratio, 1.2, runs[9800])]


ALL = [Growth(), Crowd(), Newest(), Sleepers()]
