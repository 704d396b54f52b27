#!/usr/bin/env bash
# Starts a simulator on a free port, fetches its OpenAPI documents, generates Go clients with the oapi-codegen of go.mod,
# and runs main.go, which uses them as a user would. SIMULATOR names a built binary; if it is unset, one is built.
# Needs curl and jq.
set -euo pipefail
# shellcheck source=test/clients/serve.sh
. "$(dirname "${BASH_SOURCE[0]}")/../serve.sh"

serve openapi-go --tls-listen none
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

status=0
"$scratch/openapi-go" "$url" || status=1
verdict "$status"
