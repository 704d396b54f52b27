#!/usr/bin/env bash
# Starts a simulator on a free port, takes its OpenAPI documents, makes Go clients of them by oapi-codegen (go.mod says which),
# and runs main.go, which does with them what a user would. SIMULATOR names a built binary; without it one is built.
# Needs curl and jq.
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
    echo 'openapi-go: the simulator printed no ready line within 30 s; its log:' >&2
    cat "$scratch/server.log" >&2
    exit 1
fi
echo "openapi-go: the simulator is ready: $ready"
url=$(jq -r .http <<<"$ready")

cd test/clients/openapi-go
rm -rf generated
vendors=(lightbits control lucidlink lucidity dms)
for vendor in "${vendors[@]}"; do
    mkdir -p "generated/$vendor"
    curl -sf -o "generated/$vendor/openapi.json" "$url/_sim/openapi/$vendor.json"
done
go test -mod=readonly -count=1 ./documents
go build -mod=readonly -o "$scratch/oapi-codegen" github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen
makers=()
for vendor in "${vendors[@]}"; do
    "$scratch/oapi-codegen" -generate types,client -package "$vendor" -o "generated/$vendor/client.go" "generated/$vendor/openapi.json" &
    makers+=($!)
done
for maker in "${makers[@]}"; do wait "$maker"; done
go vet -mod=readonly .
go build -mod=readonly -o "$scratch/openapi-go" .

verdict=0
"$scratch/openapi-go" "$url" || verdict=1
if [ "$verdict" -ne 0 ]; then
    echo "openapi-go: the simulator's last words:" >&2
    tail -n 60 "$scratch/server.log" >&2
fi
kill -TERM "$server"
stopped=0
wait "$server" || stopped=$?
server=
if [ "$stopped" -ne 0 ]; then
    echo "openapi-go: the simulator ended with $stopped after SIGTERM; its last words:" >&2
    tail -n 20 "$scratch/server.log" >&2
    exit 1
fi
[ "$verdict" -eq 0 ]
