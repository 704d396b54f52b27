#!/usr/bin/env bash
# Starts a simulator on free ports and runs two clients against it: provider.sh with the client lucid, which is the
# simulator's binary under that name, and golang.org/x/oauth2 (oauth2/).
# SIMULATOR names a built binary; if it is unset, one is built. Needs curl and jq.
set -euo pipefail
# shellcheck source=test/clients/serve.sh
. "$(dirname "${BASH_SOURCE[0]}")/../serve.sh"

mkdir "$scratch/bin"
ln -s "$simulator" "$scratch/bin/lucid"
export PATH=$scratch/bin:$PATH

serve lucidlink --tls-listen none
SIM_URL=$(jq -r .http <<<"$ready")
export SIM_URL TOKEN_ENDPOINT=$SIM_URL/oauth2/token

status=0
export CLIENT_ID=lucidlink-client CLIENT_SECRET=lucidlink-secret
CUSTOMER=first API_ENDPOINT=$SIM_URL/v1 bash test/clients/lucidlink/provider.sh || status=1

# The same in another world with a minted client, under the other prefix.
curl -sf "$SIM_URL/_sim/worlds" -d '{"name":"provider","listen":"127.0.0.1:0"}' >"$scratch/world" || status=1
SIM_URL=$(jq -r .url "$scratch/world") || status=1
minted=$(curl -sf "$SIM_URL/_sim/tokens" -d '{"vendor":"lucidlink"}') || status=1
CLIENT_ID=$(jq -r .clientId <<<"$minted") CLIENT_SECRET=$(jq -r .clientSecret <<<"$minted")
TOKEN_ENDPOINT=$SIM_URL/oauth2/token
CUSTOMER=second API_ENDPOINT=$SIM_URL/api/v1 bash test/clients/lucidlink/provider.sh || status=1

(cd test/clients/lucidlink/oauth2 && go run . "$SIM_URL" "$CLIENT_ID" "$CLIENT_SECRET") || status=1
verdict "$status"
