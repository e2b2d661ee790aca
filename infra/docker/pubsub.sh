#!/bin/sh
# Starts Redis with the password and the limit of memory that the environment names. They go to it through a file that only
# its user can read, since the arguments of a process are seen by everybody on the machine.
#
#   REDIS_PASSWORD    of letters, digits and - . _ ~ only, as it stands in REDIS_URL as it is; must be set
#   REDIS_SERVE_PASSWORD, REDIS_WORKER_PASSWORD
#                     make the users `serve` and `worker`, which may do what they need (users.conf); without them there is only
#                     the default user, who may do everything. Both or none
#   REDIS_MAXMEMORY   what Redis may hold, 512mb say; must be set, since ingest stops at a share of it
#   REDIS_FSYNC       `always` syncs the file before each answer; `everysec`, the default, once a second
#   REDIS_CONF        the settings of the image; another file for another installation
#   REDIS_USERS       the users of the image; likewise
#   REDIS_RUN         a folder that can be written to, in memory say
set -eu

fail() {
    echo "pubsub: $1" >&2
    exit 64
}

for name in REDIS_PASSWORD REDIS_SERVE_PASSWORD REDIS_WORKER_PASSWORD; do
    eval "value=\${$name:-}"
    case $value in
    *[!A-Za-z0-9._~-]*) fail "$name may hold letters, digits and - . _ ~ only, as it is part of a URL" ;;
    esac
done
: "${REDIS_PASSWORD:?must be set}"
case ${REDIS_SERVE_PASSWORD:+serve}${REDIS_WORKER_PASSWORD:+worker} in
serve | worker) fail "REDIS_SERVE_PASSWORD and REDIS_WORKER_PASSWORD: set both or none" ;;
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
hashed() { printf %s "$1" | sha256sum | cut -c 1-64; }
if [ -n "${REDIS_SERVE_PASSWORD:-}" ]; then
    sed -e "s/SERVE_PASSWORD/$(hashed "$REDIS_SERVE_PASSWORD")/" -e "s/WORKER_PASSWORD/$(hashed "$REDIS_WORKER_PASSWORD")/" \
        "${REDIS_USERS:-/usr/local/etc/redis/users.conf}" >>"$conf"
fi
unset REDIS_PASSWORD REDIS_SERVE_PASSWORD REDIS_WORKER_PASSWORD value
exec redis-server "$conf" "$@"
