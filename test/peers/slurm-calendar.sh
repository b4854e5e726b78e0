#!/bin/sh
# Measures Slurm's controller and Quarry's calendar with the same requests.
#
#   make build && sudo test/peers/slurm-calendar.sh
#
# What is compared: booking a future window for a number of whole nodes, one
# reservation in Slurm ("scontrol create reservation", many of them to each of
# $CLIENTS scontrols, so that starting the program does not count), one admission
# in Quarry ("quarry bench calendar --durable": $QUARRY_CLIENTS clients, each
# waits until its booking is in the store on the disk); and asking when 1,000
# nodes are free for 10 hours ("sbatch --test-only", each a program that is
# started, the time of "scontrol ping" beside it; in Quarry a call). The
# requests are those that "quarry bench calendar --list" shows, with the same
# number of others held before. Quarry finds a gateway, a VLAN and disks as well;
# what its API costs on top is in neither the one nor the other. Slurm writes
# its reservations down later, Quarry before it answers.
#
# Needs Debian, root to install slurmctld, slurm-client and munge if they are
# missing, and bin/quarry. Everything runs on loopback, in a folder of its own
# that is removed at the end. Takes a quarter of an hour with the defaults.
set -eu
NODES=${NODES:-10000}
HELD=${HELD:-0,1000,3000}
ADMISSIONS=${ADMISSIONS:-200}  # measured in Slurm at each step
QUESTIONS=${QUESTIONS:-50}
CLIENTS=${CLIENTS:-4}
QUARRY_CLIENTS=${QUARRY_CLIENTS:-64}
LIMIT=${LIMIT:-600}            # seconds that filling Slurm up to a step may take

fail() { echo "slurm-calendar: $*" >&2; exit 1; }
here=$(cd "$(dirname -- "$0")" && pwd)
quarry=$here/../../bin/quarry
[ -x "$quarry" ] || fail "bin/quarry is missing: run make build"

missing=
for program in slurmctld:slurmctld scontrol:slurm-client munged:munge; do
	command -v "${program%%:*}" >/dev/null || missing="$missing ${program##*:}"
done
if [ -n "$missing" ]; then
	command -v apt-get >/dev/null || fail "missing:$missing, and this is no Debian: install them first"
	[ "$(id -u)" = 0 ] || fail "missing:$missing; installing them needs root"
	# Their own services are not started: they have no configuration here.
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
		fail "apt-get could not install$missing: is there a mirror in its sources?"
fi

dir=$(mktemp -d /tmp/slurm-calendar-XXXXXX)
munge_pid= slurm_pid=
leave() {
	status=$?
	trap - EXIT INT TERM
	for pid in $slurm_pid $munge_pid; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || :; done
	rm -rf "$dir"
	exit $status
}
trap leave EXIT
trap 'exit 130' INT TERM

port=$((20000 + $$ % 10000))
mkdir -m 755 "$dir/munge" "$dir/state" "$dir/requests"
(umask 077; head -c 128 /dev/urandom >"$dir/munge/key")
munged --foreground --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munge/pid" \
	--seed-file="$dir/munge/seed" --log-file="$dir/munge/log" >"$dir/munge/out" 2>&1 &
munge_pid=$!

# Nodes of the cloud count as free without a daemon on each of them.
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
slurmctld -D -f "$SLURM_CONF" >"$dir/slurmctld.log" 2>&1 &
slurm_pid=$!
tries=0
until scontrol ping 2>/dev/null | grep -q UP; do
	tries=$((tries + 1))
	kill -0 "$slurm_pid" 2>/dev/null && [ $tries -lt 60 ] || { tail -5 "$dir/slurmctld.log" >&2; fail "slurmctld does not come up"; }
	sleep 1
done

now() { date +%s.%N; }
# The calendar of the requests begins tomorrow.
begin=$(($(date +%s) / 86400 * 86400 + 86400))
reservations() { scontrol show reservation -o | grep -c '^ReservationName=' || :; }

