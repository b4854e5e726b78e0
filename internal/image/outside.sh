#!/bin/sh
# outside.sh ROOT TREE PROGRAM…: runs PROGRAM of ROOT, which it sees read-only,
# with TREE at /run/tree: nothing of TREE is ever run. It runs in namespaces of its own
# (mount, pid, net, ipc, uts): everything ends with the first process.
set -eu
umask 022
root=$1
tree=$2
shift 2
mount --bind "$root" "$root"
# Programs that a program of ROOT would look for in TREE.
mount --bind "$root/usr/bin/true" "$root/usr/lib/systemd/systemd-sysv-install"
mount -o remount,bind,ro "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o nosuid,nodev,noexec,mode=0755 run "$root/run"
mkdir "$root/run/old" "$root/run/tree"
mount --bind "$tree" "$root/run/tree"
mount -o remount,bind,nosuid,nodev,noexec "$root/run/tree"
mount -t tmpfs -o nosuid,mode=0755,size=1m dev "$root/dev"
mknod -m 666 "$root/dev/null" c 1 3
cd "$root"
pivot_root . run/old
umount -l /run/old
rmdir /run/old
caps=-all,+chown,+dac_override,+fowner
exec setpriv --bounding-set "$caps" --inh-caps=-all -- "$@"
