package simulate

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"quarry/internal/cluster"
)

// The fields of a job in the Standard Workload Format, version 2.2; -1 is for
// unknown.
const (
	swfJob = iota
	swfSubmit
	swfWait
	swfRun
	swfProcs // allocated
	swfCPUTime
	swfUsedMemory
	swfAskedProcs
	swfAskedTime
	swfAskedMemory // KiB for each processor
	swfStatus
	swfUser
	swfGroup
	swfProgram
	swfQueue
	swfPartition
	swfAfter
	swfThink
	swfFields
)

// swfHeader is what the comments at the top say of the machine.
type swfHeader struct {
	start        time.Time
	nodes, procs int
	used         bool // a job was made with it
}

// cpusPerNode is how many processors one node has, 1 if nothing is said.
func (h swfHeader) cpusPerNode() int {
	if h.nodes <= 0 || h.procs <= h.nodes {
		return 1
	}
	return (h.procs + h.nodes - 1) / h.nodes
}

// swfEpoch is when traces begin that do not say when.
var swfEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// readSWF reads a workload log or model of the Parallel Workloads Archive.
func readSWF(name string, in *bufio.Reader, o Options) (*Trace, error) {
	t := &Trace{LeftOut: map[string]int{}}
	h := swfHeader{start: swfEpoch}
	most := 0
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		if comment, ok := strings.CutPrefix(line, ";"); ok {
			if err := h.comment(comment); err != nil {
				return nil, unread(name, n, "%v", err)
			}
			continue
		}
		h.used = true
		job, err := swfNumbers(line)
		if err != nil {
			return nil, unread(name, n, "%v", err)
		}
		e, why, err := swfEntry(job, n, h, o)
		if err != nil {
			return nil, unread(name, n, "%v", err)
		}
		if why != "" {
			t.LeftOut[why]++
			continue
		}
		most = max(most, e.Spec.Nodes[0].Count)
		if t.Entries = append(t.Entries, e); len(t.Entries) > maxEntries {
			return nil, unread(name, n, "more than %d jobs", maxEntries)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, unread(name, 0, "a line is longer than 1 MiB: is this a workload log?")
	} else if err != nil {
		return nil, unread(name, 0, "%v", err)
	}
	t.Site = h.site(most)
	return t, nil
}

// comment takes what a header comment "Label: value" says. TimeZone and
// TimeZoneString say where the machine stood: UnixStartTime is UTC, as all
// times here are.
func (h *swfHeader) comment(text string) error {
	label, value, ok := strings.Cut(text, ":")
	if !ok {
		return nil
	}
	value = strings.TrimSpace(value)
	var into *int
	most := 10_000_000
	switch label = strings.TrimSpace(label); label {
	case "MaxNodes":
		into = &h.nodes
	case "MaxProcs":
		into = &h.procs
	case "UnixStartTime":
		s, err := strconv.ParseInt(firstWord(value), 10, 64)
		if err != nil || s < -1 || s > latest.Unix() {
			return fmt.Errorf("UnixStartTime %q is not a number of seconds since 1970", value)
		}
		if h.used {
			return errors.New("UnixStartTime comes after the first job")
		}
		if s >= 0 {
			h.start = time.Unix(s, 0).UTC()
		}
		return nil
	default:
		return nil
	}
	if h.used { // jobs would be split by one number of processors a node, and then by another
		return fmt.Errorf("%s comes after the first job", label)
	}
	n, err := strconv.Atoi(firstWord(value))
	if err != nil || n < -1 || n > most {
		return fmt.Errorf("%s %q is not a number up to %d", label, value, most)
	}
	*into = max(n, 0)
	return nil
}

// firstWord leaves out what some logs explain behind a number.
func firstWord(s string) string {
	if f := strings.Fields(s); len(f) > 0 {
		return f[0]
	}
	return ""
}

