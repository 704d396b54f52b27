#!/usr/bin/env bash
# Starts a simulator on free ports and runs OpenStack Cinder's LightOS driver against it (driver_run.py).
# SIMULATOR names a built binary; if it is unset, one is built. Needs Debian's python3-cinder.
set -euo pipefail

# Debian's interpreter: its compiled modules do not load in another build of the same version.
python=/usr/bin/python3
if ! "$python" -c 'import cinder.volume.drivers.lightos' 2>/dev/null; then
    echo 'cinder: the driver is not installed; apt-get install --no-install-recommends python3-cinder' >&2
    exit 1
fi
# shellcheck source=test/clients/serve.sh
. "$(dirname "${BASH_SOURCE[0]}")/../serve.sh"

serve cinder --tls-listen 127.0.0.1:0
address() { "$python" -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$ready" "$1"; }
http=$(address http)
https=$(address https)

status=0
# -B: do not write compiled files next to the sources.
"$python" -B test/clients/cinder/driver_run.py --http "$http" --https "$https" || status=$?
verdict "$status"
