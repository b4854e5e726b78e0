//go:build lab

package fabric

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const soon = 5 * time.Second

// passes checks that a frame sent on from arrives at every wire of to.
func passes(t *testing.T, frame []byte, mark string, from *wire, to ...*wire) {
	t.Helper()
	from.send(t, frame)
	for _, w := range to {
		if w.receive(t, mark, soon) == nil {
			t.Errorf("%q from %s does not arrive at %s", mark, from.name, w.name)
		}
	}
}

// stopped checks that a frame sent on from never arrives at to: the frame
// after it, which may, comes first.
func stopped(t *testing.T, name string, frame, allowed []byte, from, to *wire) {
	t.Helper()
	from.send(t, frame)
	from.send(t, allowed)
	first := to.receive(t, "mark-", soon)
	if first == nil {
		t.Fatalf("%s: %s hears nothing at all", name, to.name)
	}
	if !strings.Contains(string(first), "mark-allowed") {
		t.Errorf("%s: passes from %s to %s: %x", name, from.name, to.name, first)
		to.receive(t, "mark-allowed", soon)
	}
}

func leg(vnode, bridge string, vlan int, mac string, addresses ...string) Port {
	return Port{
		Tap: TapName("cluster", vnode, bridge), Bridge: bridge, VLAN: vlan, MAC: mac,
		Addresses: addresses, Open: true, Owner: "cluster", Vnode: vnode,
	}
}

func TestVLANsThroughTheTrunk(t *testing.T) {
	p1, p2 := newPnode(t), newPnode(t)
	p1.cable(t, p2, "trunk0")
	var wires [2]map[int]*wire
	for i, p := range []*pnode{p1, p2} {
		p.vsctl(t, "add-port", BridgeSite, "trunk0", "--", "set", "port", "trunk0", "external_ids:quarry-uplink=true")
		p.setup(t)
		wires[i] = map[int]*wire{}
		var ports []Port
		for _, vlan := range []int{10, 20, MaxVLAN} {
			ports = append(ports, leg(fmt.Sprint("v", vlan), BridgeSite, vlan, station(i, vlan)))
		}
		closed := leg("closed", BridgeSite, 10, station(i, 99))
		closed.Open = false
		p.apply(t, append(ports, closed)...)
		for _, port := range ports {
			wires[i][port.VLAN] = p.open(t, port.Tap)
		}
		wires[i][99] = p.open(t, closed.Tap)
	}
	for vlan := range wires[0] {
		if vlan == 99 {
			continue
		}
		eventually(t, fmt.Sprint("VLAN ", vlan, " reaches the other pnode"), func() bool {
			wires[0][vlan].send(t, plain(everyone, station(0, vlan), "mark-hello"))
			return wires[1][vlan].receive(t, "mark-hello", 20*time.Millisecond) != nil
		})
	}
	for i := range wires {
		for _, w := range wires[i] {
			drain(w, t)
		}
	}

	// Each speaks to all, to its peer and to the others by name; only its
	// own VLAN hears it.
	for from, w := range wires[0] {
		mark := fmt.Sprintf("mark-from-%d.", from)
		w.send(t, plain(everyone, station(0, from), mark))
		for to := range wires[1] {
			w.send(t, plain(station(1, to), station(0, from), mark))
		}
	}
	for to, w := range wires[1] {
		if to == 99 {
			w.silent(t)
			continue
		}
		heard := map[string]int{}
		for f := w.receive(t, "mark-from-", 300*time.Millisecond); f != nil; f = w.receive(t, "mark-from-", 300*time.Millisecond) {
			mark, _, _ := strings.Cut(string(f[14:]), ".")
			heard[mark]++
		}
		if len(heard) != 1 || heard[fmt.Sprint("mark-from-", to)] < 2 {
			t.Errorf("VLAN %d hears %v", to, heard)
		}
	}
}

// station is the MAC of a pnode's vnode in a VLAN.
func station(pnode, vlan int) string {
	return fmt.Sprintf("52:54:00:%02x:%02x:%02x", pnode, vlan>>8, vlan&0xff)
}

