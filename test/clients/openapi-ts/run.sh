#!/usr/bin/env bash
# Starts a simulator on a free port, takes its OpenAPI documents, makes TypeScript types of them by openapi-typescript, and
# runs main.ts, which holds the documents against validators and does with openapi-fetch what a user would. package.json says
# which versions. SIMULATOR names a built binary; without it one is built. Needs curl, jq, Node.js 18 or later and npm.
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

mkfifo "$scratch/ready"
"$simulator" --listen 127.0.0.1:0 --tls-listen none --data "$scratch/data" >"$scratch/ready" 2>"$scratch/server.log" &
server=$!
# Held open to the end, so that the server never writes into a pipe that nobody reads.
exec 3<"$scratch/ready"
if ! read -r -t 30 ready <&3; then
    echo 'openapi-ts: the simulator printed no ready line within 30 s; its log:' >&2
    cat "$scratch/server.log" >&2
    exit 1
fi
echo "openapi-ts: the simulator is ready: $ready"
url=$(jq -r .http <<<"$ready")

cd test/clients/openapi-ts
rm -rf generated
mkdir generated
npm ci --silent --no-audit --no-fund
for vendor in control lightbits dms lucidlink lucidity; do
    curl -sf -o "generated/$vendor.json" "$url/_sim/openapi/$vendor.json"
    npx --no-install openapi-typescript "generated/$vendor.json" -o "generated/$vendor.ts" >"$scratch/types.log" 2>&1 || { cat "$scratch/types.log"; exit 1; }
done
npx --no-install tsc

verdict=0
node generated/program/main.js "$url" || verdict=1
if [ "$verdict" -ne 0 ]; then
    echo "openapi-ts: the simulator's last words:" >&2
    tail -n 60 "$scratch/server.log" >&2
fi
kill -TERM "$server"
stopped=0
wait "$server" || stopped=$?
server=
if [ "$stopped" -ne 0 ]; then
    echo "openapi-ts: the simulator ended with $stopped after SIGTERM; its last words:" >&2
    tail -n 20 "$scratch/server.log" >&2
    exit 1
fi
[ "$verdict" -eq 0 ]
