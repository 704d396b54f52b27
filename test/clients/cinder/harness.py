"""The parts around the driver: the second client, the witness, the host, and the report."""

import collections
import http.server
import json
import logging
import re
import ssl
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request
import uuid

import requests
from cinder.volume import configuration
from cinder.volume import driver as cinder_driver
from cinder.volume.drivers import lightos
from os_brick import utils as brick_utils
from os_brick.initiator.connectors import lightos as brick_lightos
from oslo_config import cfg

HOST_NQN = "nqn.2014-08.org.nvmexpress:uuid:6a0b0a52-7a3b-4f0e-9a55-0c5c3a1d0001"
OTHER_NQN = "nqn.2014-08.org.nvmexpress:uuid:6a0b0a52-7a3b-4f0e-9a55-0c5c3a1d0002"
DEADLINE = 60  # seconds; much longer than the fast delays

Exchange = collections.namedtuple("Exchange", "method path headers body status answer_headers answer")


class Failure(Exception):
    """A step had an unexpected result."""


def expect(condition, message):
    if not condition:
        raise Failure(message)


def same(what, got, want):
    expect(got == want, f"{what}: got {got!r}, want {want!r}")


class Thing(dict):
    """A volume or snapshot of Cinder. Its members are items and attributes: thing["id"] and thing.id."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def new_volume(size, extra_specs=None):
    vid = str(uuid.uuid4())
    kind = Thing(extra_specs=extra_specs) if extra_specs else None
    return Thing(id=vid, name_id=vid, size=size, volume_type=kind)


def new_snapshot(volume):
    return Thing(id=str(uuid.uuid4()), volume=volume)


def volume_name(volume):
    return "volume-" + volume.id


def snapshot_name(snapshot):
    return "snapshot-" + snapshot.id


class Witness:
    """Records the exchanges between the driver and the server, and can change a request."""

    def __init__(self):
        self.exchanges = []
        self._plan = []
        send = requests.Session.send
        requests.Session.send = lambda session, request, **kwargs: self._carry(send, session, request, **kwargs)

    def once(self, method, path, act):
        """Calls act with the next request of the method whose path matches, before it is sent."""
        self._plan.append((method, re.compile(path), act))

    def start(self):
        self.exchanges, self._plan = [], []

    def finish(self):
        untouched = [f"{method} {path.pattern}" for method, path, _ in self._plan]
        self._plan = []
        expect(not untouched, f"the driver did not send these requests: {untouched}")

    def of(self, method, path=""):
        return [e for e in self.exchanges if e.method == method and re.search(path, e.path)]

    def statuses(self, method, path=""):
        return [e.status for e in self.of(method, path)]

    def _carry(self, send, session, request, **kwargs):
        for planned in self._plan:
            method, path, act = planned
            if request.method == method and path.search(request.path_url):
                self._plan.remove(planned)
                act(request)
                break
        try:
            response = send(session, request, **kwargs)
        except Exception as error:
            self.exchanges.append(
                Exchange(request.method, request.path_url, dict(request.headers), request.body, 0, {}, repr(error)))
            raise
        self.exchanges.append(
            Exchange(request.method, request.path_url, dict(request.headers), request.body, response.status_code,
                     dict(response.headers), response.text))
        return response


class Other:
    """A second client. It trusts only the simulator's own CA."""

    def __init__(self, http, https):
        self.http, self.https = http, https
        status, pem = self._ask(http, "GET", "/_sim/ca.pem")
        expect(status == 200, f"GET /_sim/ca.pem: {status} {pem}")
        self._tls = ssl.create_default_context(cadata=pem)
        self.project_token = self.mint("default:admin")
        self.cluster_token = self.mint("system:cluster-admin")

    def mint(self, role):
        status, answer = self._ask(
            self.http, "POST", "/_sim/tokens", {"vendor": "lightbits", "role": role, "ttl": "1h"})
        expect(status in (200, 201) and isinstance(answer, dict) and answer.get("token"),
               f"POST /_sim/tokens for {role}: {status} {answer}")
        return answer["token"]

    def call(self, method, path, body=None, token=None):
        return self._ask(self.https, method, path, body, token or self.project_token)

    def _ask(self, base, method, path, body=None, token=None):
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = "Bearer " + token
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(base + path, data=data, headers=headers, method=method)
        tls = self._tls if base.startswith("https:") else None
        try:
            with urllib.request.urlopen(request, timeout=10, context=tls) as response:
                status, text = response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read().decode()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def _until(self, what, look):
        """Calls look until it returns true. The server's transitions take tenths of a second."""
        deadline = time.monotonic() + DEADLINE
        while True:
            done, seen = look()
            if done:
                return seen
            expect(time.monotonic() < deadline, f"after {DEADLINE} s {what} is still: {seen}")
            time.sleep(0.05)

    def volume(self, volume, project="default"):
        """Waits until the volume is Available, and returns it."""
        path = f"/api/v2/projects/{project}/volumes/?name={volume_name(volume)}"

        def look():
            status, answer = self.call("GET", path, token=self.cluster_token)
            return status == 200 and answer.get("state") == "Available", (status, answer)

        return self._until(f"GET {path}", look)[1]

    def snapshot_status(self, name):
        return self.call("GET", f"/api/v2/projects/default/snapshots/?Name={name}")

    def volume_status(self, name):
        return self.call("GET", f"/api/v2/projects/default/volumes/?name={name}")

    def touch(self, volume):
        """Changes the volume as another client, and waits until the change is complete."""
        before = self.volume(volume)
        path = f"/api/v2/projects/default/volumes/{before['UUID']}"
        label = [{"key": "touched", "value": uuid.uuid4().hex}]
        status, answer = self.call("PUT", path, {"labels": label})
        expect(status == 200, f"the other client's PUT {path} with labels: {status} {answer}")
        after = self.volume(volume)
        expect(before.get("ETag") != after.get("ETag"),
               f"an update did not change the ETag: before {before}, after {after}")

    def reset(self):
        """Resets the world after a failure. Its own errors are ignored: the failure was reported."""
        self._ask(self.http, "POST", "/_sim/reset", {})
        self.project_token = self.mint("default:admin")
        self.cluster_token = self.mint("system:cluster-admin")

    def nothing_left(self, project="default"):
        def look():
            left = []
            for kind in ("volumes", "snapshots"):
                path = f"/api/v2/projects/{project}/{kind}?showAll=true"
                status, answer = self.call("GET", path, token=self.cluster_token)
                expect(status == 200 and isinstance(answer, dict), f"GET {path}: {status} {answer}")
                left += [f"{kind[:-1]} {x.get('name')} {x.get('state')}" for x in answer.get(kind) or []]
            return not left, left

        self._until(f"project {project}", look)


