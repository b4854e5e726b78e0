package simulate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
	"quarry/internal/quota"
)

// Site describes the machines that a trace is played on.
type Site struct {
	Version int      `json:"version" yaml:"version"`
	Pnodes  []Pnodes `json:"pnodes" yaml:"pnodes"`
	// VLANs is a range like "100-999", Addresses one like
	// "203.0.113.10-203.0.113.99": what gateways are given.
	VLANs      string              `json:"vlans" yaml:"vlans"`
	Addresses  string              `json:"addresses" yaml:"addresses"`
	Overcommit calendar.Overcommit `json:"overcommit,omitzero" yaml:"overcommit,omitempty"`
	// Prepare is from images at hand to every vnode ready, Wipe from the end to
	// nothing left, Build making one image; without Build images are at hand.
	Prepare  Times    `json:"prepare,omitzero" yaml:"prepare,omitempty"`
	Wipe     Times    `json:"wipe,omitzero" yaml:"wipe,omitempty"`
	Build    Times    `json:"build,omitzero" yaml:"build,omitempty"`
	Failures Failures `json:"failures,omitzero" yaml:"failures,omitempty"`
	// Limits are what a tenant may hold of whom Tenants says nothing else.
	Limits  quota.Limits            `json:"limits,omitzero" yaml:"limits,omitempty"`
	Tenants map[string]quota.Limits `json:"tenants,omitempty" yaml:"tenants,omitempty"`
}

// Pnodes is a number of machines of one kind.
type Pnodes struct {
	// Name is the machine's; of more than one they are NAME1, NAME2 and so on.
	Name      string `json:"name" yaml:"name"`
	Count     int    `json:"count,omitempty" yaml:"count,omitempty"`
	CPUs      int    `json:"cpus" yaml:"cpus"`
	MemoryMiB int    `json:"memoryMiB" yaml:"memoryMiB"`
	DiskMiB   int    `json:"diskMiB" yaml:"diskMiB"`
	Uplink    bool   `json:"uplink,omitempty" yaml:"uplink,omitempty"`
	// Racks spreads them over so many racks, RACK1, RACK2 and so on.
	Rack        string   `json:"rack,omitempty" yaml:"rack,omitempty"`
	Racks       int      `json:"racks,omitempty" yaml:"racks,omitempty"`
	Arch        string   `json:"arch,omitempty" yaml:"arch,omitempty"`
	Accelerator string   `json:"accelerator,omitempty" yaml:"accelerator,omitempty"`
	Tags        []string `json:"tags,omitempty" yaml:"tags,omitempty"`
	// Maintenance are windows in which none of them holds anything; Overcommit
	// counts for them instead of the site's.
	Maintenance []calendar.Window   `json:"maintenance,omitempty" yaml:"maintenance,omitempty"`
	Overcommit  calendar.Overcommit `json:"overcommit,omitzero" yaml:"overcommit,omitempty"`
}

// Times says how long something takes: log-normal around a median, two thirds
// of it between median/spread and median×spread, within bounds.
type Times struct {
	Median Duration `json:"median" yaml:"median"`
	Spread float64  `json:"spread,omitempty" yaml:"spread,omitempty"` // 1 for always the median
	Least  Duration `json:"least,omitempty" yaml:"least,omitempty"`
	Most   Duration `json:"most,omitempty" yaml:"most,omitempty"`
}

// Failures says how often what goes wrong. They are drawn only when a seed is
// given for them.
type Failures struct {
	// MTBF is the mean time until a pnode falls silent, MTTR until it is heard
	// again, both exponential. 0 for no such failures.
	MTBF Duration `json:"mtbf,omitempty" yaml:"mtbf,omitempty"`
	MTTR Duration `json:"mttr,omitempty" yaml:"mttr,omitempty"`
	// Boot is the share of vnodes whose scripts or checks fail, Slow the share
	// of preparations that take Times times as long.
	Boot  float64 `json:"boot,omitempty" yaml:"boot,omitempty"`
	Slow  float64 `json:"slow,omitempty" yaml:"slow,omitempty"`
	Times float64 `json:"times,omitempty" yaml:"times,omitempty"`
}

// Times of a site that does not say.
var (
	defaultPrepare = Times{Median: Duration(90 * time.Second), Spread: 1.3}
	defaultWipe    = Times{Median: Duration(15 * time.Second), Spread: 1.3}
)

// Bounds of a site.
const (
	maxSiteFile = 1 << 20
	maxPnodes   = 100_000
)

