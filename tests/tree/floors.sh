#!/usr/bin/env bash
# The floors of the house: a file under src/ includes its own floor and lower ones, nothing else; the contracts in
# include/ know no floor; a bundled content module sees only the contracts, the ground that it shares with the others
# (content/world*.h, under the same rule) and the C library.
# usage: floors.sh SOURCE_DIR BUILD_DIR
set -u
source_dir=${1:?usage: floors.sh SOURCE_DIR BUILD_DIR}
cd "$source_dir" || exit 2

# A bundled module's C library is ISO C: no descriptor, no clock of the system, so that it lives in room time alone.
iso_c=" assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg
 stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype "

if [ ! -d src ] || [ ! -d include ]; then
    echo "$source_dir: no src/ or no include/ here"
    exit 2
fi
files=$(find src include -type f \( -name '*.c' -o -name '*.h' \) | LC_ALL=C sort)
if [ -z "$files" ]; then
    echo "$source_dir: no sources to look at"
    exit 2
fi

# shellcheck disable=SC2086 # one word a file: names with blanks are not ours
awk -v iso_c="$(printf '%s' "$iso_c" | tr '\n' ' ')" '
    BEGIN {
        count = split("base gather net wire room content daemon", order, " ")
        for (i = 1; i <= count; i++) {
            rank[order[i]] = i
        }
    }
    function offend(why)
    {
        printf "%s:%d: %s: %s\n", FILENAME, FNR, why, $0
        offences++
    }
    FNR == 1 {
        split(FILENAME, part, "/")
        own = part[1] == "src" && part[3] != "" ? part[2] : ""
        name = part[3]
        is_module = own == "content" && name !~ /^host/ && (name ~ /\.c$/ || name ~ /^world/)
        if (part[1] == "src" && !(own in rank)) {
            printf "%s: lies on no floor\n", FILENAME
            offences++
            own = ""
        }
    }
    /^[ \t]*#[ \t]*include/ {
        path = $0
        sub(/^[ \t]*#[ \t]*include[ \t]*/, "", path)
        form = substr(path, 1, 1)
        if (form != "\"" && form != "<") {
            offend("an include that can not be read")
            next
        }
        path = substr(path, 2)
        sub(/[">].*/, "", path)
        if (path ~ /(^|\/)\.\.?\//) {
            offend("a relative include")
            next
        }
        has_folder = index(path, "/") > 0
        folder = path
        sub(/\/.*/, "", folder)
        if (has_folder && folder in rank) {
            if (part[1] == "include") {
                offend("a contract includes a floor")
            } else if (is_module && path !~ /^content\/world[a-z_]*\.h$/) {
                offend("a content module includes a floor")
            } else if (own != "" && rank[folder] > rank[own]) {
                offend("floor " own " includes the higher floor " folder)
            }
        } else if (form == "\"" && has_folder && folder != "roomd") {
            offend("an include from outside the house")
        } else if (is_module && folder != "roomd") {
            bare = path
            sub(/\.h$/, "", bare)
            if (form == "\"" || index(iso_c, " " bare " ") == 0) {
                offend("a content module includes more than roomd/ and the C library")
            }
        }
    }
    END {
        if (offences > 0) {
            printf "%d offending places\n", offences
        }
        exit offences > 0
    }
' $files
