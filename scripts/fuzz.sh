#!/bin/sh
# Runs every fuzz target for a while each: scripts/fuzz.sh [TIME]. Little of it
# goes into making inputs small, which could take all of the time.
set -eu
time=${1:-5s}
cd "$(dirname -- "$0")/.."
grep -rEl --include='*_test.go' '^func Fuzz' . | while read -r file; do
	sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | while read -r target; do
		echo "fuzz $(dirname -- "$file") $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x "$(dirname -- "$file")" </dev/null
	done
done
