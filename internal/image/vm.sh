#!/bin/sh
# vm.sh VIEW FILES USER LIMITS PROGRAM…: runs PROGRAM as the unprivileged USER (a
# number) where it sees /usr, read-only, and FILES at /vm, and nothing else of this
# machine. It runs in namespaces of its own (mount, pid, net, ipc, uts); this shell stays
# their process 1, so that everything ends with it.
set -eu
umask 022
view=$1 files=$2 user=$3 limits=$4
shift 4
mount -t tmpfs -o nosuid,mode=0755,size=4m view "$view"
mkdir "$view/usr" "$view/etc" "$view/proc" "$view/dev" "$view/vm" "$view/old" "$view/tmp"
for dir in bin sbin lib lib32 lib64 libx32; do
	if [ -L "/$dir" ]; then
		ln -s "$(readlink "/$dir")" "$view/$dir"
	elif [ -d "/$dir" ]; then
		mkdir "$view/$dir"
		mount --bind "/$dir" "$view/$dir"
		mount -o remount,bind,ro,nosuid,nodev "$view/$dir"
	fi
done
mount --bind /usr "$view/usr"
mount -o remount,bind,ro,nosuid,nodev "$view/usr"
[ ! -e /etc/ld.so.cache ] || cp /etc/ld.so.cache "$view/etc/"
mount --bind "$files" "$view/vm"
mount -o remount,bind,nosuid,nodev,noexec "$view/vm"
mount -t proc -o nosuid,nodev,noexec proc "$view/proc"
for device in "null 1 3" "zero 1 5" "random 1 8" "urandom 1 9"; do
	# shellcheck disable=SC2086
	set -- $device "$@"
	mknod -m 666 "$view/dev/$1" c "$2" "$3"
	shift 3
done
if [ -c /dev/kvm ]; then
	mknod -m 600 "$view/dev/kvm" c 10 232
	chown "$user" "$view/dev/kvm"
fi
cd "$view"
pivot_root . old
umount -l /old
rmdir /old
mount -o remount,ro /
status=0
# shellcheck disable=SC2086
prlimit $limits setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \
	--bounding-set=-all --inh-caps=-all -- "$@" </dev/null || status=$?
exit $status
