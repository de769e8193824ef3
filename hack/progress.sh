#!/usr/bin/env bash
# Shows the progress of a long "go build -v", "go vet" or "go test" compilation: the names
# of packages on standard input become one line every five seconds that counts them;
# everything else passes.
#
#   go build -v ./... 2>&1 | hack/progress.sh WHAT
set -euo pipefail
packages=0 told=$SECONDS
while IFS= read -r line; do
	if [[ $line == *[[:space:]]* || $line != *[a-z]* ]]; then
		printf '%s\n' "$line" >&2
		continue
	fi
	packages=$((packages + 1))
	if ((SECONDS - told >= 5)); then
		told=$SECONDS
		printf '%s: %d packages compiled, %d s\n' "$1" "$packages" "$SECONDS" >&2
	fi
done
if ((packages > 100)); then
	printf '%s: done, %d packages compiled, %d s\n' "$1" "$packages" "$SECONDS" >&2
fi
