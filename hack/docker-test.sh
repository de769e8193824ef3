#!/usr/bin/env bash
# Checks that hack/docker-up.sh starts a Docker in which privileged containers run, that a
# second time is quick and changes nothing, and that hack/docker-down.sh leaves the firewall,
# the kernel's settings, directories, interfaces, mounts and processes as they were. Works in
# namespaces of its own, beside whatever Docker runs on the machine. Needs root and docker.io.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" != inside ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	CGO_ENABLED=0 go build -buildvcs=false -o "$work/image/pause" ./clusters/binaries/_pause
	for rules in "" some; do
		WORK=$work RULES=$rules unshare --mount --net --pid --fork --kill-child --mount-proc "hack/$(basename "$0")" inside
		echo "docker-test: ok, with ${rules:-no} rules in the firewall before"
	done
	exit 0
fi

fail() {
	echo "docker-test: $*" >&2
	exit 1
}

# What there is that docker-down could fail to put back.
state() {
	for f in iptables ip6tables; do $f-save | sed '/^#/d; s/\[.*\]//'; done
	nft list tables
	sysctl net.ipv4.ip_forward fs.inotify.max_user_instances
	ls -d /etc/docker /run/* /var/lib/netassay/* 2>/dev/null || true
	ip -brief link | awk '{ print $1 }'
	cut -d' ' -f2 /proc/mounts
}

# Hides the machine's own Docker: its mounts, sockets and settings.
mount --make-rprivate /
cut -d' ' -f2 /proc/mounts | grep -E '^(/var)?/run/(docker|netassay-docker)|^/var/lib/netassay' | sort -r | xargs -r umount -l
mount -t tmpfs run /run
mkdir -p /run/lock /var/lib/netassay
mount -t tmpfs lib /var/lib/netassay
rm -rf "$WORK/etc"
cp -a /etc "$WORK/etc"
rm -rf "$WORK/etc/docker"
mount --bind "$WORK/etc" /etc
ip link set lo up
unset DOCKER_HOST
if [ -n "$RULES" ]; then
	iptables -P FORWARD DROP
	iptables -A FORWARD -s 192.0.2.0/24 -j DROP
	ip6tables -t nat -A POSTROUTING -s 2001:db8::/32 -j MASQUERADE
fi

state >"$WORK/before"
hack/docker-up.sh
pid=$(cat /var/lib/netassay/docker/dockerd.pid)
start=${EPOCHREALTIME/./}
hack/docker-up.sh
took=$(((${EPOCHREALTIME/./} - start) / 1000))
((took < 3000)) || fail "docker-up took $took ms when there was nothing to do"
[ "$pid" = "$(cat /var/lib/netassay/docker/dockerd.pid)" ] || fail "docker-up started another dockerd"
tar -C "$WORK/image" -c . | docker import - tiny >/dev/null
docker network create some >/dev/null
docker run -d --privileged --net some --name one tiny /pause >/dev/null
docker exec -d --privileged one /pause
[ "$(docker top one | grep -c /pause)" = 2 ] || fail "a privileged container does not run its processes"
hack/docker-down.sh
state >"$WORK/after"
diff "$WORK/before" "$WORK/after" || fail "docker-down leaves something else than there was"
! ps -eo comm= | grep -E '^(dockerd|containerd)' || fail "docker-down leaves processes"
hack/docker-down.sh
