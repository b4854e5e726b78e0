#!/bin/sh
# Builds managers with a fault each (test/race/mutants/*.patch), each in a copy
# of what is committed, and expects the race to fail with every one of them.
# A line "test: COMMAND" in a patch runs that instead of the race.
#
#   [RUNS=3] test/race/mutants.sh [PATCH…]
#
# Takes about a minute for each run: not a part of the usual checks.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -gt 0 ] || set -- "$root"/test/race/mutants/*.patch
race='go test -count=1 -timeout 10m -tags lab -run ThousandClients ./test/race'
survived=0
dir=
trap 'rm -rf "$dir"' EXIT
for patch in "$@"; do
	name=$(basename "$patch" .patch)
	dir=$(mktemp -d)
	git -C "$root" archive HEAD | tar -x -C "$dir"
	git -C "$dir" apply --whitespace=nowarn "$(realpath "$patch")"
	make -s -C "$dir" build
	run=$(sed -n 's/^test: //p' "$patch")
	found=
	for n in $(seq "${RUNS:-3}"); do
		if ! (cd "$dir" && ${run:-$race}) >"$dir/out" 2>&1; then
			found=$n
			break
		fi
	done
	if [ -n "$found" ]; then
		echo "$name: found in run $found"
		grep -E '_test.go:[0-9]+: |the checker says' "$dir/out" | grep -vE ': ([0-9]+m)?[0-9]+s: |what was answered|the end of' | head -n 3 | cut -c1-160
	else
		echo "$name: NOT FOUND in ${RUNS:-3} runs"
		survived=1
	fi
	rm -rf "$dir"
done
exit $survived