func TestPortSecurity(t *testing.T) {
	p := newPnode(t)
	trunk := p.uplink(t, BridgeSite, "trunk0")
	p.setup(t)
	a := leg("a", BridgeSite, 10, macA, "10.1.0.10")
	b := leg("b", BridgeSite, 10, macB) // may speak as anybody
	other := leg("c", BridgeSite, 20, macC)
	router := leg("r", BridgeSite, 10, "52:54:00:00:00:0d", "10.1.0.1")
	router.Router = true
	closed := leg("closed", BridgeSite, 10, "52:54:00:00:00:0e")
	closed.Open = false
	p.apply(t, a, b, other, router, closed)
	wx := p.open(t, closed.Tap)
	wa, wb, wc, wr := p.open(t, a.Tap), p.open(t, b.Tap), p.open(t, other.Tap), p.open(t, router.Tap)
	allowed := plain(everyone, macA, "mark-allowed")
	eventually(t, "a reaches b", func() bool {
		wa.send(t, plain(everyone, macA, "mark-hello"))
		return wb.receive(t, "mark-hello", 20*time.Millisecond) != nil
	})
	for wb.receive(t, "", 100*time.Millisecond) != nil {
	}

	for _, tt := range []struct {
		name  string
		frame []byte
	}{
		{"somebody else's MAC", plain(everyone, macB, "mark-x")},
		{"a multicast source", plain(everyone, "01:00:5e:00:00:01", "mark-x")},
		{"tagged with its own VLAN", tagged(plain(everyone, macA, "mark-x"), 0x8100, 10)},
		{"tagged with another VLAN", tagged(plain(everyone, macA, "mark-x"), 0x8100, 20)},
		{"priority-tagged", tagged(plain(everyone, macA, "mark-x"), 0x8100, 0)},
		{"priority 7, VLAN 0", tagged(plain(everyone, macA, "mark-x"), 0x8100, 7<<13)},
		{"802.1ad", tagged(plain(everyone, macA, "mark-x"), 0x88a8, 10)},
		{"double-tagged", tagged(plain(everyone, macA, "mark-x"), 0x8100, 10, 20)},
		{"QinQ", tagged(plain(everyone, macA, "mark-x"), 0x88a8, 10, 20)},
		{"spanning tree", plain("01:80:c2:00:00:00", macA, "mark-x")},
		{"link layer discovery", plain("01:80:c2:00:00:0e", macA, "mark-x")},
		{"ARP with another MAC inside", arp(macA, macB, "10.1.0.10", "10.1.0.1", "mark-x")},
		{"ARP for another address", arp(macA, macA, "10.1.0.11", "10.1.0.1", "mark-x")},
		{"IPv4 from another address", udp(everyone, macA, "10.1.0.11", "10.1.0.1", 1000, 2000, "mark-x")},
		{"DHCP server", udp(everyone, macA, "10.1.0.10", "255.255.255.255", 67, 68, "mark-x")},
		{"router advertisement", icmp6(macA, 134, "mark-x")},
		{"ICMPv6 redirect", icmp6(macA, 137, "mark-x")},
	} {
		stopped(t, tt.name, tt.frame, allowed, wa, wb)
	}
	wc.silent(t) // VLAN 20 heard nothing of all this

	passes(t, arp(macA, macA, "10.1.0.10", "10.1.0.1", "mark-1"), "mark-1", wa, wb, wr)
	passes(t, arp(macA, macA, "0.0.0.0", "10.1.0.10", "mark-2"), "mark-2", wa, wb)
	passes(t, udp(everyone, macA, "10.1.0.10", "10.1.0.1", 1000, 2000, "mark-3"), "mark-3", wa, wb)
	passes(t, udp(everyone, macA, "0.0.0.0", "255.255.255.255", 68, 67, "mark-4"), "mark-4", wa, wb, wr)
	passes(t, icmp6(macA, 135, "mark-5"), "mark-5", wa, wb)
	passes(t, udp(everyone, macB, "192.0.2.9", "10.1.0.1", 1000, 2000, "mark-6"), "mark-6", wb, wa)

	// A router passes on what others said, and answers DHCP; not as another MAC.
	passes(t, udp(macA, router.MAC, "192.0.2.9", "10.1.0.10", 443, 2000, "mark-7"), "mark-7", wr, wa)
	passes(t, udp(everyone, router.MAC, "10.1.0.1", "255.255.255.255", 67, 68, "mark-8"), "mark-8", wr, wa)
	passes(t, icmp6(router.MAC, 134, "mark-9"), "mark-9", wr, wa)
	fromRouter := plain(everyone, router.MAC, "mark-allowed")
	stopped(t, "router with another MAC", plain(everyone, macB, "mark-x"), fromRouter, wr, wa)
	stopped(t, "router's ARP as another", arp(router.MAC, router.MAC, "10.1.0.10", "10.1.0.9", "mark-x"), fromRouter, wr, wa)

	// The trunk: own VLAN in and out; untagged, VLAN 0 and quarantine never.
	drain(wa, t)
	drain(trunk, t)
	wa.send(t, plain(everyone, macA, "mark-out"))
	if f := trunk.receive(t, "mark-out", soon); f == nil || f[12] != 0x81 || f[15] != 10 {
		t.Errorf("on the trunk it is %x, want VLAN 10", f)
	}
	fromFar := tagged(plain(everyone, macFar, "mark-allowed"), 0x8100, 10)
	for _, vlan := range []int{0, 20, quarantine, 4095} {
		stopped(t, fmt.Sprint("from the trunk in VLAN ", vlan), tagged(plain(everyone, macFar, "mark-x"), 0x8100, vlan), fromFar, trunk, wa)
	}
	wx.silent(t) // quarantine is no VLAN that a trunk can reach
	stopped(t, "from the trunk untagged", plain(everyone, macFar, "mark-x"), fromFar, trunk, wa)
}

