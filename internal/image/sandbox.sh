#!/bin/sh
# sandbox.sh ROOT REPO POOL PROGRAM…: runs PROGRAM with ROOT as all it sees, and
# REPO (may be empty) with POOL below /run/quarry, read-only. It runs in namespaces of
# its own (mount, pid, net, ipc, uts): everything ends with the first process.
set -eu
umask 022
root=$1 repo=$2
pool=$3
shift 3
ip link set lo up
hostname localhost
mount --bind "$root" "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o nosuid,nodev,mode=0755 run "$root/run"
mkdir "$root/run/lock" "$root/run/old"
mount -t tmpfs -o nosuid,mode=0755,size=64m dev "$root/dev"
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 666 "$root/dev/zero" c 1 5
mknod -m 666 "$root/dev/full" c 1 7
mknod -m 666 "$root/dev/random" c 1 8
mknod -m 666 "$root/dev/urandom" c 1 9
mkdir -m 1777 "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
if [ -n "$repo" ]; then
	mkdir "$root/run/quarry"
	mount --bind "$repo" "$root/run/quarry"
	mount --bind "$pool" "$root/run/quarry/pool"
	mount -o remount,bind,ro "$root/run/quarry"
	mount -o remount,bind,ro "$root/run/quarry/pool"
fi
cd "$root"
pivot_root . run/old
umount -l /run/old
rmdir /run/old
caps=-all,+chown,+dac_override,+dac_read_search,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+setfcap,+net_bind_service,+sys_chroot,+audit_write
exec setpriv --bounding-set "$caps" --inh-caps=-all -- "$@"