def fault(status):
    """Returns an action that makes the simulator return the status for one request."""

    def act(request):
        request.headers["X-Sim-Fault"] = "%d;force" % status  # a gateway can return 503 even if it is not documented

    return act


class DiscoveryClient(http.server.BaseHTTPRequestHandler):
    """Replaces the part of Lightbits' discovery client that os-brick uses."""

    def do_HEAD(self):
        self.send_response(200 if self.path == "/metrics" else 404)
        self.end_headers()

    def log_message(self, *args):
        pass


def host_side():
    """Replaces the host's NVMe tools. The rest is os-brick's own connector."""
    server = http.server.HTTPServer(("localhost", 0), DiscoveryClient)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    brick_lightos.DISCOVERY_CLIENT_PORT = server.server_port
    brick_utils.get_host_nqn = lambda: HOST_NQN


def new_driver(https, token):
    """Returns a driver as cinder-volume creates it, with its own configuration group."""
    group = "lightos-" + uuid.uuid4().hex
    config = configuration.Configuration(cinder_driver.volume_opts, config_group=group)
    config.append_config_values(lightos.lightos_opts)
    address = urllib.parse.urlsplit(https)
    for name, value in {
        "lightos_api_address": [address.hostname],
        "lightos_api_port": address.port,
        "lightos_jwt": token,
        "lightos_api_service_timeout": 5,
        "volume_backend_name": group,
    }.items():
        cfg.CONF.set_override(name, value, group=group)
    return lightos.LightOSVolumeDriver(configuration=config)


class DriverLog(logging.Handler):
    """Keeps the log of the driver during a step. It is printed if the step fails."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(f"{record.levelname} {record.getMessage()}")


def short(text, size=2000):
    text = re.sub(r"(Bearer )\S+", r"\1…", str(text))
    return text if len(text) <= size else text[:size] + "…"


def explain(error, witness, log):
    """Prints the error of a failed step, the last exchanges and the log."""
    print(f"      {type(error).__name__}: {short(error)}")
    print("      the driver's exchanges in this step (the last ten):")
    for e in witness.exchanges[-10:]:
        print(f"        > {e.method} {e.path}")
        print(f"          {short(e.headers, 600)}")
        if e.body:
            print(f"          {short(e.body)}")
        print(f"        < {e.status} {short(e.answer_headers, 600)}")
        print(f"          {short(e.answer)}")
    print("      the end of the driver's log:")
    for line in log.lines[-12:]:
        print(f"        {short(line, 400)}")
    if not isinstance(error, Failure):
        print("      " + "      ".join(traceback.format_exception(error)[-6:]))


def run(cycle, log, results):
    """Runs a cycle until its first failure. The steps after it are listed as not run."""
    witness = cycle.wire
    print(f"\n{cycle.title}")
    broken = False
    for name, call in cycle.steps():
        if broken:
            results.append((cycle.title, name, "not run", ""))
            continue
        witness.start()
        log.lines.clear()
        begin = time.monotonic()
        try:
            note = call()
            witness.finish()
        except Exception as error:  # the summary is printed after any error
            broken = True
            print(f"  FAILED {name}")
            explain(error, witness, log)
            results.append((cycle.title, name, "FAILED", short(error, 100)))
            continue
        took = f"{time.monotonic() - begin:5.1f} s, {len(witness.exchanges):2d} requests"
        note = note if isinstance(note, str) else ""
        print(f"  ok     {name:62} {took}  {note}".rstrip(), flush=True)
        results.append((cycle.title, name, "ok", note))
    if broken:
        # The exchanges of the reset do not belong to the next cycle.
        cycle.other.reset()


def summary(results):
    """Prints a line for each cycle and for each step that did not succeed."""
    print("\nsummary")
    cycles = {}
    for title, *step in results:
        cycles.setdefault(title, []).append(step)
    done = 0
    for title, steps in cycles.items():
        good = sum(verdict == "ok" for _, verdict, _ in steps)
        done += good
        print(f"  {title:30} {good:3} of {len(steps):3} steps done")
        for name, verdict, note in steps:
            if verdict != "ok":
                print(f"    {verdict:8} {name}  {note}")
    print(f"{done} of {len(results)} steps done by driver {lightos.LightOSVolumeDriver.VERSION}")
    return done == len(results)
