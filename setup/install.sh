#!/bin/sh
# Installs the Debian packages that Quarry needs to build, run its lab and be
# tested, on Debian 12 or 13 (amd64). Asks nothing, may be repeated, and does
# nothing when nothing is missing. Needs root. Go is not installed: where it is
# missing or too old, this says how to get it.
set -eu
LC_ALL=C.UTF-8
export LC_ALL
go_wanted=1.26
here=$(dirname -- "$0")

fail() {
	printf 'setup: %s\n' "$*" >&2
	exit 1
}
say() { printf 'setup: %s\n' "$*"; }

check_machine() {
	[ -r /etc/os-release ] || fail "this is no Debian machine; Quarry is set up on Debian 12 or 13 (amd64)"
	# shellcheck disable=SC1091
	. /etc/os-release
	codename=${VERSION_CODENAME:-}
	[ "${ID:-}" = debian ] || fail "this is ${PRETTY_NAME:-not Debian}; Quarry is set up on Debian 12 or 13 (amd64)"
	[ "$(dpkg --print-architecture)" = amd64 ] || fail "this machine is no amd64"
}

check_go() {
	PATH=$PATH:/usr/local/go/bin
	how="get it from https://go.dev/doc/install, unpack it to /usr/local/go, and run this again"
	command -v go >/dev/null || fail "Go $go_wanted or newer is needed and there is none: $how"
	have=$(go env GOVERSION 2>/dev/null || true)
	dpkg --compare-versions "${have#go}" ge "$go_wanted" ||
		fail "Go $go_wanted or newer is needed and this is ${have:-unknown}: $how"
}

# Prints the packages that are missing or too old.
missing() {
	installed=$(dpkg-query -W -f '${binary:Package} ${Version} ${db:Status-Status}\n' 2>/dev/null |
		sed -n 's/^\([^ :]*\)[^ ]* \([^ ]*\) installed$/\1 \2/p')
	sed 's/#.*//' "$here/packages" | while read -r name _ least; do
		[ -n "$name" ] || continue
		version=$(printf '%s\n' "$installed" | sed -n "s/^$name //p" | head -n 1)
		if [ -z "$version" ] || { [ -n "$least" ] && ! dpkg --compare-versions "$version" ge "$least"; }; then
			printf '%s\n' "$name"
		fi
	done
}

# On Debian 12 the QEMU and libvirt that we need are in backports, which is on
# the mirror that this machine uses anyway.
add_backports() {
	[ "$codename" = bookworm ] || return 0
	targets=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages')
	case $targets in *" bookworm-backports main"*) return 0 ;; esac
	uri=$(printf '%s\n' "$targets" | sed -n 's/ bookworm main$//p' | head -n 1)
	[ -n "$uri" ] || fail "apt knows no source of Debian 12 (bookworm main): add one to /etc/apt/sources.list.d"
	say "adding $codename-backports of $uri"
	cat >/etc/apt/sources.list.d/quarry-backports.sources <<-SOURCE
		# Made by Quarry's set-up: QEMU and libvirt that run emulated guests.
		Types: deb
		URIs: $uri
		Suites: bookworm-backports
		Components: main
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	SOURCE
	update_lists
}

apt() { apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"; }

# A third party's source that is down does not matter to us.
update_lists() { apt update || say "apt-get update had problems; going on"; }

# The lists say where this machine's packages come from; those of the guests
# come from there too.
ensure_lists() {
	case $(apt-get indextargets --format '$(CODENAME)/$(COMPONENT)' 'Created-By: Packages') in
	*"$codename/main"*) ;;
	*) [ "$(id -u)" != 0 ] || update_lists ;;
	esac
}

install_packages() {
	[ "$(id -u)" = 0 ] || fail "missing: $(echo $1); run this as root (sudo make setup)"
	say "installing $(echo $1)"
	export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
	update_lists
	# Only lists say which source has which release.
	add_backports
	preferences=$(mktemp)
	trap 'rm -f "$preferences"' EXIT
	prefer_backports >"$preferences"
	# Word splitting is meant: a list of package names.
	# shellcheck disable=SC2086
	apt install --no-install-recommends -o Dir::Etc::Preferences="$preferences" $1 ||
		fail "apt-get could not install: $(echo $1)"
}

# From backports come the guests' programs and what belongs to them, and nothing
# that was not asked for, such as a newer systemd.
prefer_backports() {
	[ "$codename" = bookworm ] || return 0
	for source in qemu libvirt seabios; do
		printf 'Package: src:%s\nPin: release n=bookworm-backports\nPin-Priority: 990\n\n' "$source"
	done
}

check_machine
check_go
lacking=$(missing)
[ -z "$lacking" ] || install_packages "$lacking"
ensure_lists
still=$(missing)
[ -z "$still" ] || fail "still missing or too old: $(echo $still)"