// OpenSite reads a description of a site in YAML from a file.
func OpenSite(path string) (*Site, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the site's description: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxSiteFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the site's description: %w", err)
	}
	return ReadSite(filepath.Base(path), raw)
}

// ReadSite reads a description of a site in YAML. name is for errors.
func ReadSite(name string, raw []byte) (*Site, error) {
	if len(raw) > maxSiteFile {
		return nil, siteFault(fault.Detail{Field: name, Message: "it is longer than 1 MiB"})
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	var s Site
	if err := dec.Decode(&s); err != nil {
		return nil, siteFault(fault.Detail{Field: name, Message: err.Error()})
	}
	if s.Version != Version {
		return nil, siteFault(fault.Detail{Field: name, Message: fmt.Sprintf("version %d: this program reads version %d, which the file has to say", s.Version, Version)})
	}
	return &s, s.complete()
}

func siteFault(details ...fault.Detail) error {
	return fault.New(fault.Invalid, "the site is not described properly", details...)
}

// complete fills in what is left open and lists everything that is wrong.
func (s *Site) complete() error {
	var l fault.List
	total := 0
	for i := range s.Pnodes {
		p := &s.Pnodes[i]
		at := fmt.Sprintf("pnodes[%d]", i)
		p.Count = max(p.Count, 1)
		if total += p.Count; total > maxPnodes {
			l.Add(at+".count", fmt.Sprintf("more than %d pnodes in all", maxPnodes))
			break
		}
		if !cluster.ValidName(p.Name) {
			l.Add(at+".name", fmt.Sprintf("%q is not a DNS label", p.Name))
		}
		if p.CPUs < 1 || p.MemoryMiB < 1 || p.DiskMiB < 1 {
			l.Add(at, fmt.Sprintf("%d CPUs, %d MiB of memory, %d MiB of disk: each has to be at least 1", p.CPUs, p.MemoryMiB, p.DiskMiB))
		}
		if p.Racks < 0 || p.Racks > 0 && p.Rack == "" {
			l.Add(at+".racks", fmt.Sprintf("%d: say what they are called with rack", p.Racks))
		}
		for _, d := range (calendar.Settings{Maintenance: p.Maintenance, Overcommit: p.Overcommit}).Check() {
			l.Add(at+"."+d.Field, d.Message)
		}
	}
	if len(s.Pnodes) == 0 {
		l.Add("pnodes", "there are none")
	}
	s.Prepare.settle(&l, "prepare", defaultPrepare)
	s.Wipe.settle(&l, "wipe", defaultWipe)
	s.Build.settle(&l, "build", Times{})
	s.Failures.check(&l)
	l.AddAll(s.Overcommit.Check())
	s.checkLimits(&l)
	if _, err := s.pools(); err != nil {
		l.AddAll(err)
	}
	return l.Err(fault.Invalid, "the site is not described properly")
}

func (s *Site) checkLimits(l *fault.List) {
	add := func(at string, err error) {
		if wrong, ok := errors.AsType[*fault.Error](err); ok {
			for _, d := range wrong.Details {
				l.Add(at+"."+d.Field, d.Message)
			}
		}
	}
	add("limits", s.Limits.Check())
	for _, tenant := range sortedKeys(s.Tenants) {
		if !cluster.ValidName(tenant) {
			l.Add("tenants", fmt.Sprintf("%q is not a DNS label", tenant))
		}
		add("tenants."+tenant, s.Tenants[tenant].Check())
	}
}

// limits are what was set, "" for the defaults.
func (s *Site) limits() map[string]quota.Limits {
	set := map[string]quota.Limits{"": s.Limits}
	maps.Copy(set, s.Tenants)
	return set
}

func (t *Times) settle(l *fault.List, field string, usual Times) {
	if *t == (Times{}) {
		*t = usual
		return
	}
	if t.Spread == 0 {
		t.Spread = 1
	}
	if t.Median <= 0 {
		l.Add(field+".median", "give one, like 90s")
	}
	if !(t.Spread >= 1 && t.Spread <= 100) {
		l.Add(field+".spread", fmt.Sprintf("%v is not between 1 and 100", t.Spread))
	}
	if t.Most != 0 && t.Most < t.Least {
		l.Add(field+".most", fmt.Sprintf("%s is less than the least, %s", time.Duration(t.Most), time.Duration(t.Least)))
	}
}

func (f *Failures) check(l *fault.List) {
	if f.MTBF != 0 && f.MTBF < Duration(time.Minute) {
		l.Add("failures.mtbf", fmt.Sprintf("%s is less than a minute", time.Duration(f.MTBF)))
	}
	if f.MTBF != 0 && f.MTTR <= 0 {
		l.Add("failures.mttr", "pnodes that fall silent have to be heard again: give it, like 2h")
	}
	for _, share := range []struct {
		field string
		value float64
	}{{"boot", f.Boot}, {"slow", f.Slow}} {
		if !(share.value >= 0 && share.value <= 1) {
			l.Add("failures."+share.field, fmt.Sprintf("%v is not a share between 0 and 1", share.value))
		}
	}
	if f.Slow > 0 && !(f.Times > 1 && f.Times <= 1000) {
		l.Add("failures.times", fmt.Sprintf("%v is not between 1 and 1000: how much slower are slow preparations?", f.Times))
	}
}

// pools is the part of the site that the manager makes its pools from.
func (s *Site) pools() (manager.Site, error) {
	var l fault.List
	var m manager.Site
	first, last, ok := strings.Cut(s.VLANs, "-")
	a, err1 := strconv.Atoi(first)
	b, err2 := strconv.Atoi(last)
	if !ok || err1 != nil || err2 != nil || a < 1 || b < a || b > 4093 {
		l.Add("vlans", fmt.Sprintf("%q is not a range like 100-999 within 1-4093", s.VLANs))
	}
	m.VLANFirst, m.VLANLast = a, b
	m.OutsideFirst, m.OutsideLast, ok = strings.Cut(s.Addresses, "-")
	from, err1 := netip.ParseAddr(m.OutsideFirst)
	to, err2 := netip.ParseAddr(m.OutsideLast)
	if !ok || err1 != nil || err2 != nil || to.Less(from) || !from.Is4() || !to.Is4() || span(from, to) > 1<<16 {
		l.Add("addresses", fmt.Sprintf("%q is not a range of IPv4 addresses like 203.0.113.10-203.0.113.99, of at most 65536", s.Addresses))
	}
	return m, l.Err(fault.Invalid, "the site is not described properly")
}

func span(from, to netip.Addr) uint32 {
	a, b := from.As4(), to.As4()
	number := func(x [4]byte) uint32 {
		return uint32(x[0])<<24 | uint32(x[1])<<16 | uint32(x[2])<<8 | uint32(x[3])
	}
	return number(b) - number(a)
}

// calendar is the site as the calendar sees it.
func (s *Site) calendar() calendar.Site {
	out := calendar.Site{Overcommit: s.Overcommit}
	for _, p := range s.Pnodes {
		for i := range p.Count {
			one := calendar.Pnode{
				Name: p.Name, Capacity: calendar.Size{CPUs: p.CPUs, MemoryMiB: p.MemoryMiB, DiskMiB: p.DiskMiB},
				Uplink: p.Uplink, Rack: p.Rack, Arch: p.Arch, Accelerator: p.Accelerator, Tags: p.Tags,
				Maintenance: p.Maintenance, Overcommit: p.Overcommit,
			}
			if p.Count > 1 {
				one.Name += strconv.Itoa(i + 1)
			}
			if p.Racks > 0 {
				one.Rack += strconv.Itoa(i*p.Racks/p.Count + 1)
			}
			out.Pnodes = append(out.Pnodes, one)
		}
	}
	return out
}

// swfMemoryPerCPU is what a machine of the archive is taken to have, in MiB.
const swfMemoryPerCPU = 2048

// site is the machine that a workload log was made on, with gateways enough
// that none of its jobs ever waits for one. most is the nodes of its largest job.
func (h swfHeader) site(most int) *Site {
	nodes, cpus := h.nodes, h.cpusPerNode()
	if nodes == 0 {
		nodes = max(h.procs, most, 1)
	}
	nodes = min(nodes, maxPnodes/2)
	gateways := (nodes*cpus + swfGateways - 1) / swfGateways
	s := &Site{
		Version: Version, VLANs: "1-4093", Addresses: "100.64.0.1-100.64.15.255",
		Pnodes: []Pnodes{
			{Name: "n", Count: nodes, CPUs: cpus, MemoryMiB: cpus * swfMemoryPerCPU, DiskMiB: cpus * cluster.DefaultDiskMiB},
			{Name: "gw", Count: gateways, CPUs: swfGateways, MemoryMiB: swfGateways * cluster.DefaultMemoryMiB, DiskMiB: swfGateways * cluster.DefaultDiskMiB, Uplink: true},
		},
	}
	_ = s.complete() // nothing in it is anybody's input
	return s
}

// swfGateways is how many gateways one pnode with an uplink has room for.
const swfGateways = 64