func drain(w *wire, t *testing.T) {
	t.Helper()
	for w.receive(t, "", 50*time.Millisecond) != nil {
	}
}

func TestOutsideLegOpensAndCloses(t *testing.T) {
	p := newPnode(t)
	outside := p.uplink(t, BridgeOutside, "outside0")
	p.setup(t)
	gate := leg("gateway", BridgeOutside, 0, macA, "203.0.113.10/24")
	gate.Open = false
	neighbour := leg("other", BridgeOutside, 0, macB, "203.0.113.11")
	second := leg("waiting", BridgeOutside, 0, macC, "203.0.113.12")
	second.Open = false // closed ports share a VLAN, and must not meet there
	p.apply(t, gate, neighbour, second)
	wg, wn, ws := p.open(t, gate.Tap), p.open(t, neighbour.Tap), p.open(t, second.Tap)
	fromFar := arp(macFar, macFar, "203.0.113.1", "203.0.113.10", "mark-far")
	eventually(t, "the neighbour hears the outside", func() bool {
		outside.send(t, fromFar)
		return wn.receive(t, "mark-far", 20*time.Millisecond) != nil
	})
	drain(outside, t)

	closed := func() {
		t.Helper()
		drain(outside, t)
		drain(wn, t)
		passes(t, fromFar, "mark-far", outside, wn) // flooded, to all but the closed
		outside.send(t, plain(macA, macFar, "mark-unicast"))
		outside.send(t, tagged(plain(everyone, macFar, "mark-x"), 0x8100, quarantine))
		wg.silent(t)
		wg.send(t, arp(macA, macA, "203.0.113.10", "203.0.113.1", "mark-gate"))
		wg.send(t, udp(macFar, macA, "203.0.113.10", "203.0.113.1", 1, 2, "mark-gate"))
		passes(t, arp(macB, macB, "203.0.113.11", "203.0.113.1", "mark-other"), "mark-other", wn, outside)
		if outside.receive(t, "mark-gate", 50*time.Millisecond) != nil {
			t.Error("the closed port is heard outside")
		}
		ws.silent(t)
	}
	closed()

	gate.Open = true
	p.apply(t, gate, neighbour, second)
	passes(t, fromFar, "mark-far", outside, wg)
	passes(t, arp(macA, macA, "203.0.113.10", "203.0.113.1", "mark-gate"), "mark-gate", wg, outside)
	passes(t, udp(macFar, macA, "203.0.113.10", "203.0.113.1", 1, 2, "mark-ip"), "mark-ip", wg, outside)
	allowed := arp(macA, macA, "203.0.113.10", "203.0.113.1", "mark-allowed")
	for name, frame := range map[string][]byte{
		"IPv6 outside":            icmp6(macA, 135, "mark-x"),
		"another protocol":        plain(everyone, macA, "mark-x"),
		"another's address":       udp(macFar, macA, "203.0.113.11", "203.0.113.1", 1, 2, "mark-x"),
		"a private address":       udp(macFar, macA, "10.1.0.10", "203.0.113.1", 1, 2, "mark-x"),
		"ARP for another address": arp(macA, macA, "203.0.113.11", "203.0.113.1", "mark-x"),
	} {
		stopped(t, name, frame, allowed, wg, outside)
	}
	stopped(t, "tagged from outside", tagged(plain(everyone, macFar, "mark-x"), 0x8100, 10), plain(everyone, macFar, "mark-allowed"), outside, wg)

	gate.Open = false
	p.apply(t, gate, neighbour, second)
	closed()
}

