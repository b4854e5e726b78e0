// Package fabric makes this pnode's part of the site's network: a tap and an
// Open vSwitch port for each leg of a vnode, and the flows that secure it.
//
// Guarantees: identity is the port, never what a frame says. A port may send
// untagged frames from its own MAC only, and ARP and IPv4 from its own
// addresses only. A closed port neither sends nor receives. Bridges fail
// closed: whatever no flow allows is dropped, also when Open vSwitch was
// restarted and until Apply has run again. Apply may be repeated after a crash
// at any point, and all that is recorded lies in Open vSwitch's own database.
//
// The bridges br-site and br-outside belong to Quarry: ports that are neither
// Quarry's nor marked external_ids:quarry-uplink=true pass no traffic.
package fabric

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync"

	"quarry/internal/fault"
)

// The bridges of a pnode.
const (
	BridgeSite    = "br-site"    // trunk of all clusters' VLANs
	BridgeOutside = "br-outside" // untagged; only on a pnode with an uplink
)

// MaxVLAN is the highest VLAN of a cluster; the one above it is quarantine:
// closed ports live there, and no frame of it enters from a trunk.
const (
	MaxVLAN    = 4093
	quarantine = 4094
)

// Port is one leg of a vnode.
type Port struct {
	Tap    string `json:"tap"`    // from TapName
	Bridge string `json:"bridge"` // BridgeSite or BridgeOutside
	VLAN   int    `json:"vlan"`   // 1…MaxVLAN on br-site, 0 on br-outside
	MAC    string `json:"mac"`
	// Addresses are the IPv4 addresses it may speak as, with or without a
	// prefix length. Empty allows any on br-site and none on br-outside.
	Addresses []string `json:"addresses,omitempty"`
	// Open is false while the port is there but silent, both ways.
	Open bool `json:"open"`
	// Router may send IPv4 from any address, and DHCP and router answers:
	// a gateway's private leg.
	Router bool   `json:"router,omitempty"`
	Owner  string `json:"owner"` // cluster ID
	Vnode  string `json:"vnode"`
}

// Config says where Open vSwitch is.
type Config struct {
	OVSDB string // default "unix:/run/openvswitch/db.sock"
	Log   *slog.Logger
}

// Fabric is the network of this pnode. Its methods may be called at once from
// several goroutines; they take turns.
type Fabric struct {
	config Config
	rundir string // where the bridges' control sockets are

	mu sync.Mutex
	db *database
}

// New does not connect yet.
func New(c Config) *Fabric {
	if c.OVSDB == "" {
		c.OVSDB = "unix:/run/openvswitch/db.sock"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	path := strings.TrimPrefix(c.OVSDB, "unix:")
	return &Fabric{config: c, rundir: path[:max(0, strings.LastIndex(path, "/"))]}
}

// Close gives back the connection. Ports stay.
func (f *Fabric) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.db != nil {
		f.db.close()
		f.db = nil
	}
}

// Ports returns what is recorded of our ports, by tap.
func (f *Fabric) Ports(ctx context.Context) ([]Port, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	db, err := f.connect(ctx)
	if err != nil {
		return nil, err
	}
	return db.ports(ctx)
}

// connect returns a live connection to the database.
func (f *Fabric) connect(ctx context.Context) (*database, error) {
	if f.db != nil && f.db.client.Connected() {
		return f.db, nil
	}
	if f.db != nil {
		f.db.close()
		f.db = nil
	}
	db, err := openDatabase(ctx, f.config.OVSDB)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "Open vSwitch does not answer", fault.Detail{
			Field: f.config.OVSDB, Message: fmt.Sprintf("%v: is ovsdb-server running?", err),
		})
	}
	f.db = db
	return db, nil
}

const tapPrefix = "qt"

var tapName = regexp.MustCompile(`^` + tapPrefix + `[a-z0-9]{1,13}$`)

// TapName is the name of a leg's tap: the same each time, 15 bytes.
func TapName(clusterID, vnode, leg string) string {
	sum := sha256.Sum256([]byte(clusterID + "\x00" + vnode + "\x00" + leg))
	return tapPrefix + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:13])
}

// validate returns the port with its MAC and addresses in their one spelling.
func (p Port) validate(l *fault.List, field string) Port {
	add := func(name, format string, args ...any) { l.Add(field+"."+name, fmt.Sprintf(format, args...)) }
	if !tapName.MatchString(p.Tap) {
		add("tap", "%q is no name of a tap of ours: use TapName", p.Tap)
	}
	switch {
	case p.Bridge != BridgeSite && p.Bridge != BridgeOutside:
		add("bridge", "no bridge %q: name %s or %s", p.Bridge, BridgeSite, BridgeOutside)
	case p.Bridge == BridgeSite && (p.VLAN < 1 || p.VLAN > MaxVLAN):
		add("vlan", "VLAN %d: from 1 to %d on %s", p.VLAN, MaxVLAN, BridgeSite)
	case p.Bridge == BridgeOutside && p.VLAN != 0:
		add("vlan", "VLAN %d: %s has none, give 0", p.VLAN, BridgeOutside)
	}
	if p.Router && p.Bridge != BridgeSite {
		add("router", "a router's port is on %s: the outside leg of a gateway speaks for itself only", BridgeSite)
	}
	hw, err := net.ParseMAC(p.MAC)
	if err != nil || len(hw) != 6 || hw[0]&1 != 0 {
		add("mac", "%q is no unicast Ethernet address", p.MAC)
	}
	p.MAC = hw.String()
	if p.Owner == "" {
		add("owner", "no owner: name the cluster")
	}
	addresses := make([]string, 0, len(p.Addresses))
	for i, a := range p.Addresses {
		bare, _, _ := strings.Cut(a, "/")
		ip, err := netip.ParseAddr(bare)
		if err != nil || !ip.Is4() {
			add(fmt.Sprintf("addresses[%d]", i), "%q is no IPv4 address", a)
			continue
		}
		addresses = append(addresses, ip.String())
	}
	p.Addresses = addresses
	return p
}

// validateAll refuses a set of ports that cannot be, naming every fault.
func validateAll(want []Port) ([]Port, error) {
	var l fault.List
	seen := map[string]bool{}
	ports := make([]Port, 0, len(want))
	for i, p := range want {
		field := fmt.Sprintf("ports[%d]", i)
		ports = append(ports, p.validate(&l, field))
		if seen[p.Tap] {
			l.Add(field+".tap", fmt.Sprintf("%q is there twice", p.Tap))
		}
		seen[p.Tap] = true
	}
	return ports, l.Err(fault.Invalid, "the ports cannot be made")
}
