#!/usr/bin/env bash
# Tests write to directories of their own, never into the tree.
#
#   hack/clean-tree.sh COMMAND...   runs it, and fails also when it leaves new files here; with
#                                   CI=true also when it changes some
#   hack/clean-tree.sh              fails when files lie here that .gitignore hides and no
#                                   build makes
set -euo pipefail

if ! git rev-parse --git-dir >/dev/null 2>&1; then
	echo "no git checkout: what is left in the tree is not checked" >&2
	[ $# = 0 ] || exec "$@"
	exit 0
fi

# files are those that git does not hold as they are, but for what builds and runs write. A
# person's own git excludes hide nothing from it.
files() {
	git -c core.excludesFile=/dev/null status --porcelain --untracked-files=all --ignored |
		{ grep -vE "^!! (bin|results|\.cache)/" || true; } | { grep -E "$1" || true; } | sort
}

if [ $# = 0 ]; then
	left=$(files '^!!')
	cure="remove them, and mend what has written them"
else
	watched='^(\?\?|!!)'
	[ "${CI:-}" != true ] || watched=''
	before=$(mktemp)
	trap 'rm -f "$before"' EXIT
	files "$watched" >"$before"
	"$@"
	left=$(files "$watched" | comm -13 "$before" -)
	cure="let what has written them use a directory of its own, as of t.TempDir()"
fi
if [ -n "$left" ]; then
	printf '%s\nfiles are left in the tree: %s\n' "$left" "$cure" >&2
	exit 1
fi
