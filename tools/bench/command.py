"""What the commands of this directory share: their programs, the choice of scenarios, and how they are ended."""

import os
import signal
import sys

from harness import BenchError

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(SOURCE, "build")


def find_programs(build, names):
    programs = {}
    for name in names:
        paths = [os.path.join(build, place, name) for place in ("", "tools")]
        found = [path for path in paths if os.access(path, os.X_OK)]
        if not found:
            raise BenchError(f"{name} is not in {build}: cmake -B build -DCMAKE_BUILD_TYPE=Release && "
                             "cmake --build build")
        programs[name] = found[0]
    return programs


def chosen(scenarios, only):
    known = {scenario.name: scenario for scenario in scenarios}
    names = list(known) if only is None else only.split(",")
    for name in names:
        if name not in known:
            raise BenchError(f"no scenario {name}: there are {', '.join(known)}")
    return [known[name] for name in names]


def say(text):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
    elif text:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _end(number, _):
    sys.exit(128 + number)  # the children are ended on the way out


def run(main):
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
