#!/bin/sh
# Writes src/bin/mintage/start.ld anew: the functions that a start and one verification run through, which the build script has
# the linker put side by side. To be run when `verify` has changed much; a list grown old costs time, never more.
# Needs valgrind.
#
#   tests/bench/start.sh [PROGRAM…]     from release builds with their names, linked with --empty; without one, from a
#                                       build of its own
#   tests/bench/start.sh --empty        writes a list of nothing: valgrind does not see what the list has moved
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../.."

list=src/bin/mintage/start.ld
if [ $# -eq 0 ] || [ "$1" = --empty ]; then
    printf 'SECTIONS\n{\n}\nINSERT BEFORE .text;\n' >$list
    [ $# -eq 0 ] || exit 0
    CARGO_PROFILE_RELEASE_STRIP=none cargo build --release --quiet
    set -- "$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/mintage"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp keys.example/vendor.key keys.example/vendor.pub "$work"
chmod 600 "$work/vendor.key"
"$1" mint --quiet --key "$work/vendor.key" --tenant acme --product suite --issued-at 2026-04-26 --expires 2027-01-01 --grace-days 14 \
    --label 'Acme Production' --max-apps 25 --max-environments 3 --feature reports --feature audit --feature export \
    --meta order=A-1 -o "$work/a.lic"
for program; do
    nm --defined-only "$program" | awk 'tolower($3) == "t" || tolower($2) == "t" { print $NF }' >>"$work/unsorted"
    for options in '--quiet' '--quiet --json'; do
        # shellcheck disable=SC2086
        valgrind --quiet --tool=callgrind --demangle=no --callgrind-out-file="$work/calls" "$program" \
            verify "$work/a.lic" --trust "$work/vendor.pub" --at 2026-06-01 $options >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
        awk -v program="/$(basename "$program")\$" '
            { split($0, part, /[()]/) }
            /^c?ob=/ { if (length(part[3])) file[part[2]] = part[3]; if (/^ob/) inside = file[part[2]] ~ program }
            /^c?fn=/ { if (length(part[3])) name[part[2]] = substr(part[3], 2); if (/^fn/ && inside) print name[part[2]] }
        ' "$work/calls" >>"$work/called"
    done
done

# A name without what another compiler spells otherwise: the hash of a function, the fingerprint of a crate, a clone's
# number. One pattern may so name many instances of one generic function.
plain() { sed -e 's/17h[0-9a-f]\{16\}E.*/17h*/' -e '/^_R/s/\.[0-9]*$/*/' -e 's/Cs[0-9A-Za-z]*_/Cs*_/g' "$@" | sort; }

sort -u "$work/unsorted" >"$work/names"
# The processor's kind of arithmetic is chosen at run time, and valgrind has not every kind.
grep -E 'curve25519_dalek.*(vector|serial)|sha2.*compress' "$work/names" >>"$work/called"
sed "s/'[0-9]*$//" "$work/called" | sort -u | join - "$work/names" >"$work/hot"
plain "$work/hot" | uniq >"$work/plain"
{
    echo '/* Written by tests/bench/start.sh. What a start and one verification run through, side by side. */'
    echo 'SECTIONS'
    echo '{'
    echo '  .text.start :'
    echo '  {'
    echo '    *(.text.main)'
    # What names one function comes first, what names many last.
    plain "$work/names" | uniq -c | awk '{ print $2, $1 }' | join - "$work/plain" | sort -k2,2n -k1,1 |
        sed 's/^\([^ ]*\) .*/    *(.text*.\1)/'
    echo '  }'
    echo '}'
    echo 'INSERT BEFORE .text;'
} >$list
wc -l $list
