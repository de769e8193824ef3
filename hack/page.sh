#!/usr/bin/env bash
# Builds the script and the styles of report.html from reports/page/web.
#
#   hack/page.sh WORK OUT   WORK is where npm may work: a directory that is kept saves time
set -euo pipefail
work=${1:?usage: hack/page.sh WORK OUT}
out=${2:?usage: hack/page.sh WORK OUT}
web=$(cd "$(dirname "$0")/../reports/page/web" && pwd)

mkdir -p "$work" "$out"
out=$(cd "$out" && pwd)
cd "$work"
# Nothing that npm fetches may run while it is installed, and none of it lands in the tree.
if ! cmp -s "$web/package-lock.json" node_modules/.installed; then
	cp "$web/package.json" "$web/package-lock.json" .
	npm ci --ignore-scripts --no-audit --no-fund --prefer-offline
	cp package-lock.json node_modules/.installed
fi
rm -rf src
cp -r "$web/src" "$web/package.json" "$web/tsconfig.json" .
npm run --silent check
npm run --silent build -- "--outdir=$out"
