"""The cycles of the test: sequences of calls of the driver."""

import functools
import json
import re

from cinder import context
from cinder import exception

from harness import HOST_NQN
from harness import OTHER_NQN
from harness import Failure
from harness import expect
from harness import fault
from harness import new_driver
from harness import new_snapshot
from harness import new_volume
from harness import same
from harness import snapshot_name
from harness import volume_name

GIB = 1 << 30
# The gRPC code that the body of a refusal has for each status.
GRPC_CODE = {412: 9, 500: 13, 503: 14}


class Cycle:
    """A sequence of steps. Each step depends on the steps before it."""

    title = ""

    def __init__(self, other, witness):
        self.other, self.wire = other, witness
        self.token = other.project_token

    def steps(self):
        raise NotImplementedError

    # Steps that several cycles have.

    def do_setup(self):
        self.driver = new_driver(self.other.https, self.token)
        self.driver.do_setup(context.get_admin_context())
        cluster = self.driver.cluster
        expect(str(cluster.subsystemNQN).startswith("nqn."), f"subsystemNQN is {cluster.subsystemNQN!r}")
        expect(cluster.targets, "no nodes")
        for node in cluster.targets.values():
            expect(re.fullmatch(r".+:4420", node.get("nvmeEndpoint", "")), f"invalid nvmeEndpoint: {node}")
        return f"cluster {cluster.lightos_cluster_uuid}, {len(cluster.targets)} nodes"

    def create(self, volume, **want):
        self.driver.create_volume(volume)
        return self.is_there(volume, acl={"values": ["ALLOW_NONE"]}, **want)

    def is_there(self, volume, **want):
        row = self.other.volume(volume)
        same("size", row.get("size"), str(volume.size * GIB))
        for member, value in want.items():
            same(member, row.get(member), value)
        return row

    def extend(self, volume, size):
        self.driver.extend_volume(volume, size)
        # The driver returns when the request is accepted. Cinder's manager then stores the new size in its database.
        volume["size"] = size
        self.is_there(volume)
        return self.puts()

    def snapshot(self, snapshot):
        self.driver.create_snapshot(snapshot)
        status, row = self.other.snapshot_status(snapshot_name(snapshot))
        expect(status == 200, f"the snapshot does not exist: {status} {row}")
        same("state", row.get("state"), "Available")
        same("sourceVolumeName", row.get("sourceVolumeName"), volume_name(snapshot.volume))

    def connector(self, nqn=HOST_NQN):
        found = self.driver.connector.get_connector_properties(None)
        return dict(found, nqn=nqn, host="host-1", ip="127.0.0.1")

    def attach(self, volume, nqn=HOST_NQN, allowed=(HOST_NQN,)):
        info = self.driver.initialize_connection(volume, self.connector(nqn))
        row = self.is_there(volume, acl={"values": list(allowed)})
        same("driver_volume_type", info["driver_volume_type"], "lightos")
        same("uuid", info["data"]["uuid"], row["UUID"])
        same("subsysnqn", info["data"]["subsysnqn"], self.driver.cluster.subsystemNQN)
        same("portals", len(info["data"]["lightos_nodes"]), len(self.driver.cluster.targets))
        return self.puts()

    def detach(self, volume, nqn=HOST_NQN, allowed=("ALLOW_NONE",)):
        self.driver.terminate_connection(volume, self.connector(nqn))
        self.is_there(volume, acl={"values": list(allowed)})
        return self.puts()

    def delete(self, volume):
        self.driver.delete_volume(volume)
        status, row = self.other.volume_status(volume_name(volume))
        expect(status == 404 or row.get("state") == "Deleting", f"not deleted: {status} {row}")
        return "DELETE " + " ".join(map(str, self.wire.statuses("DELETE")))

    def delete_snapshot(self, snapshot):
        self.driver.delete_snapshot(snapshot)
        same("DELETE", self.wire.statuses("DELETE"), [200])
        status, row = self.other.snapshot_status(snapshot_name(snapshot))
        expect(status == 404 or row.get("state") == "Deleting", f"not deleted: {status} {row}")

    def puts(self):
        return "PUT " + " ".join(map(str, self.wire.statuses("PUT")))

    def refused_then_done(self, method, status):
        """Checks that the driver got the refusal in the vendor's form, and that its last request succeeded."""
        calls = self.wire.of(method)
        got = [e.status for e in calls]
        expect(len(got) > 1 and got[0] == status and got[-1] == 200,
               f"statuses of {method}: got {got}, want {status} … 200")
        try:
            code = json.loads(calls[0].answer).get("code")
        except (ValueError, AttributeError):
            raise Failure(f"the body of the {status} is not a JSON object: {calls[0].answer!r}") from None
        same(f"code of the {status}", code, GRPC_CODE[status])
        return f"{method} " + " ".join(map(str, got))

    def raises(self, kind, call, *args):
        try:
            call(*args)
        except kind as error:
            return error
        raise Failure(f"{call.__name__} should raise {kind.__name__}")


