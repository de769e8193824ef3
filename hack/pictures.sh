#!/usr/bin/env bash
# Pictures of pages, for README and docs: docs/pictures/NAME-light.png and NAME-dark.png.
#
#   hack/pictures.sh RESULTS   result directories that are missing below RESULTS come from runs on a
#                              lab, which take some ten minutes on a quiet machine
set -euo pipefail
results=${1:?usage: hack/pictures.sh RESULTS}
cd "$(dirname "$0")/.."
pictures=docs/pictures
mkdir -p "$results" "$pictures"
results=$(cd "$results" && pwd)

# run NAME CODE COMMAND... makes the result directory NAME, unless it is there, and its page. CODE
# is what the command has to end with: an engine that fails cases must.
run() {
	local name=$1 want=$2 code=0
	shift 2
	if [ ! -f "$results/$name/summary.json" ]; then
		rm -rf "${results:?}/$name"
		"$@" --out "$results/$name" || code=$?
		if [ "$code" != "$want" ]; then
			echo "pictures: $name ended with exit code $code, want $want" >&2
			exit 1
		fi
	fi
	bin/netassay report page "$results/$name"
}

# shot NAME HASH HEIGHT PICTURE takes a picture of a page, in light and dark colours.
shot() {
	local name=$1 hash=$2 height=$3 picture=$4 scheme dark
	for scheme in light dark; do
		dark=()
		[ "$scheme" = light ] || dark=(--blink-settings=preferredColorScheme=0)
		chromium --headless --no-sandbox --disable-gpu --hide-scrollbars "${dark[@]}" --window-size="1200,$height" \
			--virtual-time-budget=4000 --screenshot="$pictures/$picture-$scheme.png" "file://$results/$name/report.html$hash" 2>/dev/null
		pngquant --force --skip-if-larger --strip --ext .png 192 "$pictures/$picture-$scheme.png" || true # 98 and 99: it is small already
		ls -s --block-size=1K "$pictures/$picture-$scheme.png"
	done
}

run pass 0 bin/netassay conformance --case 'ipblock-*,update-*,isolation-*,port-named*,peer-pod*'
run fail 1 bin/netassay conformance --engine kube-router --ip-family ipv4 --case 'ipblock-e*,isolation-*,port-named*,peer-pod*,update-*,udp-*,life-*'
run scale 0 bin/netassay scale --engine reference,kube-router,leaky-300ms --ip-family ipv4 \
	--profile "headline families=ipv4" --nodes 20 --pods 1000 --policies 50 --namespaces 10 --local-pods 10 --cidrs 1000 --samples 12 --new-pods 5 \
	--skip cycles --churn-rates 10 --churn-for 5s --pod-churn-for 5s --bounds none --max-foreign 1 --max-missed 0.9 --max-blind 1s --max-void 0.9

run same 0 bin/netassay conformance --ip-family ipv4 --case 'ipblock-e*,isolation-*,port-named*,peer-pod*,update-*,udp-*,life-*'
mkdir -p "$results/compare"
bin/netassay report compare "$results/same" "$results/fail" --out "$results/compare/report.html"

shot pass '' 1180 pass
shot fail '' 1660 fail
shot scale '' 1560 scale
shot compare '' 1840 compare

# The trend is of invented nights, whose changes are known: nobody waits a month for a picture.
mkdir -p "$results/trend"
NETASSAY_KEEP_PAGE=$results/trend/report.html go test -count=1 -run '^TestPageOfKnownChanges$' ./reports/trendpage
shot trend '' 1150 trend
