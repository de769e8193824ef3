#!/usr/bin/env bash
# Undoes what hack/docker-up.sh did, and nothing else: stops the daemon that it started, with
# its containers, images and networks, and sets the kernel's settings and firewall back. A
# Docker that ran before is not touched. Packages stay installed.
set -euo pipefail
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
state=/var/lib/netassay/docker

say() { echo "docker: $*" >&2; }

# Waits until a process has ended, 30 s at most.
await_end() {
	local tries=0
	while kill -0 "$1" 2>/dev/null; do
		((++tries <= 150)) || return 1
		sleep 0.2
	done
}

# The id of the daemon that docker-up started, if it runs.
ours() {
	local pid
	pid=$(cat "$state/dockerd.pid" 2>/dev/null) || return 1
	tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "--config-file $state/daemon.json" || return 1
	echo "$pid"
}

# Stops the daemon after its containers, so that their cgroups, mounts and bridges go.
stop() {
	local pid containers
	pid=$(ours) || return 0
	say "stopping dockerd, which docker-up started"
	export DOCKER_HOST=unix:///var/run/docker.sock
	containers=$(docker ps -aq)
	# shellcheck disable=SC2086 # one word per container
	[ -z "$containers" ] || docker rm -f -v $containers >/dev/null
	docker network prune -f >/dev/null
	kill "$pid"
	await_end "$pid" || {
		say "dockerd does not end: killing it"
		kill -9 "$pid"
		await_end "$pid"
	}
	ip link delete docker0 2>/dev/null || true
}

# Removes a directory of ours and what is still mounted below it.
remove() {
	local mount
	while read -r mount; do
		umount "$mount"
	done < <(cut -d' ' -f2 /proc/mounts | grep -E "^$1(/|\$)" | sort -r)
	rm -rf "$1"
}

# Removes the directories that dockerd made where there were none.
remove_directories() {
	[ -e "$state/directories" ] || return 0
	local directory
	while read -r directory; do
		remove "$directory"
	done <"$state/directories"
}

# Takes Docker's chains, and the rules that name them or its bridges, out of one table.
clean_table() {
	local program=$1 table=$2 forward rules family=ip
	rules=$("$program-save" -t "$table" 2>/dev/null | grep -vE '^#|DOCKER|docker0|br-[0-9a-f]{12}') || return 0
	forward=$(cat "$state/$program.forward")
	if [ "$table" = filter ]; then
		rules=$(sed "s/^:FORWARD [A-Z]* /:FORWARD ${forward:-ACCEPT} /" <<<"$rules")
	fi
	"$program-restore" <<<"$rules"
	# A table that was not there before, and has no rules now, goes.
	[ "$program" = iptables ] || family=ip6
	if ! grep -qx "$table" "$state/$program.tables" && ! grep -q '^-A' <<<"$rules"; then
		nft delete table $family "$table" 2>/dev/null || true
	fi
}

# Only tables that are there are looked at: iptables-save makes those that it is asked for.
restore_firewall() {
	local program table
	for program in iptables ip6tables; do
		[ -e "$state/$program.tables" ] || continue
		for table in $("$program-save" | sed -n 's/^\*//p'); do
			clean_table "$program" "$table"
		done
	done
}

restore_settings() {
	[ -e "$state/before" ] || return 0
	local line
	while read -r line; do
		sysctl -qw "$line"
	done <"$state/before"
}

if [ ! -d "$state" ]; then
	exit 0
fi
if [ "$(id -u)" != 0 ]; then
	say "docker-up ran as root: run this as root"
	exit 1
fi
if [ -e "$state/systemd" ]; then
	systemctl stop docker.socket docker
else
	stop
	restore_firewall
	remove_directories
fi
restore_settings
remove /run/netassay-docker
remove $state
rmdir "$(dirname $state)" 2>/dev/null || true # there may be more of it
say "what docker-up did is undone; packages stay installed"
