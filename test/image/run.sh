#!/usr/bin/env bash
# Builds the unmodified Dockerfile on a machine without a container engine or an image registry, and tests the image: it
# runs as its own user, passes its health check, writes to /data, and stops on SIGTERM.
# Needs root, Go, and Debian's buildah, busybox-static, iproute2 and jq.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=${VERSION:-unknown}
image=localhost/storagesim
uid=65532

scratch=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || true; fi
    # The containers and images of this run are in this directory too.
    rm -rf "$scratch"
}
trap finish EXIT

# The isolation chroot needs no namespaces or cgroups, and the driver vfs needs no overlay mounts, but copies files.
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
cat >"$scratch/storage.conf" <<CONF
[storage]
driver = "vfs"
graphroot = "$scratch/storage"
runroot = "$scratch/run"
CONF
export CONTAINERS_STORAGE_CONF=$scratch/storage.conf

say() { printf 'image: %s\n' "$*"; }

# A replacement for the image that FROM names: a shell, and the variables of the official image. The Go toolchain and
# caches of this machine are mounted during the build, so that nothing is copied, downloaded or compiled twice.
base=$(awk 'toupper($1) == "FROM" { print $2; exit }' Dockerfile)
say "making a base named $base from $(go version)"
root=$(buildah from scratch)
mount=$(buildah mount "$root")
mkdir -p "$mount/bin" "$mount/etc/ssl/certs" "$mount/root" "$mount/tmp" "$mount/go" "$mount/usr/local/go"
chmod 1777 "$mount/tmp"
cp /bin/busybox "$mount/bin/busybox"
for applet in sh mkdir chmod cp ls cat rm; do ln -s busybox "$mount/bin/$applet"; done
cp /etc/ssl/certs/ca-certificates.crt "$mount/etc/ssl/certs/"
echo 'root:x:0:0:root:/root:/bin/sh' >"$mount/etc/passwd"
buildah unmount "$root" >/dev/null
buildah config --workingdir /go \
    --env GOPATH=/go --env GOTOOLCHAIN=local --env GOPROXY="$(go env GOPROXY)" --env GOSUMDB="$(go env GOSUMDB)" \
    --env PATH=/go/bin:/usr/local/go/bin:/usr/bin:/bin "$root"
buildah commit --quiet --rm "$root" "localhost/$base" >/dev/null

say "building version $version from the Dockerfile"
mkdir -p "$(go env GOMODCACHE)" "$(go env GOCACHE)"
# The OCI format has no health check, so the docker format is used.
buildah bud --quiet --pull-never --format docker --build-arg "VERSION=$version" --tag "$image" \
    --volume "$(go env GOROOT):/usr/local/go:ro" \
    --volume "$(go env GOMODCACHE):/go/pkg/mod" \
    --volume "$(go env GOCACHE):/root/.cache/go-build" \
    . >/dev/null

config() { buildah inspect --type image "$image" | jq --raw-output --compact-output ".Docker.config$1"; }
expect() {
    if [ "$2" != "$3" ]; then
        say "$1 is '$2', want '$3'" >&2
        exit 1
    fi
}
expect User "$(config .User)" "$uid:$uid"
expect Entrypoint "$(config .Entrypoint)" '["/simulator"]'
expect Volumes "$(config .Volumes)" '{"/data":{}}'
expect ExposedPorts "$(config .ExposedPorts)" '{"8080/tcp":{},"8443/tcp":{}}'
expect Healthcheck "$(config .Healthcheck.Test)" '["CMD","/simulator","healthcheck"]'
mapfile -t environment < <(config '.Env[]')

container=$(buildah from --pull-never "$image")
root=$(buildah mount "$container")
expect 'the owner and mode of /data' "$(stat -c %u:%g:%a "$root/data")" "$uid:0:775"
expect 'the mode of /tmp' "$(stat -c %a "$root/tmp")" 1777
expect 'the content of the image' "$(find "$root" -type f | sed "s#^$root##" | grep -vE '^/(etc/(hosts|resolv.conf)|run/.*)$')" /simulator
if ldd "$root/simulator" >/dev/null 2>&1; then
    say 'the binary is not static' >&2
    exit 1
fi

# Commands run in a network namespace of their own, so that the image's ports are free, with the image's user and
# environment, in a file system that has only the image. Each step uses exec, so that the started process becomes the
# simulator.
inside=(unshare --net -- "$scratch/enter")
cat >"$scratch/enter" <<ENTER
#!/bin/sh
set -eu
ip link set lo up
exec env -i ${environment[@]@Q} chroot --userspec=$uid:$uid "$root" "\$@"
ENTER
chmod +x "$scratch/enter"

start() {
    mkfifo "$scratch/ready"
    "${inside[@]}" /simulator >"$scratch/ready" 2>"$scratch/server.log" &
    server=$!
    exec 3<"$scratch/ready"
    rm "$scratch/ready"
    if ! read -r -t 30 ready <&3; then
        say 'no ready line within 30 s; the log:' >&2
        cat "$scratch/server.log" >&2
        exit 1
    fi
    say "ready: $ready"
}
stop() {
    kill -TERM "$server"
    local status=0
    wait "$server" || status=$?
    server=
    if [ "$status" -ne 0 ]; then
        say "the exit status after SIGTERM is $status; the log:" >&2
        cat "$scratch/server.log" >&2
        exit 1
    fi
}

start
expect 'the process runs as' "$(stat -c %u "/proc/$server")" "$uid"
if ! nsenter --target "$server" --net env -i "${environment[@]}" chroot --userspec="$uid:$uid" "$root" /simulator healthcheck; then
    say 'the health check failed; the log:' >&2
    cat "$scratch/server.log" >&2
    exit 1
fi
say 'the health check succeeds'
stop
say 'SIGTERM: exit 0'
if [ -z "$(find "$root/data" -type f -user "$uid")" ]; then
    say 'nothing was written to /data' >&2
    exit 1
fi

# Start again on the same data.
start
stop
if "${inside[@]}" /simulator healthcheck 2>/dev/null; then
    say 'the health check succeeds although the simulator does not run' >&2
    exit 1
fi
say 'started again on the same /data; the health check fails after the stop'

# The subcommands that need a temporary directory, and a start without kept data.
"${inside[@]}" /simulator scenario check stale-etag-race >/dev/null
"${inside[@]}" /simulator scenario run stale-etag-race >/dev/null
timeout --preserve-status --signal=TERM 5 "${inside[@]}" /simulator --data= >/dev/null 2>"$scratch/server.log" || {
    say 'a start without data failed; the log:' >&2
    cat "$scratch/server.log" >&2
    exit 1
}
say 'scenario and a start on temporary data work'

# A user ID that the platform chooses, with group 0, on a new volume.
rm -rf "${root:?}"/data/*
timeout --preserve-status --signal=TERM 5 unshare --net -- sh -c 'ip link set lo up; exec "$@"' sh \
    env -i "${environment[@]}" chroot --userspec=1000650000:0 "$root" /simulator >/dev/null 2>"$scratch/server.log" || {
    say 'a start as user 1000650000 failed; the log:' >&2
    cat "$scratch/server.log" >&2
    exit 1
}
say 'runs as any user of group 0'

say "$(stat -c %s "$root/simulator") bytes of binary, $(du -sb --exclude=data "$root" | cut -f 1) bytes of image"
