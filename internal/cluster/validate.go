package cluster

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"quarry/internal/calendar"
	"quarry/internal/fault"
)

// Bounds of a Spec. They keep mistakes out; capacity is the calendar's affair.
const (
	MaxNodes   = 4096
	MaxCPUs    = 256
	MaxRAM     = 4 << 20 // MiB
	MaxDisk    = 64 << 20
	MinRAM     = 256
	MinDisk    = 1024
	MaxWindow  = 366 * 24 * time.Hour
	maxSSHKeys = 64
)

var (
	dnsLabel = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	userName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)
	domain   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
)

// ValidName reports whether name can name a cluster, a tenant or a pnode: a
// DNS label that starts with a letter.
func ValidName(name string) bool { return dnsLabel.MatchString(name) }

// Complete returns the spec with every default filled in: the gateway first,
// sizes, network, names, and an end for a start that is known.
func (s Spec) Complete(now time.Time) Spec {
	s.Nodes = slices.Clone(s.Nodes)
	if !slices.ContainsFunc(s.Nodes, func(g Group) bool { return g.Appliance == Gateway }) {
		s.Nodes = slices.Insert(s.Nodes, 0, Group{Appliance: Gateway, Count: 1})
	}
	slices.SortStableFunc(s.Nodes, func(a, b Group) int {
		switch {
		case a.Appliance == b.Appliance:
			return 0
		case a.Appliance == Gateway:
			return -1
		case b.Appliance == Gateway:
			return 1
		}
		return 0
	})
	for i := range s.Nodes {
		g := &s.Nodes[i]
		setDefault(&g.CPUs, DefaultCPUs)
		setDefault(&g.MemoryMiB, DefaultMemoryMiB)
		setDefault(&g.DiskMiB, DefaultDiskMiB)
	}
	setDefault(&s.StartMode, StartAt)
	setDefault(&s.Policy, calendar.Spread)
	setDefault(&s.Network, DefaultNetwork)
	setDefault(&s.Domain, DefaultDomain)
	setDefault(&s.TimeZone, DefaultTimeZone)
	if s.StartMode == StartNow {
		s.Start = now
	}
	s.Start = s.Start.UTC().Truncate(time.Second)
	if s.End.IsZero() {
		setDefault(&s.Duration, DefaultDuration)
		if !s.Start.IsZero() {
			s.End = s.Start.Add(s.Duration)
		}
	}
	s.End = s.End.UTC().Truncate(time.Second)
	return s
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate lists everything wrong with a complete spec that can be told
// without knowing the site. Field paths begin with "spec.".
func (s Spec) Validate(now time.Time) []fault.Detail {
	var l fault.List
	if !ValidName(s.Name) {
		l.Add("spec.name", fmt.Sprintf("%q is not a DNS label: use 1 to 63 of a–z, 0–9 and -, beginning with a letter and not ending with -", s.Name))
	}
	s.validateWindow(&l, now)
	s.validateNodes(&l)
	s.validatePlacement(&l)
	s.validateNetwork(&l)
	s.validateAccess(&l)
	s.validateRacks(&l)
	s.validateAttributes(&l)
	for i, r := range s.Rolls {
		if slices.Contains(s.Rolls[:i], r) {
			l.Add(fmt.Sprintf("spec.rolls[%d]", i), fmt.Sprintf("roll %q is named twice", r))
		}
	}
	return l.Details()
}

func (s Spec) validateWindow(l *fault.List, now time.Time) {
	switch s.StartMode {
	case StartAt:
		if s.Start.IsZero() {
			l.Add("spec.start", "no start: give an instant, or startMode asap or now")
		} else if s.Start.Before(now.Truncate(time.Second)) {
			l.Add("spec.start", fmt.Sprintf("%s is in the past (it is %s)", s.Start.Format(time.RFC3339), now.UTC().Format(time.RFC3339)))
		}
	case StartASAP, StartNow:
	default:
		l.Add("spec.startMode", fmt.Sprintf("%q is none of at, asap, now", s.StartMode))
	}
	if s.Duration < 0 {
		l.Add("spec.duration", fmt.Sprintf("%s is negative", s.Duration))
	}
	if s.End.IsZero() {
		return
	}
	begin := s.Start
	if begin.IsZero() {
		begin = now
	}
	if !s.End.After(begin) {
		l.Add("spec.end", fmt.Sprintf("end %s is not after start %s", s.End.Format(time.RFC3339), begin.UTC().Format(time.RFC3339)))
	}
	if s.End.Sub(begin) > MaxWindow {
		l.Add("spec.end", fmt.Sprintf("a window of %s is longer than %s", s.End.Sub(begin), MaxWindow))
	}
}

func (s Spec) validateNodes(l *fault.List) {
	total := 0
	seen := map[string]bool{}
	for i, g := range s.Nodes {
		at := fmt.Sprintf("spec.nodes[%d]", i)
		if !ValidName(g.Appliance) {
			l.Add(at+".appliance", fmt.Sprintf("%q is not a DNS label", g.Appliance))
		}
		if seen[g.Appliance] {
			l.Add(at+".appliance", fmt.Sprintf("appliance %q is asked for twice: put the counts together", g.Appliance))
		}
		seen[g.Appliance] = true
		if g.Count < 1 {
			l.Add(at+".count", fmt.Sprintf("%d nodes of %q: ask for at least 1, or leave it out", g.Count, g.Appliance))
		}
		if g.Appliance == Gateway && g.Count > 1 {
			l.Add(at+".count", fmt.Sprintf("%d gateways: a cluster has exactly one", g.Count))
		}
		between(l, at+".cpus", "CPUs", g.CPUs, 1, MaxCPUs)
		between(l, at+".memoryMiB", "MiB of memory", g.MemoryMiB, MinRAM, MaxRAM)
		between(l, at+".diskMiB", "MiB of disk", g.DiskMiB, MinDisk, MaxDisk)
		total += max(0, min(g.Count, MaxNodes+1))
	}
	if total > MaxNodes {
		l.Add("spec.nodes", fmt.Sprintf("more than %d nodes in one cluster", MaxNodes))
	}
}

func between(l *fault.List, field, unit string, value, low, high int) {
	if value < low || value > high {
		l.Add(field, fmt.Sprintf("%d %s: must be between %d and %d", value, unit, low, high))
	}
}

func (s Spec) validateNetwork(l *fault.List) {
	if !domain.MatchString(s.Domain) || len(s.Domain) > 200 {
		l.Add("spec.domain", fmt.Sprintf("%q is not a domain name", s.Domain))
	}
	prefix, err := netip.ParsePrefix(s.Network)
	switch {
	case err != nil:
		l.Add("spec.network", fmt.Sprintf("%q is not an IPv4 range like %s", s.Network, DefaultNetwork))
	case !prefix.Addr().Is4() || !prefix.Addr().IsPrivate():
		l.Add("spec.network", fmt.Sprintf("%s is not a private IPv4 range (10/8, 172.16/12, 192.168/16)", prefix))
	case prefix != prefix.Masked():
		l.Add("spec.network", fmt.Sprintf("%s has host bits set: did you mean %s?", prefix, prefix.Masked()))
	case prefix.Bits() < 8 || prefix.Bits() > 28:
		l.Add("spec.network", fmt.Sprintf("%s: the prefix must be between /8 and /28", prefix))
	case s.nodeCount()+firstHost > 1<<(32-prefix.Bits())-2:
		l.Add("spec.network", fmt.Sprintf("%s is too small for %d nodes: choose a shorter prefix", prefix, s.nodeCount()))
	}
}

func (s Spec) validateAccess(l *fault.List) {
	checkKeys(l, "spec.sshKeys", s.SSHKeys)
	for i, u := range s.Users {
		at := fmt.Sprintf("spec.users[%d]", i)
		if !userName.MatchString(u.Name) || u.Name == "root" || u.Name == "admin" {
			l.Add(at+".name", fmt.Sprintf("%q cannot be an extra user: use 1 to 32 of a–z, 0–9, _ and -, not root or admin", u.Name))
		}
		checkKeys(l, at+".sshKeys", u.SSHKeys)
	}
}

func checkKeys(l *fault.List, field string, keys []string) {
	if len(keys) > maxSSHKeys {
		l.Add(field, fmt.Sprintf("%d keys: at most %d", len(keys), maxSSHKeys))
		return
	}
	for i, k := range keys {
		at := fmt.Sprintf("%s[%d]", field, i)
		if strings.ContainsAny(strings.TrimSpace(k), "\r\n") {
			l.Add(at, "more than one line: give one authorized_keys line each")
			continue
		}
		if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(k)); err != nil {
			l.Add(at, fmt.Sprintf("%.40q is not an SSH public key (authorized_keys line)", k))
		}
	}
}

func (s Spec) nodeCount() int {
	n := 0
	for _, g := range s.Nodes {
		n += max(0, g.Count)
	}
	return n
}
