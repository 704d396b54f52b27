#!/usr/bin/env bash
# Verifies the TLS certificates with curl (OpenSSL), Python and Node, for names of worlds, a service and addresses.
set -euo pipefail
# shellcheck source=test/clients/serve.sh
source "$(dirname "${BASH_SOURCE[0]}")/serve.sh"

serve tls --tls-listen 127.0.0.1:0 --world-domain sim.internal
http=$(jq -r .http <<<"$ready")
port=$(jq -r .https <<<"$ready")
port=${port##*:}
curl -sS --fail "$http/_sim/ca.pem" >"$scratch/ca.pem"
curl -sS --fail "$http/_sim/worlds" -d '{"name":"t1"}' >/dev/null

cat >"$scratch/client.py" <<'PYTHON'
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
context.verify_flags |= ssl.VERIFY_X509_STRICT
for name in sys.argv[3:]:
    with socket.create_connection(("127.0.0.1", int(sys.argv[2])), timeout=10) as plain:
        context.wrap_socket(plain, server_hostname=name).close()
PYTHON
cat >"$scratch/client.js" <<'NODE'
const tls = require('tls'), net = require('net'), fs = require('fs');
const [ca, port, ...names] = process.argv.slice(2);
const next = () => {
  const name = names.shift();
  if (!name) return;
  const options = {host: '127.0.0.1', port, ca: fs.readFileSync(ca), servername: net.isIP(name) ? '' : name,
    checkServerIdentity: (_, cert) => tls.checkServerIdentity(name, cert)};
  const socket = tls.connect(options, () => { socket.destroy(); next(); });
  socket.setTimeout(10000, () => { throw new Error(name + ': no answer'); });
  socket.on('error', (err) => { throw err; });
};
next();
NODE

names=(localhost t1.localhost west.t1.localhost a.b.c.localhost storagesim host.docker.internal t1.sim.internal 127.0.0.1)
status=0
for name in "${names[@]}"; do
    # Any status will do: the control surface refuses some hosts.
    curl -sS --max-time 10 --cacert "$scratch/ca.pem" --connect-to "$name:$port:127.0.0.1:$port" \
        -o /dev/null "https://$name:$port/_sim/health" || { echo "tls: curl refuses $name" >&2; status=1; }
done
python3 "$scratch/client.py" "$scratch/ca.pem" "$port" "${names[@]}" || status=1
if command -v node >/dev/null; then
    node "$scratch/client.js" "$scratch/ca.pem" "$port" "${names[@]}" || status=1
fi
verdict "$status"
