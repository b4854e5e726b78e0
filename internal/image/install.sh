#!/bin/sh
# Process 1 of a throwaway machine: makes the tree ready and becomes the guest
# program, which does the job.
mount -t devtmpfs -o mode=0755,nosuid dev /dev
mount -t proc proc /proc
for module in $(cat /modules); do insmod "/lib/$module"; done
tries=0
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do
	tries=$((tries + 1))
	[ $tries -gt 600 ] && echo "quarry: no disks after 60 s" && exec poweroff -f
	sleep 0.1
done
mkdir -p /sys
mount -t sysfs sysfs /sys
mount -t ext4 -o noatime,noinit_itable /dev/vda /root || {
	echo "quarry: the disk cannot be mounted"
	exec poweroff -f
}
mount -t proc -o nosuid,nodev,noexec proc /root/proc
mount -t sysfs -o nosuid,nodev,noexec,ro sysfs /root/sys
mount -t devtmpfs -o mode=0755,nosuid dev /root/dev
mount -t tmpfs -o nosuid,nodev,mode=0755 run /root/run
mkdir -p /root/run/lock
exec /guest install
