#!/bin/sh
# Measures Slurm's controller and Quarry's calendar with the same requests.
#
#   sudo test/peers/slurm-calendar.sh
#
# What is compared: booking a future window for a number of whole nodes, one
# reservation in Slurm ("scontrol create reservation", many of them to each of
# $CLIENTS scontrols, so that starting the program does not count), one admission
# in Quarry ("quarry bench calendar --durable": $QUARRY_CLIENTS clients, each
# waits until its booking is in the store on the disk); and asking when 1,000
# nodes are free for 10 hours ("sbatch --test-only", each a program that is
# started, the time of "scontrol ping" beside it; in Quarry a call). The requests
# are those that "quarry bench calendar --list" shows, with the same ones held
# before; of those that are admitted Slurm gets the first $ADMISSIONS. Quarry
# finds a gateway, a VLAN and disks as well; what its API costs on top is in
# neither the one nor the other. Slurm writes its reservations down later, Quarry
# before it answers.
#
# Needs Debian and root, and Go 1.26 if bin/quarry is not built yet; installs
# slurmctld, slurm-client and munge if they are missing, and leaves them
# installed. Everything runs on loopback, in a folder of its own under $TMPDIR
# that is removed at the end. Takes about six minutes with the defaults.
set -eu
NODES=${NODES:-10000}
HELD=${HELD:-0,1000,3000}
ADMISSIONS=${ADMISSIONS:-200}  # measured in Slurm at each step
QUESTIONS=${QUESTIONS:-50}
CLIENTS=${CLIENTS:-4}
QUARRY_CLIENTS=${QUARRY_CLIENTS:-64}
QUARRY_ADMISSIONS=${QUARRY_ADMISSIONS:-2000}
LIMIT=${LIMIT:-600}            # seconds that filling Slurm up to a step may take

PATH=$PATH:/usr/local/go/bin:/usr/sbin:/sbin
repository=$(cd "$(dirname -- "$0")/../.." && pwd)
quarry=$repository/bin/quarry
dir= munge_pid= slurm_pid= clients= policy=

say() { echo "slurm-calendar: $*" >&2; }
# fail also shows what the controller said last.
fail() {
	say "$*"
	if [ -s "$dir/slurmctld.log" ]; then
		echo "The controller's last lines:" >&2
		tail -n 15 "$dir/slurmctld.log" >&2
	fi
	exit 1
}

