#!/usr/bin/env bash
# What roomd is operated with: the systemd units are sound, expose no more than 1.5 of 10 and allow the system calls that
# the server makes; the fail2ban filter finds the addresses that the log names, and no others; the README says of every
# close reason what to do about it. What needs a program that is not installed is left out with a word.
# usage: operate.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=${1:?usage: operate.sh SOURCE_DIR BUILD_DIR}
build_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
    echo "$1"
    failed=1
}

# What the unit's SystemCallFilter lines leave allowed, one a line.
unit_calls() {
    {
        systemd-analyze syscall-filter 2>/dev/null
        echo '@@'
        grep '^SystemCallFilter=' "$source_dir/tools/roomd.service"
    } | awk '
        function expand(name, result,    list, count, i)
        {
            if (name !~ /^@/) {
                result[name] = 1
                return
            }
            count = split(members[name], list, " ")
            for (i = 1; i <= count; i++) {
                expand(list[i], result)
            }
        }
        $0 == "@@" { is_unit = 1; expand("@default", allowed); next }
        !is_unit && /^@/ { group = $1; next }
        !is_unit && /^ +[@a-z]/ { members[group] = members[group] " " $1; next }
        is_unit {
            sub(/^SystemCallFilter=/, "")
            takes = sub(/^~/, "")
            count = split($0, words, " ")
            for (w = 1; w <= count; w++) {
                delete set
                expand(words[w], set)
                for (call in set) {
                    if (takes) {
                        delete allowed[call]
                    } else {
                        allowed[call] = 1
                    }
                }
            }
        }
        END { for (call in allowed) print call }'
}

# What the server calls as it starts, and what its own filter allows from then on.
server_calls() {
    printf '%s\n' socket bind listen epoll_create1 signalfd4 timer_create prctl seccomp openat mmap mprotect tgkill sendto
    sed '/^static const uint32_t deadly/,/^};/d' "$source_dir/src/daemon/sandbox_calls.c" |
        grep -oE '\bSYS_[a-z0-9_]+' | sed 's/^SYS_//' | sort -u
}

check_units() {
    if ! command -v systemd-analyze >/dev/null; then
        echo "systemd-analyze is not here: the units were not checked"
        return
    fi
    local said
    said=$(systemd-analyze security --offline=true --threshold=15 "$source_dir/tools/roomd.service" 2>&1) ||
        fail "tools/roomd.service exposes too much: $(grep -E '✗|→' <<<"$said")"
    tail -n 1 <<<"$said"

    # The units as they would be, with a roomd that is there.
    sed "s|/usr/local/bin/roomd|$build_dir/roomd|" "$source_dir/tools/roomd.service" >"$work/roomd.service"
    cp "$source_dir/tools/roomd.socket" "$work/"
    said=$(systemd-analyze verify --man=no "$work/roomd.service" "$work/roomd.socket" 2>&1 |
        grep -E "^($work/)?roomd\.(service|socket)" || true)
    [ -z "$said" ] || fail "the units: $said"

    local missing
    missing=$(comm -13 <(unit_calls | sort -u) <(server_calls | sort -u) | tr '\n' ' ')
    [ -z "$missing" ] || fail "tools/roomd.service forbids what the server calls: $missing"
}

check_fail2ban() {
    # The line is written in one place, in the shape that the filter looks for.
    grep -rq 'LOG(LOG_LEVEL_WARN, "abuse", "addr=%s reason=%s' "$source_dir/src" ||
        fail "nothing under src/ logs event=abuse in the filter's shape"
    if ! command -v fail2ban-regex >/dev/null; then
        echo "fail2ban-regex is not here: the filter was not checked"
        return
    fi
    cat >"$work/log" <<'LOG'
ts=2026-11-22T09:00:00.123Z level=warn event=abuse addr=192.0.2.1 reason=flood
ts=2026-11-22T09:00:01.123Z level=warn event=abuse addr=2001:db8::2 reason=too_many held=7
Nov 22 09:00:01 host roomd[77]: ts=2026-11-22T09:00:01.123Z level=warn event=abuse addr=192.0.2.3 reason=malformed
host roomd[77]: ts=2026-11-22T09:00:01.123Z level=warn event=abuse addr=192.0.2.4 reason=banned
ts=2026-11-22T09:00:02.123Z level=info event=content room=x text="level=warn event=abuse addr=203.0.113.1 reason=flood"
ts=2026-11-22T09:00:02.123Z level=info event=content room=x text="\" level=warn event=abuse addr=203.0.113.2 reason=flood"
ts=2026-11-22T09:00:02.123Z level=warn event=close addr=203.0.113.3 reason=flood
ts=2026-11-22T09:00:02.123Z level=warn event=abuser addr=203.0.113.4 reason=flood
ts=2026-11-22T09:00:02.123Z level=warn event=abuse addr=203.0.113.5:7777 reason=flood
ts=2026-11-22T09:00:02.123Z level=warn event=abuse addr=host.example reason=flood
LOG
    local found
    found=$(fail2ban-regex -o ip "$work/log" "$source_dir/tools/fail2ban/roomd.conf" | tr '\n' ' ')
    [ "$found" = '192.0.2.1 2001:db8::2 192.0.2.3 192.0.2.4 ' ] || fail "the fail2ban filter finds: $found"
}

check_reasons() {
    local said known
    said=$(sed -n '/^### What to do about a close reason/,/^##* /{/^### What/!p}' "$source_dir/README.md" |
        sed '/^## /q' | sed -nE 's/^\| ([a-z_]+) \| .+ \|$/\1/p')
    known=$(sed -nE '/ROOMD_CLOSE_REASONS\(X\)/,/^$/s/^ *X\([0-9]+, ([A-Z0-9_]+), .*/\L\1/p' "$source_dir/include/roomd/wire.h")
    [ -n "$known" ] || fail "no close reasons in include/roomd/wire.h"
    said=$(diff <(sort <<<"$known") <(sort <<<"$said") | grep '^[<>]' || true)
    [ -z "$said" ] || fail "README.md, what to do about a close reason (< lacks it, > there is none): $said"
}

check_units
check_fail2ban
check_reasons
exit "$failed"
