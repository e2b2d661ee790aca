# The steps of run.sh, in the new system: each is what README.md says, and ends with an error where it fails.
# shellcheck shell=sh

step_setup() {
    make setup
    make setup | { ! grep .; } || { echo "the second time there was something left to install" >&2; return 1; }
}

# Starts everything, sends what "A first campaign in a minute" sends, and ends it as Ctrl-C does
step_run() {
    make run ARGS="--http 127.0.0.1:18080 --admin 127.0.0.1:18081" >/tmp/run.out 2>/tmp/run.err &
    running=$!
    tries=0
    until [ -f .data/run.env ]; do
        tries=$((tries + 1))
        [ "$tries" -le 36000 ] && kill -0 "$running" || { cat /tmp/run.err >&2; return 1; }
        sleep 0.1
    done
    infra/smoke.sh http://127.0.0.1:18080 none
    kill -INT "$(cat .data/lock)"
    wait "$running"
}

step_demo() { make demo; }

# The tests that run what documents say, as they call the most programs
step_documents() { make test ARGS="--test it -- documents"; }

step_test() { make test; }