leave() {
	status=$?
	trap - EXIT
	trap '' INT TERM
	# timeout hands this on, and sees to it that they do end.
	for pid in $clients $slurm_pid $munge_pid; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || :; done
	[ -z "$policy" ] || rm -f "$policy"
	[ -z "$dir" ] || rm -rf "$dir"
	exit $status
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

install_packages() {
	missing=
	for program in slurmctld:slurmctld scontrol:slurm-client sbatch:slurm-client munged:munge; do
		command -v "${program%%:*}" >/dev/null || missing="$missing ${program##*:}"
	done
	if ! [ -x "$quarry" ]; then
		command -v go >/dev/null || fail "bin/quarry is missing, and Go 1.26 or newer to build it: get it from https://go.dev/doc/install, unpack it to /usr/local/go, and run this again"
		command -v make >/dev/null || missing="$missing make"
		[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
	fi
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null || fail "missing:$missing, and this is no Debian: install them first"
	[ "$(id -u)" = 0 ] || fail "missing:$missing; installing them needs root"
	say "installing$missing"
	# Their own services are not to start: they have no configuration here.
	if ! [ -e /usr/sbin/policy-rc.d ]; then
		policy=/usr/sbin/policy-rc.d
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	apt-get update -qq || say "apt-get update had problems; going on"
	# Word splitting is meant: a list of package names.
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends $missing >&2 ||
		fail "apt-get could not install$missing: is there a mirror in its sources?"
}

install_packages
[ -x "$quarry" ] || { say "building bin/quarry"; make -C "$repository" build >&2; }
# mawk before 1.3.4 has none.
[ "$(awk 'BEGIN { print strftime("%Y", 86400 * 200) }' 2>/dev/null)" = 1970 ] || fail "awk knows no strftime: install mawk or gawk"

dir=$(mktemp -d "${TMPDIR:-/tmp}/slurm-calendar-XXXXXX")
port=$((20000 + $$ % 10000))
mkdir -m 755 "$dir/munge" "$dir/state"
(umask 077; head -c 128 /dev/urandom >"$dir/munge/key")
# Not even when this script is killed do the daemons stay for long.
timeout -k 30 7200 munged --foreground --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munge/pid" \
	--seed-file="$dir/munge/seed" --log-file="$dir/munge/log" >"$dir/munge/out" 2>&1 &
munge_pid=$!

# What is not said here is as Slurm has it by itself. Nodes of the cloud count as
# free without a daemon on each of them.
cat >"$dir/slurm.conf" <<CONF
ClusterName=peer
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
StateSaveLocation=$dir/state
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdSpoolDir=$dir/spool
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
MaxNodeCount=$NODES
SuspendProgram=/bin/true
ResumeProgram=/bin/true
SuspendTime=86400
TreeWidth=65533
NodeName=n[1-$NODES] CPUs=1 State=CLOUD
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$dir/slurm.conf
timeout -k 30 7200 slurmctld -D -f "$SLURM_CONF" >"$dir/slurmctld.log" 2>&1 &
slurm_pid=$!
tries=0
until scontrol ping 2>/dev/null | grep -q UP; do
	tries=$((tries + 1))
	kill -0 "$slurm_pid" 2>/dev/null && [ $tries -lt 60 ] || fail "slurmctld does not come up"
	sleep 1
done

now() { date +%s.%N; }
since() { awk -v from="$1" -v to="$(now)" 'BEGIN { print to - from }'; }
# The calendar of the requests begins tomorrow.
begin=$(($(date +%s) / 86400 * 86400 + 86400))
reservations() { scontrol show reservation -o | grep -c '^ReservationName=' || :; }

# create FILE SECONDS books its requests with $CLIENTS clients at once, and adds
# to made and refused. What does not fit is refused, as in Quarry; all else that
# goes wrong ends this.
create() {
	rm -f "$dir"/part.*
	awk -v begin="$begin" -v clients="$CLIENTS" -v dir="$dir" '{
		print "create reservation reservationname=" $2 " users=root nodecnt=" $5 " duration=" $4 / 60 \
			" starttime=" strftime("%Y-%m-%dT%H:%M:%S", begin + $3) >(dir "/part." NR % clients) }' "$1"
	for part in "$dir"/part.*; do
		timeout -k 30 "$2" scontrol <"$part" >"$part.out" 2>&1 &
		clients="$clients $!"
	done
	# One refusal is enough for scontrol to exit with 1.
	for client in $clients; do wait "$client" || [ $? = 1 ] || fail "scontrol did not end within $2 s, a larger LIMIT (now $LIMIT) allows more: $(tail -n 5 "$dir"/part.?.out)"; done
	clients=
	new=$(cat "$dir"/part.*.out | grep -c '^Reservation created: ') || :
	busy=$(cat "$dir"/part.*.out | grep -c '^Error creating the reservation: Requested nodes are busy') || :
	[ $((new + busy)) = "$(wc -l <"$1")" ] || fail "of $(wc -l <"$1") requests $new were booked, $busy refused, and of the others scontrol says:
$(cat "$dir"/part.*.out | grep -v -e '^scontrol: ' -e '^Reservation created: ' -e 'Requested nodes are busy' | sort | uniq -c | tail -n 10)"
	made=$((made + new)) refused=$((refused + busy))
}

# fill FILE books it a part at a time, to say how far it is.
fill() {
	rm -f "$dir"/fill.*
	split -l 500 "$1" "$dir/fill."
	from=$(now)
	for part in "$dir"/fill.*; do
		[ -s "$part" ] || continue
		left=$(awk -v limit="$LIMIT" -v gone="$(since "$from")" 'BEGIN { printf "%d", limit - gone }')
		[ "$left" -gt 0 ] || fail "$made of $(wc -l <"$1") reservations were made in $LIMIT s; a larger LIMIT allows more time"
		create "$part" "$left"
		say "$held held: $made booked, $refused refused after $(since "$from" | cut -d. -f1) s"
	done
}

# cancel FILE deletes its requests.
cancel() {
	scontrol show reservation -o | awk 'NR == FNR { want[$2]; next }
		{ sub(/^ReservationName=/, "", $1) } $1 in want { print "delete reservation=" $1 }' "$1" - >"$dir/delete"
	scontrol <"$dir/delete" >"$dir/answer" 2>&1 || fail "scontrol could not delete: $(tail -n 5 "$dir/answer")"
}

# p99 of lines with seconds, in ms.
p99() { sort -n | awk '{ v[NR] = $1 } END { printf "%.1f", v[int((NR - 1) * .99) + 1] * 1000 }'; }

# each COMMAND… runs it for every question, with BEGIN as what it asks from,
# writes the seconds it took to $dir/times and counts those without a start.
each() {
	awk -v begin="$begin" '$1 == "ask" { print strftime("%Y-%m-%dT%H:%M:%S", begin + $3) }' "$dir/list" >"$dir/ask"
	: >"$dir/times"
	none=0
	while read -r BEGIN; do
		from=$(now)
		"$@" >"$dir/answer" 2>&1 || grep -q 'allocation failure' "$dir/answer" || fail "$* from $BEGIN: $(cat "$dir/answer")"
		since "$from" >>"$dir/times"
		! grep -q 'allocation failure' "$dir/answer" || none=$((none + 1))
	done <"$dir/ask"
}
earliest() { sbatch --test-only --begin="$BEGIN" -N 1000 -t 600 --wrap true </dev/null; }

say "slurmctld $(slurmctld -V | cut -d' ' -f2), $NODES nodes; load average $(cut -d' ' -f1-3 /proc/loadavg)"
say "measuring Quarry"
"$quarry" bench calendar --pnodes "$NODES" --held "$HELD" --durable --clients "$QUARRY_CLIENTS" --admissions "$QUARRY_ADMISSIONS" \
	--questions "$QUESTIONS" --dir "$dir" -o json >"$dir/quarry.json" &
clients=$!
wait "$clients" || fail "quarry bench calendar failed"
clients=
value() { awk -v at="$1" -v field="\"$2\":" '$1 == "\"held\":" { n++ } $1 == field && n == at { sub(/,$/, "", $2); print $2 }' "$dir/quarry.json"; }

table=$dir/table
printf '| held | Slurm admits | Quarry admits | Slurm earliest, p99 | of it the program, p99 | Quarry earliest, p99 |\n|---|---|---|---|---|---|\n' >"$table"
step=0
: >"$dir/hold"
for held in $(echo "$HELD" | tr , ' '); do
	step=$((step + 1))
	# Each step has requests of its own, spread over as much time as they need.
	cancel "$dir/hold"
	"$quarry" bench calendar --list --pnodes "$NODES" --held "$held" --clients "$QUARRY_CLIENTS" --admissions "$QUARRY_ADMISSIONS" --questions "$QUESTIONS" >"$dir/list"
	awk '$1 == "hold"' "$dir/list" >"$dir/hold"
	awk -v most="$ADMISSIONS" '$1 == "admit" && ++n <= most' "$dir/list" >"$dir/admit"
	made=0 refused=0
	fill "$dir/hold"
	[ "$(reservations)" = "$made" ] || fail "Slurm said that it made $made reservations and shows $(reservations)"
	before=$made
	from=$(now)
	create "$dir/admit" "$LIMIT"
	rate=$(since "$from" | awk -v n=$((made - before)) '{ printf "%.0f", n / $1 }')
	say "$held held: $((made - before)) of $(wc -l <"$dir/admit") more were booked, $rate a second"
	cancel "$dir/admit"
	each scontrol ping
	program=$(p99 <"$dir/times")
	each earliest
	say "$held held: $(wc -l <"$dir/times") questions were answered, $none of them with no start found"
	printf '| %s (%s in Slurm) | %s/s | %.0f/s | %s ms | %s ms | %.1f ms |\n' "$held" "$before" "$rate" "$(value $step admitPerSecond)" \
		"$(p99 <"$dir/times")" "$program" "$(value $step earliestP99ms)" >>"$table"
done
cat "$table"
