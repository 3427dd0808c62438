#!/usr/bin/env bash
# The shape of the tree: functions of 70 lines at most, files of 500 at most, and nothing at the top but what belongs.
# A function is counted from the first line of its signature to its closing brace.
# usage: shape.sh SOURCE_DIR BUILD_DIR
set -u
source_dir=${1:?usage: shape.sh SOURCE_DIR BUILD_DIR}
build_dir=${2:-}
cd "$source_dir" || exit 2
status=0

for entry in *; do
    case $entry in
    CMakeLists.txt | include | src | tests | tools | README.md | LICENSE) continue ;;
    build*) [ -d "$entry" ] && continue ;;
    esac
    # A build directory under another name is the builder's own affair.
    [ -n "$build_dir" ] && [ "$entry" -ef "$build_dir" ] && continue
    echo "$entry: does not belong at the top"
    status=1
done

folders=
for folder in src include tools tests; do
    if [ -d "$folder" ]; then
        folders="$folders $folder"
    fi
done
# shellcheck disable=SC2086 # a list of words
files=$([ -z "$folders" ] || find $folders -type f \( -name '*.c' -o -name '*.h' \) | LC_ALL=C sort)
if [ -z "$files" ]; then
    echo "$source_dir: no sources to look at"
    exit 2
fi

# shellcheck disable=SC2086 # one word a file: names with blanks are not ours
awk -v file_max=500 -v function_max=70 '
    function end_file()
    {
        if (lines > file_max) {
            printf "%s: %d lines, %d at most\n", file, lines, file_max
            offences++
        }
    }
    FNR == 1 {
        end_file()
        file = FILENAME
        signature = body = 0
    }
    { lines = FNR }
    # The brace is in the first column, or ends a signature that begins there.
    !body && (/^\{/ || (/^[A-Za-z_].*\).*\{[ \t]*$/ && !/=[ \t]*\{/)) {
        body = signature ? signature : FNR
        next
    }
    body {
        if (/^\}/) {
            if (FNR - body + 1 > function_max) {
                printf "%s:%d: a function of %d lines, %d at most\n", FILENAME, body, FNR - body + 1, function_max
                offences++
            }
            signature = body = 0
        }
        next
    }
    # Where a signature may begin; a line that ends a declaration, or is empty, ends the guess.
    /^[A-Za-z_]/ && !signature { signature = FNR }
    /^[ \t]*$/ || /[;}][ \t]*$/ || /^#/ { signature = 0 }
    END {
        end_file()
        exit offences > 0
    }
' $files || status=1
exit $status
