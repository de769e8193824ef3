#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time each: hack/fuzz.sh 30s
set -euo pipefail
time=${1:?usage: hack/fuzz.sh TIME, e.g. 30s}

grep -rlE '^func Fuzz' --include='*_test.go' . | sort | while read -r file; do
	grep -oE '^func Fuzz[A-Za-z0-9_]*' "$file" | while read -r _ target; do
		echo "--- $target in $(dirname "$file"), $time"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$(dirname "$file")" </dev/null
	done
done
