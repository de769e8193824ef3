#!/usr/bin/env bash
# Runs the tests of the sandbox and the lab a second time as root in the place of an
# unprivileged user, who has root's rights only in a user namespace. Somebody who is not
# root has run them so already: "make test" enters a user namespace by itself.
#
#   hack/test-rootless.sh DIRECTORY   where the Kubernetes programs are
set -euo pipefail
if [ "$(id -u)" != 0 ]; then
	echo "not root: make test has run these tests without root already"
	exit 0
fi

# The user can't be expected to read root's cache.
assets=$(mktemp -d)
trap 'rm -rf "$assets"' EXIT
cp -L "$1"/* "$assets"
chmod -R a+rX "$assets"

NETASSAY_TEST_UID=1000 KUBEBUILDER_ASSETS=$assets \
	go test -count=1 ./internal/sandbox ./clusters/lab/...