class Plain(Cycle):
    title = "all operations"

    def steps(self):
        source, restored, cloned = new_volume(1), new_volume(2), new_volume(3)
        snapshot = new_snapshot(source)
        ctx = context.get_admin_context()
        absent = new_volume(1)
        both = (HOST_NQN, OTHER_NQN)
        return [
            ("do_setup without a token is refused", self.no_token),
            ("do_setup", self.do_setup),
            ("check_for_setup_error", lambda: self.driver.check_for_setup_error()),
            ("get_volume_stats", self.stats),
            ("create_volume of 1 GiB", lambda: self.create(source, replicaCount=3, compression="false")),
            ("create_volume again returns the same volume", lambda: self.create_again(source)),
            ("create_export", lambda: self.driver.create_export(ctx, source)),
            ("ensure_export", lambda: self.driver.ensure_export(ctx, source)),
            ("extend_volume to 2 GiB", lambda: self.extend(source, 2)),
            ("create_snapshot", lambda: self.snapshot(snapshot)),
            ("create_volume_from_snapshot", lambda: self.restore(restored, snapshot)),
            ("create_cloned_volume, larger", lambda: self.clone(cloned, source)),
            ("initialize_connection", lambda: self.attach(cloned)),
            ("initialize_connection of a second host", lambda: self.attach(cloned, OTHER_NQN, both)),
            ("terminate_connection of the first host", lambda: self.detach(cloned, HOST_NQN, (OTHER_NQN,))),
            ("terminate_connection of the second host", lambda: self.detach(cloned, OTHER_NQN)),
            ("initialize_connection again", lambda: self.attach(cloned)),
            ("terminate_connection by force, without a host", lambda: self.force_detach(cloned)),
            ("extend_volume and attach without a pause", lambda: self.extend_and_attach(cloned, 4)),
            ("terminate_connection", lambda: self.detach(cloned)),
            ("delete_snapshot while its clone exists", lambda: self.delete_snapshot(snapshot)),
            ("delete_volume of the source", lambda: self.delete(source)),
            ("delete_volume made from the snapshot", lambda: self.delete(restored)),
            ("delete_volume of the clone", lambda: self.delete(cloned)),
            ("delete_volume of a volume that does not exist", lambda: self.driver.delete_volume(absent)),
            ("delete_snapshot of a snapshot that does not exist",
             lambda: self.driver.delete_snapshot(new_snapshot(absent))),
            ("extend_volume of a volume that does not exist is refused", lambda: self.raises(
                exception.VolumeNotFound, self.driver.extend_volume, absent, 2)),
            ("no volume and no snapshot is left", self.other.nothing_left),
        ]

    def no_token(self):
        driver = new_driver(self.other.https, None)
        self.raises(exception.InvalidAuthKey, driver.do_setup, context.get_admin_context())
        same("GET", self.wire.statuses("GET"), [401])

    def stats(self):
        stats = self.driver.get_volume_stats(refresh=True)
        same("vendor_name", stats["vendor_name"], "LightOS Storage")

    def create_again(self, volume):
        before = self.other.volume(volume)["UUID"]
        self.driver.create_volume(volume)
        same("UUID", self.other.volume(volume)["UUID"], before)
        same("POST", self.wire.statuses("POST"), [])

    def restore(self, volume, snapshot):
        self.driver.create_volume_from_snapshot(volume, snapshot)
        _, source = self.other.snapshot_status(snapshot_name(snapshot))
        self.is_there(volume, sourceSnapshotUUID=source["UUID"])

    def clone(self, volume, source):
        self.driver.create_cloned_volume(volume, source)
        self.is_there(volume)
        status, row = self.other.snapshot_status("for_clone_" + volume.id)
        expect(status == 404 or row.get("state") == "Deleting",
               f"the intermediate snapshot is not deleted: {status} {row}")

    def force_detach(self, volume):
        self.driver.terminate_connection(volume, None, force=True)
        self.is_there(volume, acl={"values": ["ALLOW_NONE"]})
        return self.puts()

    def extend_and_attach(self, volume, size):
        """While the volume is Updating, the server refuses the second call, and the driver must repeat it."""
        self.driver.extend_volume(volume, size)
        volume["size"] = size
        return self.attach(volume)


