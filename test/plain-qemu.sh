#!/bin/sh
# Starts one QEMU for each image at once, as anybody would by hand, and prints
# the seconds until the last of them answers ssh:
#
#   test/plain-qemu.sh MEMORY_MIB IMAGE_FOLDER...
#
# The images are Quarry's own, in the same kind of overlay, on the same machine
# type and processor. The disks get what Quarry's guest program would bring:
# a host key and an address. Ends what it started, at the latest after 5 minutes.
set -eu
memory=$1
shift
work=$(mktemp -d)
pids=
cleanup() {
	for pid in $pids; do kill "$pid" 2>/dev/null || true; done
	rm -rf "$work"
}
trap cleanup EXIT INT TERM

ssh-keygen -q -t ed25519 -N '' -f "$work/key"
cat >"$work/address.service" <<'UNIT'
[Unit]
DefaultDependencies=no
Before=network.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'ip link set eth0 up; ip address add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2'
[Install]
WantedBy=multi-user.target
UNIT
n=0
for image in "$@"; do
	n=$((n + 1))
	cp --sparse=always "$image/disk.raw" "$work/$n.raw"
	debugfs -w -f - "$work/$n.raw" >/dev/null 2>&1 <<-COMMANDS
		write $work/key /etc/ssh/ssh_host_ed25519_key
		set_inode_field /etc/ssh/ssh_host_ed25519_key mode 0100600
		write $work/address.service /etc/systemd/system/address.service
		symlink /etc/systemd/system/multi-user.target.wants/address.service /etc/systemd/system/address.service
		symlink /etc/systemd/system/multi-user.target.wants/ssh.service /usr/lib/systemd/system/ssh.service
		rm /etc/systemd/system/multi-user.target.wants/quarry-guest.service
		rm /usr/lib/quarry/guest
	COMMANDS
	qemu-img create -q -f qcow2 -F raw -b "$work/$n.raw" "$work/$n.qcow2" 4G
done

accel='-accel tcg,thread=multi -cpu Nehalem'
[ "${QUARRY_ACCELERATOR:-tcg}" = kvm ] && accel='-accel kvm -cpu host'
begin=$(date +%s%N)
n=0
for image in "$@"; do
	n=$((n + 1))
	arguments=$(sed -n 's/.*"kernelArguments": *"\([^"]*\)".*/\1/p' "$image/manifest.json")
	# Word splitting of the accelerator's options is meant.
	# shellcheck disable=SC2086
	qemu-system-x86_64 -nodefaults -no-user-config -display none -machine pc $accel -smp 1 -m "$memory" \
		-kernel "$image/kernel" -initrd "$image/initrd" -append "$arguments" \
		-drive "file=$work/$n.qcow2,format=qcow2,if=virtio" \
		-netdev "user,id=n,hostfwd=tcp:127.0.0.1:$((22200 + n))-:22" -device virtio-net-pci,netdev=n \
		-device virtio-rng-pci -serial "file:$work/$n.log" &
	pids="$pids $!"
done
for i in $(seq 1 "$n"); do
	until ssh-keyscan -T 10 -t ed25519 -p $((22200 + i)) 127.0.0.1 2>/dev/null | grep -q ssh-ed25519; do
		if [ $(($(date +%s%N) - begin)) -gt 300000000000 ]; then
			echo "guest $i does not answer ssh; its console ends with:" >&2
			tail -n 5 "$work/$i.log" >&2
			exit 1
		fi
	done
done
spent=$((($(date +%s%N) - begin) / 1000000))
printf '%d.%03d\n' $((spent / 1000)) $((spent % 1000))
