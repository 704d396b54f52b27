# shellcheck shell=bash
# Sourced by the run.sh of each client. `serve NAME FLAGS…` starts a simulator on free ports, with these flags added;
# `verdict STATUS` stops it and ends the script. Between them, for the client:
#   $scratch   a directory that is removed at exit
#   $simulator the binary: SIMULATOR names a built one; if it is unset, one is built
#   $ready     the simulator's ready line, JSON

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit

scratch=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || true; fi
    rm -rf "$scratch"
}
trap finish EXIT

simulator=${SIMULATOR:-}
if [ -z "$simulator" ]; then
    simulator=$scratch/simulator
    go build -o "$simulator" ./cmd/simulator
fi
simulator=$(realpath "$simulator")

serve() {
    client=$1
    mkfifo "$scratch/ready"
    "$simulator" --listen 127.0.0.1:0 --data "$scratch/data" "${@:2}" >"$scratch/ready" 2>"$scratch/server.log" &
    server=$!
    # Held open to the end, so that the server never writes to a closed pipe.
    exec 3<"$scratch/ready"
    if ! read -r -t 30 ready <&3; then
        echo "$client: the simulator printed no ready line within 30 s; its log:" >&2
        cat "$scratch/server.log" >&2
        exit 1
    fi
    echo "$client: the simulator is ready: $ready"
}

# The exit status is 0 if STATUS is 0 and the simulator exits with 0 after SIGTERM.
verdict() {
    if [ "$1" -ne 0 ]; then
        echo "$client: the simulator's last words:" >&2
        tail -n 60 "$scratch/server.log" >&2
    fi
    kill -TERM "$server"
    local stopped=0
    wait "$server" || stopped=$?
    server=
    if [ "$stopped" -ne 0 ]; then
        echo "$client: the simulator ended with $stopped after SIGTERM; its last words:" >&2
        tail -n 20 "$scratch/server.log" >&2
        exit 1
    fi
    exit "$1"
}
