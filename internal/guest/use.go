package guest

import (
	"bytes"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// idleShare is the part of the processors' time, in per cent, up to which a
// vnode does nothing: checks and services of its own take some.
const idleShare = 15

// session matches the title of the process that serves one login over ssh:
// "sshd: admin@pts/0", since OpenSSH 9.8 "sshd-session: admin@notty".
var session = regexp.MustCompile(`^sshd(-session)?: [^\s\[\]]+(@\S+)?$`)

// usage tells how long nobody has been logged in and next to nothing was done.
type usage struct {
	since       time.Time // zero while it is used
	last        time.Time
	idle, total uint64
}

// note takes a look at /proc. It returns how many are logged in over ssh, and
// for how long the vnode has been idle.
func (u *usage) note(proc fs.FS, now time.Time) (sessions int, idleFor time.Duration) {
	sessions = sessionsIn(proc)
	idle, total, ok := processorTime(proc)
	measured := ok && total > u.total && u.total > 0
	busy := !measured || (idle-u.idle)*100 < (total-u.total)*(100-idleShare)
	first := u.last
	u.idle, u.total, u.last = idle, total, now
	switch {
	case sessions > 0 || busy:
		u.since = time.Time{}
	case u.since.IsZero():
		u.since = first // the interval that was measured begins there
	}
	if u.since.IsZero() {
		return sessions, 0
	}
	return sessions, now.Sub(u.since)
}

func sessionsIn(proc fs.FS) int { return len(logins(proc)) }

// logins are the titles of the processes that serve one login each.
func logins(proc fs.FS) (titles []string) {
	entries, _ := fs.ReadDir(proc, ".")
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		line, err := fs.ReadFile(proc, e.Name()+"/cmdline")
		if title := bytes.TrimRight(line, "\x00 "); err == nil && session.Match(title) {
			titles = append(titles, string(title))
		}
	}
	return titles
}

// terminal is what may be opened below /dev: anybody can call a process
// anything.
var terminal = regexp.MustCompile(`^pts/[0-9]{1,6}$`)

// terminals are those that people are logged in at over ssh, below /dev: one
// login may have several, as in "sshd-session: admin@pts/0,pts/1".
func terminals(proc fs.FS) []string {
	var list []string
	for _, title := range logins(proc) {
		_, where, _ := strings.Cut(title, "@")
		for name := range strings.SplitSeq(where, ",") {
			if terminal.MatchString(name) {
				list = append(list, name)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// processorTime reads how long all processors together were idle, and how long
// it has been, in ticks since the boot.
func processorTime(proc fs.FS) (idle, total uint64, ok bool) {
	raw, err := fs.ReadFile(proc, "stat")
	if err != nil {
		return 0, 0, false
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	fields := strings.Fields(first)
	if len(fields) < 6 || fields[0] != "cpu" {
		return 0, 0, false
	}
	for i, f := range fields[1:min(len(fields), 9)] { // what follows is counted in these already
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return 0, 0, false
		}
		total += n
		if i == 3 || i == 4 || i == 7 { // idle, waiting for a disk, taken by other guests
			idle += n
		}
	}
	return idle, total, true
}
