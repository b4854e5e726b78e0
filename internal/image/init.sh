#!/bin/sh
# PID 1 of the initramfs: finds the disk, hands over to the system on it.
mount -t devtmpfs -o mode=0755,nosuid dev /dev
mount -t proc proc /proc
for module in $(cat /modules); do insmod "/lib/$module"; done
tries=0
until [ -b /dev/vda ]; do
	tries=$((tries + 1))
	[ $tries -gt 600 ] && echo "quarry: no disk /dev/vda after 60 s" && exec poweroff -f
	sleep 0.1
done
mount -t ext4 -o noatime,noinit_itable /dev/vda /root || {
	echo "quarry: the disk cannot be mounted"
	exec poweroff -f
}
# Opening these loads their modules.
mkdir -p /dev/net
mknod -m 666 /dev/net/tun c 10 200
[ -e /dev/fuse ] || mknod -m 666 /dev/fuse c 10 229
mount --move /dev /root/dev
umount /proc
exec switch_root /root /sbin/init
