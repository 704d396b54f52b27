#!/usr/bin/env bash
# Starts a simulator on free ports and runs OpenStack Cinder's LightOS driver against it (driver_run.py).
# SIMULATOR names a built binary; without it one is built. Needs Debian's python3-cinder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

# Debian's own interpreter: its compiled modules do not load in another build of the same version.
python=/usr/bin/python3
if ! "$python" -c 'import cinder.volume.drivers.lightos' 2>/dev/null; then
    echo 'cinder: the driver is not installed; apt-get install --no-install-recommends python3-cinder' >&2
    exit 1
fi

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

mkfifo "$scratch/ready"
"$simulator" --listen 127.0.0.1:0 --tls-listen 127.0.0.1:0 --data "$scratch/data" \
    >"$scratch/ready" 2>"$scratch/server.log" &
server=$!
# Held open to the end, so that the server never writes into a pipe that nobody reads.
exec 3<"$scratch/ready"
if ! read -r -t 30 ready <&3; then
    echo 'cinder: the simulator printed no ready line within 30 s; its log:' >&2
    cat "$scratch/server.log" >&2
    exit 1
fi
echo "cinder: the simulator is ready: $ready"
address() { "$python" -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$ready" "$1"; }
http=$(address http)
https=$(address https)

verdict=0
# -B: nothing is written beside the sources.
"$python" -B test/clients/cinder/driver_run.py --http "$http" --https "$https" || verdict=$?
if [ "$verdict" -ne 0 ]; then
    echo "cinder: the simulator's last words:" >&2
    tail -n 60 "$scratch/server.log" >&2
fi

kill -TERM "$server"
stopped=0
wait "$server" || stopped=$?
server=
if [ "$stopped" -ne 0 ]; then
    echo "cinder: the simulator ended with $stopped after SIGTERM; its last words:" >&2
    tail -n 20 "$scratch/server.log" >&2
    exit 1
fi
[ "$verdict" -eq 0 ]
