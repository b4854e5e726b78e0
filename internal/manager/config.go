// Package manager books, prepares, hands over, watches and ends clusters. It
// compares what the store wants with what agents report and takes the next
// step; every step can be repeated, so a crash at any line is followed by the
// same comparison. It never talks to a hypervisor or a switch: agents do.
package manager

import (
	"fmt"
	"net/netip"
	"time"

	"quarry/internal/fault"
)

// Site is what the provider decided once about the site. It lives in the store.
type Site struct {
	// Server is the URL by which agents and people reach the manager.
	Server string `json:"server"`
	// Hosts are the names and addresses in the manager's certificate.
	Hosts []string `json:"hosts"`
	// OutsideNetwork is the range of the outside network, OutsideRouter the
	// way out of it, OutsideFirst…OutsideLast what gateways may have.
	OutsideNetwork string `json:"outsideNetwork"`
	OutsideRouter  string `json:"outsideRouter"`
	OutsideFirst   string `json:"outsideFirst"`
	OutsideLast    string `json:"outsideLast"`
	VLANFirst      int    `json:"vlanFirst"`
	VLANLast       int    `json:"vlanLast"`
}

// Validate lists everything wrong with the site.
func (s Site) Validate() error {
	var l fault.List
	network, err := netip.ParsePrefix(s.OutsideNetwork)
	if err != nil {
		l.Add("outside-network", fmt.Sprintf("%q is not a range like 203.0.113.0/24", s.OutsideNetwork))
	}
	for _, f := range []struct{ field, value string }{
		{"outside-router", s.OutsideRouter}, {"outside-pool", s.OutsideFirst}, {"outside-pool", s.OutsideLast},
	} {
		addr, err := netip.ParseAddr(f.value)
		if err != nil {
			l.Add(f.field, fmt.Sprintf("%q is not an address", f.value))
		} else if network.IsValid() && !network.Contains(addr) {
			l.Add(f.field, fmt.Sprintf("%s is not in %s", addr, network))
		}
	}
	if first, last := s.pool(); first.IsValid() && last.IsValid() && last.Less(first) {
		l.Add("outside-pool", fmt.Sprintf("%s comes before %s", last, first))
	}
	if s.VLANFirst < 1 || s.VLANLast > 4093 || s.VLANFirst > s.VLANLast {
		l.Add("vlans", fmt.Sprintf("%d-%d is not a range within 1-4093", s.VLANFirst, s.VLANLast))
	}
	return l.Err(fault.Invalid, "the site cannot be set up like this")
}

func (s Site) pool() (first, last netip.Addr) {
	first, _ = netip.ParseAddr(s.OutsideFirst)
	last, _ = netip.ParseAddr(s.OutsideLast)
	return first, last
}

// Times that the manager waits by.
const (
	// lostAfter is how long a pnode may be silent before it counts as lost;
	// agents report at least every ten seconds.
	lostAfter = 35 * time.Second
	// wipeTime is held after the end of a cluster that was booked before
	// there were estimates of it.
	wipeTime = time.Minute
	// giveUpAfter is how long after the end a lost pnode may keep a cluster
	// from counting as ended.
	giveUpAfter = 5 * time.Minute
	// horizon bounds the search for the earliest start.
	horizon = 30 * 24 * time.Hour
	// retries is how often a vnode whose scripts or checks failed is made anew.
	retries = 1
)
