#!/usr/bin/env bash
# The checks beside this one are checked here: on a small sound tree they say nothing, and for each offence that is
# put into it they fail and name the place.
# usage: checks_can_fail.sh SOURCE_DIR BUILD_DIR
set -u
tree_dir=$(cd "${1:?usage: checks_can_fail.sh SOURCE_DIR BUILD_DIR}/tests/tree" && pwd) || exit 2
work_dir=$(mktemp -d) || exit 2
trap 'rm -rf "$work_dir"' EXIT
failures=0

# A sound tree: a file on every floor, a bundled module, and a function and a file of just the size allowed.
tree_make()
{
    rm -rf "$work_dir/tree"
    mkdir -p "$work_dir/tree"/{include/roomd,tests,tools,build-x,.git} || exit 2
    cd "$work_dir/tree" || exit 2
    touch CMakeLists.txt README.md LICENSE .gitignore build-x/long.c
    echo '#include <stdint.h>' > include/roomd/wire.h
    for floor in base gather net wire room content daemon; do
        mkdir -p src/$floor
        printf '#include "%s/own.h"\n#include "base/check.h"\n#include "roomd/wire.h"\n#include <sys/epoll.h>\n' \
            $floor > src/$floor/host.c
    done
    printf '#include "roomd/wire.h"\n#include <roomd/content.h>\n#include <string.h>\n' > src/content/chat.c
    { printf 'static int f(int a,\n             int b)\n{\n'; lines_make 66 '    a++;'; echo '}'; } > src/base/long.c
    lines_make 500 '/* a line */' > tools/long.h
}

lines_make()
{
    for ((line = 0; line < $1; line++)); do
        echo "$2"
    done
}

# expect CHECK STATUS TEXT: the check ends with STATUS and prints TEXT (nothing at all when TEXT is empty).
expect()
{
    local output status

    output=$(bash "$tree_dir/$1.sh" "$work_dir/tree" "$work_dir/build" 2>&1)
    status=$?
    if [ $status -ne "$2" ] || { [ -z "$3" ] && [ -n "$output" ]; } || [[ $output != *"$3"* ]]; then
        printf '%s: ended with %d, not %d, or did not say "%s":\n%s\n' "$1" $status "$2" "$3" "$output"
        failures=$((failures + 1))
    fi
}

# offend FILE LINE CHECK TEXT: with LINE at the end of FILE in an else sound tree, CHECK fails and says TEXT.
offend()
{
    tree_make
    mkdir -p "$(dirname "$1")"
    echo "$2" >> "$1"
    expect "$3" 1 "$4"
}

tree_make
expect floors 0 ''
expect shape 0 ''

floors=(base gather net wire room content daemon)
for ((low = 0; low < ${#floors[@]}; low++)); do
    for ((high = low + 1; high < ${#floors[@]}; high++)); do
        offend "src/${floors[low]}/bad.h" "#include \"${floors[high]}/x.h\"" floors "src/${floors[low]}/bad.h:1:"
    done
done
offend src/base/host.c '#include <daemon/x.h>' floors 'src/base/host.c:5: floor base includes the higher floor daemon'
offend src/wire/bad.c '  #  include "room/x.h" /* why not */' floors 'src/wire/bad.c:1:'
offend src/room/bad.c '#include "../daemon/x.h"' floors 'src/room/bad.c:1: a relative include'
offend src/room/bad.c '#include "base/../daemon/x.h"' floors 'a relative include'
offend src/room/bad.c '#include "./x.h"' floors 'a relative include'
offend src/room/bad.c '#include MACRO' floors 'can not be read'
offend src/room/bad.c '#include "dummy-client/load.h"' floors 'outside the house'
offend src/room/deep/bad.c '#include "daemon/x.h"' floors 'src/room/deep/bad.c:1:'
offend src/attic/bad.c '' floors 'src/attic/bad.c: lies on no floor'
offend src/bad.c '' floors 'src/bad.c: lies on no floor'
offend include/roomd/bad.h '#include "base/check.h"' floors 'a contract includes a floor'
offend src/content/chat.c '#include "base/check.h"' floors 'src/content/chat.c:4: a content module includes a floor'
offend src/content/chat.c '#include "content/host.h"' floors 'a content module includes a floor'
offend src/content/chat.c '#include "host.h"' floors 'includes more than roomd/'
offend src/content/chat.c '#include <sys/socket.h>' floors 'includes more than roomd/'
offend src/content/world.h '#include "room/room.h"' floors 'src/content/world.h:1: a content module includes a floor'
offend src/content/world.h '#include <unistd.h>' floors 'includes more than roomd/'
offend src/content/world_map.h '#include "content/host.h"' floors 'a content module includes a floor'
offend src/content/field.c '#include <unistd.h>' floors 'src/content/field.c:1:'

offend tools/long.h '/* one more */' shape 'tools/long.h: 501 lines'
offend notes.txt '' shape 'notes.txt: does not belong'
offend doc/page '' shape 'doc: does not belong'
offend build.sh '' shape 'build.sh: does not belong'
for folder in src/base include/roomd tools tests/unit; do
    offend $folder/f.c "$(printf 'int g(int a);\n\nint f(int a)\n{\n '; lines_make 68 ''; echo '}')" shape \
        "$folder/f.c:3: a function of 71 lines"
    offend $folder/f.c "$(printf 'int f(int a) {\n '; lines_make 69 ''; echo '}')" shape "$folder/f.c:1: a function of 71 lines"
done
offend src/base/long.c "$(printf 'static void\ng(void)\n{\n '; lines_make 67 ''; echo '}')" shape \
    'src/base/long.c:71: a function of 71 lines'

tree_make
rm -r src
expect floors 2 'no src/'
if [ $failures -ne 0 ]; then
    echo "$failures expectations failed"
    exit 1
fi
