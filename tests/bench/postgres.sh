#!/bin/sh
# Measures durable activations on a throw-away PostgreSQL cluster beside pgbench, which calls one function per activation
# over prepared statements, in turns, and prints the ratios. Needs Debian's `postgresql`; run by root, the server runs as
# `postgres`.
set -eu
cd "$(dirname "$0")/../.."

for programs in /usr/lib/postgresql/*/bin; do :; done
[ -x "$programs/pgbench" ] || { echo 'the programs of PostgreSQL are not here' >&2; exit 3; }
work=$(mktemp -d)
if [ "$(id -u)" = 0 ]; then
    chown postgres "$work"
    as() { (cd "$work" && setpriv --reuid=postgres --regid=postgres --clear-groups "$@"); }
else
    as() { "$@"; }
fi
end() {
    as "$programs/pg_ctl" -D "$work/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap end EXIT

cargo bench --quiet --bench ledger --no-run
as "$programs/initdb" -A trust -U postgres --no-locale -E UTF8 -D "$work/data" >/dev/null
# Its defaults, so durable; on a socket in its folder, nowhere else.
as "$programs/pg_ctl" -D "$work/data" -l "$work/log" -w -o "-k $work -N 200 -c listen_addresses=" start >/dev/null
"$programs/psql" -q -h "$work" -U postgres -f tests/bench/peers/postgres/schema.sql
MINTAGE_TEST_POSTGRES="postgres:///postgres?host=$work&user=postgres" \
    MINTAGE_BENCH_PGBENCH="$programs/pgbench -h $work -U postgres postgres" \
    cargo bench --quiet --bench ledger -- postgres
