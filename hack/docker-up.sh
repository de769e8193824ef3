#!/usr/bin/env bash
# Makes sure that a Docker daemon answers. One that answers already is left as it is. On
# Debian and Ubuntu, as root, one is installed and started otherwise: by systemd where that
# runs, else by hand with all that it keeps in one directory, and with a runtime that leaves
# out CAP_SYS_RESOURCE where the machine lacks it. hack/docker-down.sh undoes it.
set -euo pipefail
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
state=/var/lib/netassay/docker
instances=1024 # of inotify: each node runs a systemd, a kubelet and a containerd

say() { echo "docker: $*" >&2; }
die() {
	say "$*"
	exit 1
}
answers() { command -v docker >/dev/null && timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# Writes down, once, what a setting of the kernel was before.
remember() {
	local name=$1
	grep -qs "^$name=" "$state/before" || echo "$name=$(sysctl -n "$name")" >>"$state/before"
}

# Writes down, once, which tables there were, and what became of forwarded packets.
remember_firewall() {
	[ ! -e "$state/$1.tables" ] || return 0
	"$1-save" | sed -n 's/^\*//p' >"$state/$1.tables"
	"$1-save" | sed -n 's/^:FORWARD \([A-Z]*\) .*/\1/p' | head -1 >"$state/$1.forward"
}

# Writes down, once, which of the directories that dockerd makes outside of its own are new.
remember_directories() {
	[ ! -e "$state/directories" ] || return 0
	local directory
	for directory in /etc/docker /run/docker /run/containerd; do
		[ -e $directory ] || echo $directory
	done >"$state/directories"
}

# A 3-node cluster needs more inotify instances than the kernel allows by default.
raise_inotify() {
	local name=fs.inotify.max_user_instances
	if (($(sysctl -n $name) >= instances)) || [ "$(id -u)" != 0 ]; then
		return
	fi
	mkdir -p "$state"
	remember $name
	sysctl -qw $name=$instances
}

install_docker() {
	if command -v dockerd >/dev/null && command -v docker >/dev/null; then
		return
	fi
	command -v apt-get >/dev/null || die "no Docker daemon answers, and this is no Debian or Ubuntu: start one"
	local log
	log=$(mktemp)
	say "installing docker.io"
	export DEBIAN_FRONTEND=noninteractive
	if ! { (apt-get install -y --no-install-recommends docker.io ||
		(apt-get update && apt-get install -y --no-install-recommends docker.io)) &&
		(command -v docker || apt-get install -y --no-install-recommends docker-cli); } >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		die "apt-get could not install docker.io: mend that, then run this again"
	fi
	rm -f "$log"
}

# Reports whether this machine's processes may have CAP_SYS_RESOURCE, which is bit 24.
may_have_sys_resource() {
	local bounding
	bounding=$(sed -n 's/^CapBnd:\t//p' /proc/self/status)
	((0x$bounding >> 24 & 1))
}

configure() {
	local runtime=""
	if ! may_have_sys_resource; then
		say "this machine lacks CAP_SYS_RESOURCE: containers start without it"
		(cd "$here/.." && CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$state/netassay-runtime" ./hack/docker/runtime)
		runtime=",
  \"default-runtime\": \"netassay\",
  \"runtimes\": {\"netassay\": {\"path\": \"$state/netassay-runtime\"}}"
	fi
	cat >"$state/daemon.json" <<JSON
{
  "data-root": "$state/data",
  "exec-root": "/run/netassay-docker",
  "pidfile": "$state/dockerd.pid",
  "hosts": ["unix:///var/run/docker.sock"],
  "oom-score-adjust": 0$runtime
}
JSON
}

start_by_hand() {
	mkdir -p "$state"
	configure
	remember net.ipv4.ip_forward
	remember_firewall iptables
	remember_firewall ip6tables
	remember_directories
	say "starting dockerd; its log is $state/dockerd.log"
	setsid dockerd --config-file "$state/daemon.json" >"$state/dockerd.log" 2>&1 </dev/null &
	local pid=$! tries=0
	until answers; do
		if ! kill -0 $pid 2>/dev/null || ((++tries > 300)); then
			tail -5 "$state/dockerd.log" >&2
			die "dockerd did not start: see $state/dockerd.log"
		fi
		sleep 0.2
	done
}

if answers; then
	raise_inotify
	exit 0
fi
[ -z "${DOCKER_HOST:-}" ] || die "no Docker daemon answers at DOCKER_HOST=$DOCKER_HOST: start it, or unset DOCKER_HOST"
[ "$(id -u)" = 0 ] || die "no Docker daemon answers: start one, or run this as root"
running=$(pgrep -x dockerd || true)
[ -z "$running" ] || die "dockerd runs as process $running but does not answer: wait, or mend it"
install_docker
raise_inotify
if [ -d /run/systemd/system ]; then
	mkdir -p "$state"
	touch "$state/systemd"
	systemctl start docker
	answers || die "systemd started Docker, but it does not answer: see journalctl -u docker"
else
	start_by_hand
fi
say "Docker $(docker version --format '{{.Server.Version}}') answers; make docker-down undoes this"