# create FILE books its requests with $CLIENTS clients at once.
create() {
	[ -s "$1" ] || return 0
	rm -f "$dir"/part.*
	awk -v begin="$begin" -v clients="$CLIENTS" -v dir="$dir" '{
		print "create reservation reservationname=" $2 " users=root nodecnt=" $5 " duration=" $4 / 60 \
			" starttime=" strftime("%Y-%m-%dT%H:%M:%S", begin + $3) >(dir "/part." NR % clients) }' "$1"
	clients=
	for part in "$dir"/part.*; do
		timeout "$LIMIT" scontrol <"$part" >"$part.out" 2>&1 &
		clients="$clients $!"
	done
	for client in $clients; do wait "$client" || fail "scontrol did not end well within $LIMIT s: $(tail -1 "$dir"/part.0.out)"; done
}

# p99 of lines with seconds, in ms.
p99() { sort -n | awk '{ v[NR] = $1 } END { printf "%.1f", v[int((NR - 1) * .99) + 1] * 1000 }'; }

# each COMMAND… runs it for every question, with BEGIN as what it asks from, and
# prints the seconds it took.
each() {
	awk -v begin="$begin" '$1 == "ask" { print strftime("%Y-%m-%dT%H:%M:%S", begin + $3) }' "$dir/list" >"$dir/ask"
	while read -r BEGIN; do
		from=$(now)
		"$@" >"$dir/answer" 2>&1 || fail "$*: $(cat "$dir/answer")"
		to=$(now)
		awk -v a="$from" -v b="$to" 'BEGIN { print b - a }'
	done <"$dir/ask"
}
earliest() { sbatch --test-only --begin="$BEGIN" -N 1000 -t 600 --wrap true </dev/null; }

command -v gawk >/dev/null || awk 'BEGIN { exit strftime("%Y", 0) == "" }' 2>/dev/null || fail "awk knows no strftime: install mawk or gawk"
echo "slurmctld $(slurmctld -V | cut -d' ' -f2), $NODES nodes; load average $(cut -d' ' -f1-3 /proc/loadavg)" >&2
"$quarry" bench calendar --pnodes "$NODES" --held "$HELD" --durable --clients "$QUARRY_CLIENTS" --questions "$QUESTIONS" -o json >"$dir/quarry.json"
value() { awk -v at="$1" -v field="\"$2\":" '$1 == "\"held\":" { n++ } $1 == field && n == at { sub(/,$/, "", $2); print $2 }' "$dir/quarry.json"; }

table=$dir/table
printf '| held | Slurm admits | Quarry admits | Slurm earliest, p99 | of it the program, p99 | Quarry earliest, p99 |\n|---|---|---|---|---|---|\n' >"$table"
step=0 have=0
for held in $(echo "$HELD" | tr , ' '); do
	step=$((step + 1))
	"$quarry" bench calendar --list --pnodes "$NODES" --held "$held" --admissions "$ADMISSIONS" --questions "$QUESTIONS" >"$dir/list"
	awk -v from="$have" '$1 == "hold" && ++n > from' "$dir/list" >"$dir/hold"
	create "$dir/hold"
	have=$held
	before=$(reservations)
	awk '$1 == "admit"' "$dir/list" >"$dir/admit"
	from=$(now)
	create "$dir/admit"
	to=$(now)
	made=$(($(reservations) - before))
	[ "$made" -gt 0 ] || fail "Slurm made no reservation: $(cat "$dir"/part.*.out | tail -1)"
	rate=$(awk -v n="$made" -v a="$from" -v b="$to" 'BEGIN { printf "%.0f", n / (b - a) }')
	awk '{ print "delete reservation=" $2 }' "$dir/admit" | scontrol >/dev/null 2>&1 || :
	program=$(each scontrol ping | p99)
	asked=$(each earliest | p99)
	printf '| %s (%s in Slurm) | %s/s | %.0f/s | %s ms | %s ms | %.1f ms |\n' "$held" "$before" "$rate" "$(value $step admitPerSecond)" \
		"$asked" "$program" "$(value $step earliestP99ms)" >>"$table"
	echo "slurm-calendar: $held held: $made of $ADMISSIONS reservations made" >&2
done
cat "$table"
