#!/usr/bin/env bash
# What the README claims and a program can check: nothing is left to be filled in, its list of config keys is the one
# that roomd prints, every close reason is explained, every file that it links exists, and its Python client works
# when it is pasted.
# Arguments: the source directory, the build directory.
set -euo pipefail

source_dir=$1
build_dir=$2
readme=$source_dir/README.md
failed=0

fail() {
    echo "README.md: $1"
    failed=1
}

# Places to be filled in are marked like @@FIGURES@@.
while IFS= read -r place; do
    fail "line $place is still to be filled in"
done < <(grep -n '@@' "$readme")

# The keys, both ways.
keys=$("$build_dir/roomd" --help-markdown)
while IFS= read -r line; do
    grep -qxF -- "$line" "$readme" || fail "lacks the line: $line"
done < <(grep -v '^$' <<<"$keys")
while IFS= read -r line; do
    grep -qxF -- "$line" <<<"$keys" || fail "has a key that roomd does not know: $line"
done < <(grep -E '^\| `' "$readme")

# The close reasons.
while IFS=, read -r number name text; do
    row="| $number | ${name,,} | $text |"
    grep -qxF -- "$row" "$readme" || fail "lacks the line: $row"
done < <(sed -nE '/ROOMD_CLOSE_REASONS\(X\)/,/^$/s/^ *X\(([0-9]+), ([A-Z_]+), "([^"]*)"\).*/\1,\2,\3/p' \
    "$source_dir/include/roomd/wire.h")

# The links.
while IFS= read -r target; do
    [ -e "$source_dir/$target" ] || fail "links to $target, which is not there"
done < <(grep -oE '\]\([^)h#][^)]*\)' "$readme" | tr -d '])(')

# The client, against a real daemon on a port of its own.
if command -v python3 >/dev/null; then
    scratch=$(mktemp -d)
    "$build_dir/roomd" -l 127.0.0.1:0 2>"$scratch/log" &
    daemon=$!
    trap 'kill "$daemon" 2>/dev/null || true; wait "$daemon" 2>/dev/null || true; rm -rf "$scratch"' EXIT
    for _ in $(seq 100); do
        port=$(sed -nE 's/.*event=listen addr=127\.0\.0\.1:([0-9]+).*/\1/p' "$scratch/log")
        [ -n "$port" ] && break
        sleep 0.1
    done
    awk '/^```python$/ { on = 1; next } /^```$/ { on = 0 } on' "$readme" | sed "s/7777/$port/" >"$scratch/client.py"
    [ "$(wc -l <"$scratch/client.py")" -ge 10 ] || fail "holds no Python client"
    # It says hello, and ends with an empty line once it has been told so, or after a while.
    has_come() { grep -q 'hello$' "$scratch/said" 2>/dev/null; }
    {
        echo hello
        for _ in $(seq 200); do
            has_come && break
            sleep 0.1
        done
        echo
    } | timeout 40 python3 -u "$scratch/client.py" >"$scratch/said"
    said=$(cat "$scratch/said")
    grep -q '^player [0-9]*: hello$' <<<"$said" || fail "its Python client was not told what it said: $said"
    grep -q '^packet ff81: ' <<<"$said" || fail "its Python client got no S_WELCOME: $said"
else
    echo "python3 is not here: the README's client was not tried"
fi
exit "$failed"
