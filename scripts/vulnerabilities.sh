#!/bin/sh
# Looks for known vulnerabilities in what we use, where their database can be
# reached; elsewhere it says so and succeeds.
set -eu
cd "$(dirname -- "$0")/.."
GO=${GO:-go}
echo "check: known vulnerabilities"
if [ -z "${HTTPS_PROXY:-}${https_proxy:-}" ] && ! getent ahosts vuln.go.dev >/dev/null; then
	echo "check: skipped, the database of vulnerabilities (vuln.go.dev) cannot be reached"
	exit 0
fi
out=$(mktemp)
trap 'rm -f "$out"' EXIT
code=0
timeout 120 "$GO" tool -modfile=tools/vulnerabilities.mod govulncheck ./... >"$out" 2>&1 || code=$?
# 3 is govulncheck's "found some"; any other failure is that it could not look.
case $code in
0) ;;
3)
	cat "$out" >&2
	exit 1
	;;
*) echo "check: skipped, the database of vulnerabilities cannot be reached: $(tail -n 1 "$out")" ;;
esac
