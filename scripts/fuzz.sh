#!/bin/sh
# Runs every fuzz target with some inputs each (2000x), or for a while (10m):
# scripts/fuzz.sh [INPUTS|TIME]. Little of it goes into making inputs small,
# which could take all of the time.
set -eu
budget=${1:-2000x}
cd "$(dirname -- "$0")/.."
grep -rEl --include='*_test.go' '^func Fuzz' . | while read -r file; do
	sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | while read -r target; do
		echo "fuzz $(dirname -- "$file") $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$budget" -fuzzminimizetime 10x "$(dirname -- "$file")" </dev/null
	done
done
