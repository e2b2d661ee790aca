#!/bin/sh
# Tries a running system: makes a campaign, sends an event that triggers it, and waits until both are recorded together.
#
#   infra/smoke.sh http://127.0.0.1:8080 cmk_…        the API, and a key of scope `admin`
set -eu
api=${1:?the address of the API} key=${2:?an API key of scope admin}
event_type=smoke.$$.$(date +%s)

call() {
    route=$1
    shift
    curl --silent --show-error --fail-with-body --max-time 10 --header "authorization: Bearer $key" \
        --header 'content-type: application/json' "$@" "$api$route"
}

campaign=$(call /campaigns --data "{\"name\": \"$event_type\", \"status\": \"active\", \"rules\": {\"event_type\": [\"$event_type\"]}}")
id=$(printf %s "$campaign" | sed -n 's/^{"id":\([0-9]*\),.*/\1/p')
[ -n "$id" ] || {
    echo "smoke: a campaign without an id: $campaign" >&2
    exit 1
}

# A worker hears of a campaign within a second, so the first events may come too early for it
tries=0
until call "/events?event_type=$event_type" | grep -q "\"campaign_ids\":\[$id\]"; do
    tries=$((tries + 1))
    [ "$tries" -le 100 ] || {
        echo "smoke: the event was not recorded with its campaign; what there is:" >&2
        call "/events?event_type=$event_type" >&2
        exit 1
    }
    call /events --data "{\"event_type\": \"$event_type\", \"user_id\": \"smoke\", \"properties\": {}}" >/dev/null
    sleep 0.2
done
call "/campaigns/$id/archive" --request POST >/dev/null
echo "smoke: an event was accepted, matched and stored"