class Faults(Cycle):
    title = "with injected errors"

    def steps(self):
        volume, cloned = new_volume(1), new_volume(2)
        first, second = new_snapshot(volume), new_snapshot(volume)
        return [
            ("do_setup, one 503 for nodes", self.setup_through),
            ("create_volume, 503: an error, and no volume", lambda: self.create_refused(volume)),
            ("create_volume called again", lambda: self.create(volume)),
            ("extend_volume, one 503", lambda: self.through("PUT", 503, self.extend, volume, 2)),
            ("create_snapshot, one 500", lambda: self.through("POST", 500, self.snapshot, first)),
            ("create_snapshot, 503: an error, and no snapshot", lambda: self.snapshot_refused(second)),
            ("create_snapshot called again", lambda: self.snapshot(second)),
            ("create_volume_from_snapshot", lambda: self.driver.create_volume_from_snapshot(cloned, first)),
            ("initialize_connection, one 503", lambda: self.through("PUT", 503, self.attach, cloned)),
            ("terminate_connection, one 503", lambda: self.through("PUT", 503, self.detach, cloned)),
            ("delete_volume, one 503", lambda: self.through("DELETE", 503, self.delete, cloned)),
            ("delete_snapshot", lambda: self.delete_snapshot(first)),
            ("delete_snapshot of the other", lambda: self.delete_snapshot(second)),
            ("delete_volume", lambda: self.delete(volume)),
            ("no volume and no snapshot is left", self.other.nothing_left),
        ]

    def through(self, method, status, call, *args):
        self.wire.once(method, "^/api/v2/", fault(status))
        call(*args)
        self.marked(method)
        return self.refused_then_done(method, status)

    def marked(self, method):
        answer = self.wire.of(method)[0]
        expect(any(name.lower() == "x-sim-fault" for name in answer.answer_headers),
               f"the header of an injected response is missing: {answer.answer_headers}")

    def setup_through(self):
        self.wire.once("GET", "^/api/v2/nodes$", fault(503))
        self.do_setup()
        same("GET /api/v2/nodes", self.wire.statuses("GET", "^/api/v2/nodes$"), [503, 200])
        return "GET 503 200"

    def create_refused(self, volume):
        # The driver does not repeat this call; Cinder's scheduler does.
        self.wire.once("POST", "/volumes$", fault(503))
        self.raises(exception.VolumeBackendAPIException, self.driver.create_volume, volume)
        same("POST", self.wire.statuses("POST"), [503])
        status, row = self.other.volume_status(volume_name(volume))
        same(f"GET of the refused volume ({row})", status, 404)

    def snapshot_refused(self, snapshot):
        # The driver repeats this call after a 500 only.
        self.wire.once("POST", "/snapshots$", fault(503))
        self.raises(exception.VolumeBackendAPIException, self.driver.create_snapshot, snapshot)
        same("POST", self.wire.statuses("POST"), [503])
        status, row = self.other.snapshot_status(snapshot_name(snapshot))
        same(f"GET of the refused snapshot ({row})", status, 404)


