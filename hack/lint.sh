#!/usr/bin/env bash
# What "make lint" checks besides golangci-lint: modules are tidy, generated files are what
# their generators write, spelling outside of Go files, and no test has left a file here.
#
#   hack/lint.sh MISSPELL   the program, which make builds
set -euo pipefail
misspell=${1:?usage: hack/lint.sh MISSPELL}
failed=0

# fail WHAT CURE says what is wrong, after the lines that show it.
fail() {
	printf 'lint: %s: %s\n' "$1" "$2" >&2
	failed=1
}

for mod in $(git ls-files 'go.mod' '**/go.mod'); do
	dir=$(dirname "$mod")
	go -C "$dir" mod tidy -diff || fail "$mod is not tidy" "go -C $dir mod tidy"
done

# state is each file that git does not hold as it is, with its content.
state() {
	git status --porcelain
	git diff HEAD | sha256sum
}
# docs/scenarios.md is made so. Goldens are not: their tests compare them, and some need root.
before=$(state)
go generate ./...
if [ "$(state)" != "$before" ]; then
	git status --short >&2
	fail "generated files are not what go generate writes" "commit what it has written now"
fi

# "refrence" is what users mistype, in tests of the answer; importas is a linter.
git ls-files -z '*.md' '*.sh' '*.txtar' '*.yaml' '*.yml' Makefile '**/Makefile' .ci/run '*.golden' |
	xargs -0 "$misspell" -error -i refrence,importas || fail "spelling" "correct it"

hack/clean-tree.sh || failed=1
exit "$failed"