func TestApplyIsExactAndIdempotent(t *testing.T) {
	p := newPnode(t)
	p.uplink(t, BridgeSite, "trunk0")
	p.setup(t)
	p.vsctl(t, "add-port", BridgeSite, "stranger", "--", "set", "interface", "stranger", "type=internal")
	a, b := leg("a", BridgeSite, 10, macA, "10.1.0.10"), leg("b", BridgeSite, 10, macB)
	expect := func(want ...Port) {
		t.Helper()
		got, err := p.fabric.Ports(t.Context())
		if err != nil || len(got) != len(want) {
			t.Fatalf("ports are %v, %v", got, err)
		}
		taps := strings.Fields(p.run(t, "sh", "-c", "ip -o link show | grep -o 'qt[a-z0-9]*' | sort -u"))
		var names []string
		for _, w := range want {
			names = append(names, w.Tap)
			if !slices.ContainsFunc(got, func(g Port) bool { return equal(g, w) }) {
				t.Errorf("%+v is not among %+v", w, got)
			}
		}
		slices.Sort(names)
		if !slices.Equal(taps, names) {
			t.Errorf("taps are %v, want %v", taps, names)
		}
	}
	p.apply(t, a, b)
	expect(a, b)
	flows := p.flows(t)
	p.apply(t, a, b)
	expect(a, b)
	if again := p.flows(t); again != flows {
		t.Errorf("flows were\n%s\nand are\n%s", flows, again)
	}

	// A crash left a tap, a port and flows behind.
	p.run(t, "ip", "tuntap", "add", "dev", "qtorphan", "mode", "tap")
	p.vsctl(t, "add-port", BridgeSite, "qtstale", "--", "set", "port", "qtstale", "external_ids:quarry=gone", "tag=10")
	p.run(t, "ovs-ofctl", "add-flow", "unix:"+p.path(BridgeSite+".mgmt"), "priority=900,actions=NORMAL")
	moved := b
	moved.VLAN, moved.MAC = 20, macC
	p.apply(t, a, moved)
	expect(a, moved)
	if strings.Contains(p.flows(t), "priority=900") || strings.Contains(p.flows(t), macB) {
		t.Errorf("stale flows stay:\n%s", p.flows(t))
	}
	moved.Bridge, moved.VLAN = BridgeOutside, 0
	p.apply(t, a, moved)
	expect(a, moved)

	// Somebody removed the tap under the port, and the port under the tap.
	p.run(t, "ip", "link", "del", a.Tap)
	p.vsctl(t, "del-port", moved.Tap)
	p.apply(t, a, moved)
	expect(a, moved)

	p.apply(t)
	expect()
	if !strings.Contains(p.vsctl(t, "list-ports", BridgeSite), "stranger") {
		t.Error("a port that is not Quarry's was removed")
	}
	if !strings.Contains(p.vsctl(t, "list-ports", BridgeSite), "trunk0") {
		t.Error("the uplink was removed")
	}
}