class StaleETag(Cycle):
    title = "with a stale ETag"

    def steps(self):
        volume = new_volume(1)
        return [
            ("do_setup", self.do_setup),
            ("create_volume", lambda: self.create(volume)),
            ("extend_volume, changed by another client", lambda: self.stale(volume, self.extend, volume, 2)),
            ("initialize_connection, changed by another client", lambda: self.stale(volume, self.attach, volume)),
            ("terminate_connection, changed by another client", lambda: self.stale(volume, self.detach, volume)),
            ("the change of the other client is kept", lambda: self.kept(volume)),
            ("delete_volume", lambda: self.delete(volume)),
            ("no volume and no snapshot is left", self.other.nothing_left),
        ]

    def stale(self, volume, call, *args):
        # The driver has read the volume. Its PUT is sent after the change of another client.
        self.wire.once("PUT", "/volumes/", lambda request: self.other.touch(volume))
        call(*args)
        note = self.refused_then_done("PUT", 412)
        first, *_, last = self.wire.of("PUT")
        expect(first.headers.get("If-Match") and first.headers.get("If-Match") != last.headers.get("If-Match"),
               "If-Match of the first and of the last PUT: "
               f"{first.headers.get('If-Match')}, {last.headers.get('If-Match')}")
        return note

    def kept(self, volume):
        labels = self.other.volume(volume).get("labels") or []
        expect([x.get("key") for x in labels] == ["touched"], f"labels: {labels}")


class ExtraSpecs(Cycle):
    title = "with extra specs"

    def steps(self):
        two = {"compression": "<is> True", "lightos:num_replicas": 2}
        volume, cloned = new_volume(1, two), new_volume(1, two)
        single = new_volume(1, {"compression": "<is> False", "lightos:num_replicas": "1"})
        want = {"compression": "true", "replicaCount": 2}
        snapshot = new_snapshot(volume)
        return [
            ("do_setup", self.do_setup),
            ("create_volume, compressed, 2 replicas", lambda: self.create(volume, **want)),
            ("create_volume, not compressed, 1 replica",
             lambda: self.create(single, compression="false", replicaCount=1)),
            ("create_snapshot", lambda: self.snapshot(snapshot)),
            ("create_volume_from_snapshot", lambda: self.driver.create_volume_from_snapshot(cloned, snapshot)),
            ("the clone has the settings of its source", lambda: self.is_there(cloned, **want)),
            ("delete_snapshot", lambda: self.delete_snapshot(snapshot)),
            ("delete_volume", lambda: self.delete(volume)),
            ("delete_volume of the clone", lambda: self.delete(cloned)),
            ("delete_volume of the other", lambda: self.delete(single)),
            ("no volume and no snapshot is left", self.other.nothing_left),
        ]


class OtherProject(Cycle):
    title = "in another project"
    project = "tenant"

    def __init__(self, other, witness):
        super().__init__(other, witness)
        self.token = other.cluster_token

    def steps(self):
        volume = new_volume(1, {"lightos:project_name": self.project})
        return [
            ("the project is created", lambda: self.ok("POST", "/api/v2/projects", {"name": self.project})),
            ("do_setup", self.do_setup),
            ("create_volume", lambda: self.driver.create_volume(volume)),
            ("the volume is in the project", lambda: same(
                "projectName", self.other.volume(volume, self.project).get("projectName"), self.project)),
            ("the volume is not in the default project", lambda: same(
                "GET", self.other.volume_status(volume_name(volume))[0], 404)),
            ("delete_volume", lambda: self.driver.delete_volume(volume)),
            ("no volume and no snapshot is left", functools.partial(self.other.nothing_left, self.project)),
            ("the project is deleted", lambda: self.ok("DELETE", f"/api/v2/projects/{self.project}")),
        ]

    def ok(self, method, path, body=None):
        status, answer = self.other.call(method, path, body, self.other.cluster_token)
        expect(status == 200, f"{method} {path}: {status} {answer}")


ALL = (Plain, Faults, StaleETag, ExtraSpecs, OtherProject)
