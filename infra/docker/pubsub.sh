#!/bin/sh
# Starts Redis with the password and the limit of memory that the environment names. They go to it through a file that only
# its user can read, since the arguments of a process are seen by everybody on the machine.
#
#   REDIS_PASSWORD    of letters, digits and - . _ ~ only, as it stands in REDIS_URL as it is; must be set
#   REDIS_MAXMEMORY   what Redis may hold, 512mb say; must be set, since ingest stops at a share of it
#   REDIS_FSYNC       `always` syncs the file before each answer; `everysec`, the default, once a second
#   REDIS_CONF        the settings of the image; another file for another installation
#   REDIS_RUN         a folder that can be written to, in memory say
set -eu

fail() {
    echo "pubsub: $1" >&2
    exit 64
}

case ${REDIS_PASSWORD:?must be set} in
*[!A-Za-z0-9._~-]*) fail "REDIS_PASSWORD may hold letters, digits and - . _ ~ only, as it is part of a URL" ;;
esac
case ${REDIS_MAXMEMORY:?must be set} in
*[!0-9A-Za-z]* | 0*) fail "REDIS_MAXMEMORY must be a size such as 512mb" ;;
esac
case ${REDIS_FSYNC:=everysec} in
everysec | always) ;;
*) fail "REDIS_FSYNC must be everysec or always" ;;
esac

conf=${REDIS_RUN:-/run/redis}/redis.conf
umask 077
cat "${REDIS_CONF:-/usr/local/etc/redis/redis.conf}" >"$conf"
printf 'requirepass %s\nmaxmemory %s\nappendfsync %s\n' "$REDIS_PASSWORD" "$REDIS_MAXMEMORY" "$REDIS_FSYNC" >>"$conf"
unset REDIS_PASSWORD
exec redis-server "$conf" "$@"
