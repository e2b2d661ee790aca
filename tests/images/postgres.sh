#!/bin/sh
# Stands for the entry point of the official image of Postgres: makes the cluster and its database at the first start.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    password=$(mktemp)
    printf %s "${POSTGRES_PASSWORD:?}" >"$password"
    # the arguments stand in one variable, as with the official image
    # shellcheck disable=SC2086
    initdb --username="$POSTGRES_USER" --pwfile="$password" ${POSTGRES_INITDB_ARGS:-}
    rm "$password"
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    pg_ctl --wait --options="-c listen_addresses='' -c unix_socket_directories=/tmp" start
    PGPASSWORD=$POSTGRES_PASSWORD psql --host=/tmp --username="$POSTGRES_USER" --dbname=postgres --command "create database \"$POSTGRES_DB\""
    pg_ctl --wait --mode=fast stop
fi
exec "$@" -c listen_addresses='*'
