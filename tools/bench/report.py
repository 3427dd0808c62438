"""The table that a person reads and pastes, and the JSON that a program reads."""

import json
import os
import platform
import subprocess
import time

DISTURBED_SHARE = 0.05

COLUMNS = [  # title, keys whose figures share the cell, divided by, digits, unit
    ("CPU us/1k", ("cpu_us_per_1000",), 1, 1, ""),
    ("a write", ("deliveries_per_write",), 1, 0, ""),
    ("late p99/max ms", ("late_p99_us", "late_max_us"), 1000, 2, ""),
    ("latency p50/p99 ms", ("latency_p50_us", "latency_p99_us"), 1000, 1, ""),
    ("RSS before/joined/end MiB", ("rss_before_kib", "rss_joined_kib", "rss_end_kib"), 1024, 1, ""),
    ("deliveries/s", ("deliveries_per_s",), 1, 0, ""),
    ("wrong", ("wrong",), 1, 0, ""),
    ("waited", ("server_wait_share",), 0.01, 1, "%"),
    ("tool", ("tool_cpu_share",), 0.01, 0, "%"),
]


def machine(bench):
    """What the figures were got on."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    version = subprocess.run([bench.programs["roomd"], "--version"], capture_output=True, text=True, check=False)
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "roomd": version.stdout.strip().split("\n")[0],
        "server_core": bench.server_core,
        "load_core": bench.load_core,
        "load_average": os.getloadavg()[0],
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def heading(about):
    if about["server_core"] is None:
        cores = "ONE CORE ONLY: server and load share it, the figures say little"
    else:
        cores = f"server on core {about['server_core']}, load on core {about['load_core']}"
    return (f"{about['processor']}, {about['cores']} cores, {about['system']}, load average before "
            f"{about['load_average']:.2f}; {about['roomd']}; {cores}")


def _cell(row, keys, divisor, digits, unit):
    values = [row.get(key) for key in keys]
    if None in values:
        return "-"
    return "/".join(f"{value / divisor:,.{digits}f}{unit}" for value in values)


def _cells(row):
    cells = [row["scenario"], row["tick"], row["server"]] + [_cell(row, *column[1:]) for column in COLUMNS]
    ratio = row["ratio"]
    return cells + ["" if ratio is None else f"{ratio['median']:.2f} ({ratio['min']:.2f}-{ratio['max']:.2f})"]


def _aligned(lines, left):
    """Columns as wide as their widest cell; the first `left` lean left, the rest lean right."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) if i < left else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines)


def table(rows):
    titles = ["scenario", "tick", "server"] + [column[0] for column in COLUMNS] + ["ratio (min-max)"]
    text = _aligned([titles] + [_cells(row) for row in rows], 3)
    for row in rows:
        if "bytes_per_session" in row:
            text += f"\n{row['scenario']}, {row['server']}: {row['bytes_per_session']:.0f} bytes a session"
        if "note" in row:
            text += f"\n{row['scenario']}, {row['server']} at {row['tick']}: {row['note']}"
    return text


def disturbance(rows):
    """A warning where something else used the server's core, or an empty text."""
    most = max((row.get("server_wait_share") or 0 for row in rows), default=0)
    if most < DISTURBED_SHARE:
        return ""
    return (f"NOTE: this machine was not idle: a server waited up to {most:.0%} of its time for its core. Ratios of pairs "
            "survive that\nbetter than lateness, latency and the largest room do.")


def bars_table(bars):
    lines = [["what", "bar", "", "got"]]
    lines += [[bar["what"], bar["bar"], "met" if bar["met"] else "NOT MET", bar["got"]] for bar in bars]
    return _aligned(lines, 4)


def write_json(path, about, options, rows, bars, failures):
    temporary = f"{path}.part"
    with open(temporary, "w", encoding="utf-8") as out:
        json.dump({"machine": about, "options": options, "rows": rows, "bars": bars, "failures": failures}, out,
                  indent=1)
        out.write("\n")
    os.replace(temporary, path)
