#!/bin/sh
# curl, with each form of body that POST /events takes, plain and compressed. All is sent twice, and stored once.
set -eu
HOST=$1 KEY=$2 USERS=$3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# A line for each event from $1 to $2.
purchases() {
    seq "$1" "$2" | sed "s|.*|{\"event_id\": \"$USERS-&\", \"event_type\": \"purchase\", \"user_id\": \"$USERS-&\", \"properties\": {\"order\": &, \"currency\": \"EUR\"}}|"
}

# The same as an array.
array_of_purchases() {
    purchases "$@" | sed '1s/^/[/; $s/$/]/; $!s/$/,/'
}

curl() {
    command curl --silent --show-error --max-time 10 "$@"
}

send() {
    for number in $(seq 0 19); do
        purchases "$number" "$number" >event.json
        curl --fail-with-body "$HOST/events" -H "authorization: Bearer $KEY" \
            -H 'content-type: application/json' --data-binary @event.json
    done
    array_of_purchases 20 249 >events.json
    curl --fail-with-body "$HOST/events" -H "authorization: Bearer $KEY" \
        -H 'content-type: application/json' --data-binary @events.json
    purchases 250 499 >events.ndjson
    curl --fail-with-body "$HOST/events" -H "authorization: Bearer $KEY" \
        -H 'content-type: application/x-ndjson' --data-binary @events.ndjson
    array_of_purchases 500 749 >events.json
    gzip --stdout events.json | curl --fail-with-body "$HOST/events" -H "authorization: Bearer $KEY" \
        -H 'content-type: application/json' -H 'content-encoding: gzip' --data-binary @-
    purchases 750 999 >events.ndjson
    zstd --stdout events.ndjson | curl --fail-with-body "$HOST/events" -H "authorization: Bearer $KEY" \
        -H 'content-type: application/x-ndjson' -H 'content-encoding: zstd' --data-binary @-
}

send
send
