#!/usr/bin/env bash
# Puts prometheus and promtool into DIRECTORY, for tests: those of PATH, or those of Debian's
# package, which is unpacked and not installed, so that no service starts and nothing has to be
# undone.
#
#   hack/prometheus.sh DIRECTORY
set -euo pipefail

dir=$1
programs="prometheus promtool"

# have is whether all programs run from there.
have() {
	local program
	for program in $programs; do
		"$dir/$program" --version >/dev/null 2>&1 || return 1
	done
}

if have; then
	exit 0
fi
mkdir -p "$dir"
if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
	for program in $programs; do
		ln -sf "$(command -v "$program")" "$dir/$program"
	done
	exit 0
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
	echo "netassay: missing programs: install prometheus and promtool (https://prometheus.io/download)" >&2
	exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # apt's own user writes to it
cd "$work"
echo "unpacking Debian's prometheus" >&2
if ! apt-get download prometheus >log 2>&1; then
	# The list of packages may be old, or not there.
	if ! { [ "$(id -u)" = 0 ] && apt-get update && apt-get download prometheus; } >>log 2>&1; then
		cat log >&2
		echo "netassay: apt-get could not download prometheus: sudo apt-get update, then run this again" >&2
		exit 1
	fi
fi
dpkg-deb -x prometheus_*.deb root
cd "$OLDPWD"
for program in $programs; do
	install "$work/root/usr/bin/$program" "$dir/$program"
done
have || { echo "netassay: Debian's prometheus does not run here: install prometheus and promtool into PATH" >&2; exit 1; }
