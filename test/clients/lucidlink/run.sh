#!/usr/bin/env bash
# Starts a simulator on free ports and runs against it what a provider would: provider.sh, with the client lucid, which is
# the simulator's binary under that name; and golang.org/x/oauth2 (oauth2/), which nobody here wrote.
# SIMULATOR names a built binary; without it one is built. Needs curl and jq.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

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
mkdir "$scratch/bin"
ln -s "$(realpath "$simulator")" "$scratch/bin/lucid"
export PATH=$scratch/bin:$PATH

mkfifo "$scratch/ready"
"$simulator" --listen 127.0.0.1:0 --tls-listen none --data "$scratch/data" >"$scratch/ready" 2>"$scratch/server.log" &
server=$!
# Held open to the end, so that the server never writes into a pipe that nobody reads.
exec 3<"$scratch/ready"
if ! read -r -t 30 ready <&3; then
    echo 'lucidlink: the simulator printed no ready line within 30 s; its log:' >&2
    cat "$scratch/server.log" >&2
    exit 1
fi
echo "lucidlink: the simulator is ready: $ready"
SIM_URL=$(jq -r .http <<<"$ready")
export SIM_URL TOKEN_ENDPOINT=$SIM_URL/oauth2/token

verdict=0
export CLIENT_ID=lucidlink-client CLIENT_SECRET=lucidlink-secret
CUSTOMER=first API_ENDPOINT=$SIM_URL/v1 bash test/clients/lucidlink/provider.sh || verdict=1

# The same in a world of its own with a minted client, under the other prefix.
curl -sf "$SIM_URL/_sim/worlds" -d '{"name":"provider","listen":"127.0.0.1:0"}' >"$scratch/world" || verdict=1
SIM_URL=$(jq -r .url "$scratch/world") || verdict=1
minted=$(curl -sf "$SIM_URL/_sim/tokens" -d '{"vendor":"lucidlink"}') || verdict=1
CLIENT_ID=$(jq -r .clientId <<<"$minted") CLIENT_SECRET=$(jq -r .clientSecret <<<"$minted")
TOKEN_ENDPOINT=$SIM_URL/oauth2/token
CUSTOMER=second API_ENDPOINT=$SIM_URL/api/v1 bash test/clients/lucidlink/provider.sh || verdict=1

(cd test/clients/lucidlink/oauth2 && go run . "$SIM_URL" "$CLIENT_ID" "$CLIENT_SECRET") || verdict=1

if [ "$verdict" -ne 0 ]; then
    echo "lucidlink: the simulator's last words:" >&2
    tail -n 60 "$scratch/server.log" >&2
fi
kill -TERM "$server"
stopped=0
wait "$server" || stopped=$?
server=
if [ "$stopped" -ne 0 ]; then
    echo "lucidlink: the simulator ended with $stopped after SIGTERM; its last words:" >&2
    tail -n 20 "$scratch/server.log" >&2
    exit 1
fi
[ "$verdict" -eq 0 ]
