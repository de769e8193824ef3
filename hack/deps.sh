#!/usr/bin/env bash
# Makes sure that the programs that labs and tests call are there. Installs them where that
# can be done without asking (root on Debian or Ubuntu); says what to install elsewhere.
# Arguments are more of them, as PROGRAM:PACKAGE.
set -euo pipefail
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# program package
need=(
	"iptables iptables"
	"ip6tables iptables"
	"ipset ipset"
	"ip iproute2"
	"nft nftables"
	"conntrack conntrack"
	"${@/:/ }"
)

packages=""
for row in "${need[@]}"; do
	read -r program package <<<"$row"
	if ! command -v "$program" >/dev/null && [[ " $packages " != *" $package "* ]]; then
		packages+=" $package"
	fi
done
if [ -z "$packages" ]; then
	exit 0
fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "installing$packages" >&2
	export DEBIAN_FRONTEND=noninteractive
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	# shellcheck disable=SC2086 # one word per package
	if (apt-get update && apt-get install -y --no-install-recommends $packages) >"$log" 2>&1; then
		exit 0
	fi
	cat "$log" >&2
	echo "netassay: apt-get could not install$packages: mend that, then run this again" >&2
	exit 1
fi
echo "netassay: missing programs: install$packages (Debian: sudo apt-get install$packages)" >&2
exit 1
