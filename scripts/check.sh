#!/bin/sh
# What a change has to pass before anything is started: format, vet,
# staticcheck, known vulnerabilities, unit tests with the race detector.
set -eu
cd "$(dirname -- "$0")/.."
GO=${GO:-go}

echo "check: format"
wrong=$("$GO" tool -modfile=tools/format.mod gofumpt -l cmd internal test)
if [ -n "$wrong" ]; then
	printf 'These files are not formatted (go tool -modfile=tools/format.mod gofumpt -w .):\n%s\n' "$wrong" >&2
	exit 1
fi

echo "check: vet"
"$GO" vet ./...
"$GO" vet -tags lab ./...

echo "check: staticcheck"
"$GO" tool -modfile=tools/lint.mod staticcheck -tags lab ./...

sh scripts/vulnerabilities.sh

echo "check: unit tests"
# SQLite is translated from C: the detector knows nothing of its locks, and would
# triple the time of every test with a store.
"$GO" test -race '-gcflags=modernc.org/...=-race=false' -count=1 ./...
