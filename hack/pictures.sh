#!/usr/bin/env bash
# Pictures of pages for README and docs, of real runs: docs/pictures/NAME-SCHEME.png.
#
#   hack/pictures.sh RESULTS   runs whose directories are missing below RESULTS are made first
set -euo pipefail
results=${1:?usage: hack/pictures.sh RESULTS}
cd "$(dirname "$0")/.."
pictures=docs/pictures
mkdir -p "$results" "$pictures"
results=$(cd "$results" && pwd)
sample='ipblock-*,isolation-*,peer-pod*,port-named*,update-*'

# run NAME CODE COMMAND... makes the result directory NAME, unless it is there. CODE is what the
# command must end with: an engine that does nothing must fail.
run() {
	local name=$1 want=$2 code=0
	shift 2
	if [ ! -f "$results/$name/summary.json" ]; then
		rm -rf "${results:?}/$name"
		"$@" --out "$results/$name" || code=$?
		[ "$code" = "$want" ] || { echo "pictures: $name ended with exit code $code, want $want" >&2; exit 1; }
	fi
	bin/netassay report page "$results/$name"
}

# shot NAME HASH HEIGHT PICTURE [NAME2] takes a picture of a page, light and dark.
shot() {
	local name=$1 hash=$2 height=$3 picture=$4 scheme dark
	for scheme in light dark; do
		dark=()
		[ "$scheme" = light ] || dark=(--force-dark-mode --blink-settings=preferredColorScheme=0)
		chromium --headless --no-sandbox --disable-gpu --hide-scrollbars "${dark[@]}" --window-size="1200,$height" --virtual-time-budget=4000 \
			--screenshot="$pictures/$picture-$scheme.png" "file://$results/$name/report.html$hash" 2>/dev/null
	done
}

run pass 0 bin/netassay conformance --case "$sample"
run fail 1 bin/netassay conformance --case "$sample" --engine none
run scale 0 make scale-smoke-engines
shot pass '' 1000 pass
shot fail '' 1000 fail
shot scale '' 1400 scale
