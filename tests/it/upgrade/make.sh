#!/bin/sh
# Runs the program of a release with campaigns, keys, events and failures, and writes its database as SQL:
#
#   tests/it/upgrade/make.sh PROGRAM >tests/it/upgrade/release_N.sql
#
# The first events come from a server whose clock is three days behind, so that the release seals their partition. Needs curl, jq,
# faketime, and psql and pg_dump of the PostgreSQL that PROGRAM finds.
set -eu
program=$(realpath "$1")
work=$(mktemp -d)
chmod 755 "$work"
stores= serve= worker=
trap 'for running in $serve $worker $stores; do kill -TERM "$running" && wait "$running"; done; rm -rf "$work"' EXIT
url=http://127.0.0.1:18090
postgres=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

# Waits until a command succeeds, while a process runs
until_done() {
    process=$1
    shift
    until "$@" >/dev/null 2>&1; do
        kill -0 "$process" || { cat "$work"/*.err >&2; exit 1; }
        sleep 0.1
    done
}

# faketime itself stays the parent of what it runs, so that a signal would not reach it
start_serve() {
    env "$@" "$program" serve --auth keys --http 127.0.0.1:18090 --admin 127.0.0.1:18091 >/dev/null 2>"$work/serve.err" &
    serve=$!
    until_done $serve curl -sf http://127.0.0.1:18091/readyz
}

start_worker() {
    "$program" worker --admin 127.0.0.1:18092 --max-deliveries 2 --reclaim-after 1s >/dev/null 2>"$work/worker.err" &
    worker=$!
    until_done $worker curl -sf http://127.0.0.1:18092/readyz
}

stop() {
    kill -TERM "$1"
    wait "$1"
}

sql() { "$postgres/psql" -XAtq -v ON_ERROR_STOP=1 "$DATABASE_URL" -c "$1"; }

# A query that must come to a result
is() { [ "$(sql "$1")" = "$2" ]; }
until_sql() { until_done $worker is "$1" "$2"; }

# METHOD PATH KEY BODY
call() {
    curl -sS --fail-with-body -X "$1" "$url$2" -H "authorization: Bearer $3" -H 'content-type: application/json' ${4:+--data "$4"}
    echo
}

events() { jq -cn --arg day "$1" --argjson n "$2" 'range($n) | {event_id: "\($day)-\(.)", user_id: "u-\(. % 20)",
    event_type: (if . % 3 == 0 then "purchase" else "page_view" end),
    properties: {amount: (. * 7 % 250), currency: "EUR", note: "Grüße, \(.)"}}'; }

send() { curl -sS --fail-with-body "$url/events" -H "authorization: Bearer $ingest" -H 'content-type: application/x-ndjson' \
    --data-binary @- >/dev/null; }

"$program" up --stores-only --data "$work/data" >/dev/null 2>"$work/stores.err" &
stores=$!
until_done $stores [ -f "$work/data/run.env" ]
set -a
. "$work/data/run.env"
set +a
"$program" migrate >&2
start_serve "$(faketime -f -3d env | grep ^LD_PRELOAD=)" FAKETIME=-3d
start_worker
printed=$("$program" keys create --name office --scope admin)
admin=$(echo "$printed" | grep -o 'cmk_[A-Za-z0-9_-]*')
ingest=$(call POST /keys "$admin" '{"name": "shop", "scope": "ingest", "rate_limit": 1000}' | jq -r .key)
revoked=$(call POST /keys "$admin" '{"name": "left", "scope": "ingest"}' | jq -r .id)
call DELETE "/keys/$revoked" "$admin" >/dev/null
campaign() { call POST /campaigns "$admin" "$1" | jq -r .id; }
spenders=$(campaign '{"name": "big spenders", "status": "active", "rules": {"event_type": ["purchase"], "properties": {"amount": [{"numeric": [">=", 100]}]}}}')
all=$(campaign '{"name": "everybody", "status": "active", "rules": {"event_type": [{"exists": true}]}}')
paused=$(campaign '{"name": "paused", "status": "active", "rules": {"properties": {"currency": ["EUR"]}}}')
campaign '{"name": "a draft", "status": "draft", "rules": {"user_id": ["u-1"]}}' >/dev/null
old=$(campaign '{"name": "archived", "status": "active", "rules": {"user_id": [{"prefix": "u-1"}]}}')
call PATCH "/campaigns/$spenders" "$admin" '{"rules": {"event_type": ["purchase"], "properties": {"amount": [{"numeric": [">=", 150]}]}}}' >/dev/null
call PATCH "/campaigns/$all" "$admin" '{"ends_at": "2100-01-01T00:00:00Z"}' >/dev/null
of_worker() { curl -sS http://127.0.0.1:18092/metrics | grep -q "$1"; }
until_done $worker of_worker 'campaign_manager_catalog_campaigns 4'
events first 60 | send
until_sql 'select count(*) from events' 60
call POST "/campaigns/$paused/pause" "$admin" >/dev/null
call POST "/campaigns/$old/archive" "$admin" >/dev/null
# A page that was sent twice
events first 10 | send
until_sql 'select sum(duplicates) from frames' 10
# What Postgres refuses becomes dead letters: one is stored again, one stays
sql "alter table events add constraint refuse check (user_id not like 'bad-%')"
printf '%s\n' '{"event_id":"b-1","user_id":"bad-1","event_type":"purchase"}' '{"event_id":"b-2","user_id":"bad-2","event_type":"purchase"}' | send
until_sql 'select count(*) from dead_letters' 2
sql 'alter table events drop constraint refuse'
call POST "/dead-letters/$(sql 'select min(id) from dead_letters')/replay" "$admin" >/dev/null
until_sql 'select count(*) from events' 61
stop $serve
stop $worker
serve= worker=

start_serve
start_worker
until_sql 'select count(*) > 0 from partitions where sealed_at is not null' t
events second 40 | send
until_sql 'select count(*) from events' 101
echo "-- What campaign-manager of schema version $(sql 'select max(version) from refinery_schema_history') has stored; see make.sh."
echo "-- admin key: $admin"
echo "-- ingest key: $ingest"
"$postgres/pg_dump" --no-owner --no-privileges --rows-per-insert=100 "$DATABASE_URL" | grep -v '^\\\|^--\|^$'
stop $serve
stop $worker
stop $stores
serve= worker= stores=
