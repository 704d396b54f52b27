#!/usr/bin/env bash
# Opens web pages of another origin in Chromium that try every call of the control surface, by fetch with and without
# CORS, by a form, as an image and as an event source, and a page that a rebound DNS name serves. Nothing may change or be
# readable.
set -euo pipefail
# shellcheck source=test/clients/serve.sh
source "$(dirname "${BASH_SOURCE[0]}")/serve.sh"

serve browser --tls-listen none
http=$(jq -r .http <<<"$ready")
port=${http##*:}
curl -sS --fail "$http/_sim/worlds" -d '{"name":"t1","clock":{"mode":"frozen","now":"2030-01-01T00:00:00Z"}}' >/dev/null
curl -sS --fail -X PUT "$http/_sim/clock" -d '{"mode":"frozen"}' >/dev/null
curl -sS --fail -X PUT "$http/_sim/checkpoints/mine" >/dev/null

# The state that a page could change.
present() {
    local path
    for path in state clock faults fault-plans delays worlds checkpoints scenarios recordings; do
        echo "$path"
        curl -sS "$http/_sim/$path"
    done
    curl -sS "$http/_sim/requests?world=*" | jq -c '.requests[] | select(.url != "/favicon.ico")' # which a browser asks for
}
present >"$scratch/before"

# Every call of the control surface, with values for its parameters.
curl -sS --fail "$http/_sim/openapi/control.json" |
    jq -c '[.paths | to_entries[] | .key as $path | .value | to_entries[] | select(.key | test("get|put|post|delete"))
        | {method: (.key | ascii_upcase), path: ($path | gsub("\\{[^}]*\\}"; "mine"))}]' >"$scratch/calls.json"

mkdir "$scratch/www"
cat >"$scratch/www/page.html" <<HTML
<!doctype html><meta charset="utf-8"><title>trying</title><body><pre id="result"></pre><script>
const target = new URLSearchParams(location.search).get('target');
const calls = $(cat "$scratch/calls.json");
const bodies = ['{}', '{"mode":"real"}', '{"by":"1h"}', '{"name":"taken"}'];
(async () => {
  const seen = {tried: 0, read: []};
  for (const {method, path} of calls) {
    for (const mode of ['cors', 'no-cors']) {
      if (mode === 'no-cors' && method !== 'GET' && method !== 'POST') continue;
      for (const body of method === 'GET' || method === 'DELETE' ? [undefined] : bodies) {
        seen.tried++;
        try {
          const response = await fetch(target + path, {method, mode, body, signal: AbortSignal.timeout(5000)});
          if (response.type !== 'opaque') seen.read.push(method + ' ' + path + ' ' + response.status);
        } catch { /* refused, as it must be */ }
      }
    }
  }
  for (const path of ['/_sim/reset', '/_sim/state', '/_sim/events']) {
    await new Promise((done) => {
      const image = new Image();
      image.onload = image.onerror = done;
      image.src = target + path;
    });
  }
  await new Promise((done) => {
    const events = new EventSource(target + '/_sim/events');
    events.onopen = () => { seen.read.push('events'); done(); };
    events.onerror = () => { events.close(); done(); };
  });
  document.getElementById('result').textContent = JSON.stringify(seen);
  document.title = 'done';
})();
</script>
HTML
cat >"$scratch/www/form.html" <<'HTML'
<!doctype html><meta charset="utf-8"><body><form method="post" enctype="text/plain"><input name='{"a":"' value='"}'></form><script>
const form = document.forms[0];
form.action = new URLSearchParams(location.search).get('target') + '/_sim/reset';
form.submit();
</script>
HTML
python3 - "$scratch/www" "$scratch/www.port" <<'PYTHON' &
import functools, http.server, os, sys
serve = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve)
with open(sys.argv[2] + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[2] + ".new", sys.argv[2])
sys.stderr = open(os.devnull, "w")
server.serve_forever()
PYTHON
pages=$!
trap 'kill "$pages"; finish' EXIT
for _ in $(seq 300); do
    [ -e "$scratch/www.port" ] && break
    sleep 0.1
done
www="http://127.0.0.1:$(cat "$scratch/www.port")"

# show prints what a page contains once its network is idle.
show() {
    timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$scratch/profile" \
        --virtual-time-budget=60000 --host-resolver-rules='MAP rebound.example 127.0.0.1' --dump-dom "$1" 2>"$scratch/chromium.log"
}

status=0
for target in "http://127.0.0.1:$port" "http://localhost:$port"; do
    result=$(show "$www/page.html?target=$target" | sed -n 's/.*<pre id="result">\(.*\)<\/pre>.*/\1/p')
    if [ "$(jq '.tried > 100 and .read == []' <<<"$result" 2>/dev/null)" != true ]; then
        echo "browser: a page of another origin at $target: ${result:-no result}" >&2
        status=1
    fi
    show "$www/form.html?target=$target" >"$scratch/form.html"
    grep -q 403 "$scratch/form.html" || { echo "browser: the form was not refused: $(cat "$scratch/form.html")" >&2; status=1; }
done
show "http://rebound.example:$port/_sim/state" >"$scratch/rebound.html"
if ! grep -q 403 "$scratch/rebound.html" || grep -q clusters "$scratch/rebound.html"; then
    echo "browser: a rebound name was not refused: $(head -c 500 "$scratch/rebound.html")" >&2
    status=1
fi
present >"$scratch/after"
diff "$scratch/before" "$scratch/after" >&2 || { echo 'browser: a page has changed the simulator' >&2; status=1; }
verdict "$status"