func swfNumbers(line string) (job [swfFields]float64, err error) {
	words := strings.Fields(line)
	if len(words) != swfFields {
		return job, fmt.Errorf("%d fields: a job of the Standard Workload Format has %d", len(words), swfFields)
	}
	for i, w := range words {
		if job[i], err = strconv.ParseFloat(w, 64); err != nil || math.IsNaN(job[i]) || math.Abs(job[i]) > 1e15 {
			return job, fmt.Errorf("field %d: %q is not a number", i+1, w)
		}
		switch i {
		case swfWait, swfRun, swfCPUTime, swfUsedMemory, swfAskedTime, swfAskedMemory, swfSubmit, swfThink: // may be fractions
		default:
			if job[i] != math.Trunc(job[i]) {
				return job, fmt.Errorf("field %d: %q is not a whole number", i+1, w)
			}
		}
		if swfCounts[i] && job[i] < 0 && job[i] != -1 {
			return job, fmt.Errorf("field %d: %q is negative, and -1 is for unknown", i+1, w)
		}
	}
	if s := job[swfStatus]; s > 5 {
		return job, fmt.Errorf("field %d: status %v is none of -1 and 0 to 5", swfStatus+1, s)
	}
	return job, nil
}

// swfCounts are the fields that count here.
var swfCounts = [swfFields]bool{
	swfJob: true, swfRun: true, swfProcs: true, swfAskedProcs: true, swfAskedTime: true, swfAskedMemory: true, swfStatus: true, swfUser: true,
}

// Why jobs are left out.
const (
	swfPartial   = "part of a job that is listed as a whole (status 2, 3 or 4)"
	swfCancelled = "cancelled before it ran (status 5)"
	swfNoProcs   = "no number of processors"
	swfNoTime    = "neither a run time nor a requested time"
	swfTooLong   = "longer than a cluster may be booked (366 days)"
	swfTooMany   = "more nodes than a cluster may have (4096)"
)

// swfEntry books a cluster for a job, or says why it is left out.
func swfEntry(job [swfFields]float64, line int, h swfHeader, o Options) (e Entry, why string, err error) {
	if job[swfSubmit] < 0 || job[swfSubmit] > latest.Sub(h.start).Seconds() {
		return e, "", fmt.Errorf("field %d: submitted at %v seconds, which is not between 0 and the year 2200", swfSubmit+1, job[swfSubmit])
	}
	procs := job[swfAskedProcs]
	if procs <= 0 {
		procs = job[swfProcs]
	}
	run, asked := job[swfRun], job[swfAskedTime]
	window := asked
	if window <= 0 {
		window = run
	}
	cpus := o.CPUs
	if cpus == 0 {
		cpus = h.cpusPerNode()
	}
	cpus = max(1, min(cpus, int(min(procs, cluster.MaxCPUs))))
	nodes := math.Ceil(procs / float64(cpus))
	switch status := job[swfStatus]; {
	case status == 2 || status == 3 || status == 4:
		return e, swfPartial, nil
	case status == 5 && run <= 0:
		return e, swfCancelled, nil
	case procs <= 0:
		return e, swfNoProcs, nil
	case window < 0 || window == 0 && run < 0:
		return e, swfNoTime, nil
	case window > cluster.MaxWindow.Seconds():
		return e, swfTooLong, nil
	case nodes > cluster.MaxNodes-1:
		return e, swfTooMany, nil
	}
	spec := &cluster.Spec{
		Name: swfName(job[swfJob], line), StartMode: cluster.StartASAP, Network: "10.0.0.0/16",
		Duration: seconds(max(window, 1)),
		Nodes: []cluster.Group{{
			Appliance: cluster.Compute, Count: int(nodes), CPUs: cpus, MemoryMiB: swfMemory(job[swfAskedMemory], cpus, o), DiskMiB: cluster.DefaultDiskMiB,
		}},
	}
	e = Entry{At: h.start.Add(seconds(job[swfSubmit])), Do: Book, Tenant: swfTenant(job[swfUser]), Spec: spec}
	if run >= 0 && run < window {
		e.Runs = Duration(max(time.Second, seconds(run)))
	}
	return e, "", nil
}

func swfMemory(perProc float64, cpus int, o Options) int {
	switch {
	case perProc > 0:
		return int(max(cluster.MinRAM, min(math.Ceil(perProc/1024*float64(cpus)), cluster.MaxRAM)))
	case o.MemoryMiB > 0:
		return o.MemoryMiB
	}
	return cpus * swfMemoryPerCPU
}

// swfName names a job by its number, or by its line where it has none.
func swfName(number float64, line int) string {
	if number < 0 {
		return fmt.Sprintf("line-%d", line)
	}
	return fmt.Sprintf("job-%.0f", number)
}

func swfTenant(user float64) string {
	if user < 0 {
		return "unknown"
	}
	return fmt.Sprintf("user-%.0f", user)
}

func seconds(s float64) time.Duration {
	return time.Duration(math.Ceil(s)) * time.Second
}