func (p *pnode) flows(t *testing.T) string {
	t.Helper()
	return p.run(t, "ovs-ofctl", "--no-stats", "--names", "dump-flows", "unix:"+p.path(BridgeSite+".mgmt"))
}

func TestSwitchIsKilledAndStaysShut(t *testing.T) {
	p := newPnode(t)
	trunk := p.uplink(t, BridgeSite, "trunk0")
	p.setup(t)
	a, b := leg("a", BridgeSite, 10, macA), leg("b", BridgeSite, 10, macB)
	p.apply(t, a, b)
	wa, wb := p.open(t, a.Tap), p.open(t, b.Tap)
	hello := func() bool {
		wa.send(t, plain(everyone, macA, "mark-hello"))
		return wb.receive(t, "mark-hello", 20*time.Millisecond) != nil
	}
	eventually(t, "a reaches b", hello)

	p.vswitchd.Process.Kill()
	p.vswitchd.Wait()
	p.startSwitch(t)
	p.vsctl(t, "set", "bridge", BridgeSite, "external_ids:x=y") // returns when the switch is up
	drain(wb, t)
	wa.send(t, plain(everyone, macA, "mark-early"))
	trunk.send(t, tagged(plain(everyone, macFar, "mark-early"), 0x8100, 10))
	if wb.receive(t, "mark-early", 200*time.Millisecond) != nil {
		t.Error("traffic passes before there are flows")
	}
	p.apply(t, a, b)
	eventually(t, "a reaches b again", hello)

	// The agent starts anew: Setup alone puts recorded ports back.
	p.run(t, "ovs-ofctl", "del-flows", "unix:"+p.path(BridgeSite+".mgmt"))
	p.setup(t)
	eventually(t, "a reaches b after Setup", hello)
}

func TestGuestsDoNotReachThePnode(t *testing.T) {
	p := newPnode(t)
	outside := p.uplink(t, BridgeOutside, "outside0")
	p.run(t, "ip", "addr", "add", "198.18.0.7/24", "dev", "lo")
	p.setup(t)
	a, b := leg("a", BridgeSite, 10, macA), leg("b", BridgeSite, 10, macB)
	p.apply(t, a, b)
	wa, wb := p.open(t, a.Tap), p.open(t, b.Tap)
	drain(outside, t) // what the machine said there before Setup
	for w, src := range map[*wire]string{wa: macA, outside: macFar} {
		w.send(t, arp(src, src, "198.18.0.9", "198.18.0.7", "mark-arp"))
		w.send(t, udp(everyone, src, "198.18.0.9", "198.18.0.7", 1000, 9, "mark-udp"))
		w.silent(t)
	}
	if wb.receive(t, "mark-arp", soon) == nil {
		t.Error("b does not hear a's question")
	}
	// Datagrams taken by a socket or refused for want of one.
	const taken = `awk '/^Udp: [0-9]/ { print $2 + $3 }' /proc/thread-self/net/snmp`
	if n := strings.TrimSpace(p.run(t, "sh", "-c", taken)); n != "0" {
		t.Errorf("the pnode took %s packets of guests", n)
	}
}

// BenchmarkWire100Ports is how long an agent takes to secure and plug in the
// ports of 100 vnodes, to find nothing to do, and to take them away.
func BenchmarkWire100Ports(b *testing.B) {
	p := newPnode(b)
	p.uplink(b, BridgeSite, "trunk0")
	p.setup(b)
	var ports []Port
	for i := range 100 {
		ports = append(ports, leg(fmt.Sprint("n", i), BridgeSite, 10+i/10, fmt.Sprintf("52:54:00:00:01:%02x", i), fmt.Sprintf("10.1.0.%d", i+1)))
	}
	measure := func(unit string, want ...Port) {
		start := time.Now()
		p.apply(b, want...)
		b.ReportMetric(float64(time.Since(start).Milliseconds()), unit)
	}
	measure("ms-wired", ports...)
	measure("ms-nothing-to-do", ports...)
	measure("ms-one-more", append(slices.Clone(ports), leg("more", BridgeSite, 99, macA))...)
	measure("ms-one-less", ports...)
	measure("ms-all-removed")
}
