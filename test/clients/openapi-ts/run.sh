#!/usr/bin/env bash
# Starts a simulator on a free port, fetches its OpenAPI documents, generates TypeScript types with openapi-typescript, and
# runs main.ts, which validates the documents and uses openapi-fetch as a user would. package.json has the versions.
# SIMULATOR names a built binary; if it is unset, one is built. Needs curl, jq, Node.js 18 or later and npm.
set -euo pipefail
# shellcheck source=test/clients/serve.sh
. "$(dirname "${BASH_SOURCE[0]}")/../serve.sh"

serve openapi-ts --tls-listen none
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

status=0
node generated/program/main.js "$url" || status=1
verdict "$status"
