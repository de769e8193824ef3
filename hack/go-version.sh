#!/usr/bin/env bash
# Says in one line what is wrong with the Go toolchain, if anything is.
set -euo pipefail
want=$(sed -n 's/^go //p' go.mod)
if ! command -v go >/dev/null; then
	echo "netassay: no go command in PATH: install Go $want or newer from https://go.dev/dl" >&2
	exit 1
fi
have=$(GOTOOLCHAIN=local go env GOVERSION)
if [ "$(printf '%s\n' "go$want" "$have" | sort -V | head -n 1)" = "go$want" ]; then
	exit 0
fi
# An older Go fetches the right one by itself, unless it was told not to.
if ! GOFLAGS='' go version >/dev/null 2>&1 || [ "$(go env GOTOOLCHAIN)" = local ]; then
	echo "netassay: $have is too old: install Go $want or newer from https://go.dev/dl" >&2
	exit 1
fi
