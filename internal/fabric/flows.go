package fabric

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// The tables of both bridges: who may send, what it may say, and forwarding.
const (
	tableAdmit   = 0
	tableSay     = 1
	tableForward = 2
)

// baseFlows are the flows of a bridge that do not depend on ports. Whatever
// no other flow admits is dropped: the tables have no more.
func baseFlows(bridge string, uplinks []string) []string {
	flows := []string{flow(tableForward, 0, "", "NORMAL")}
	for _, u := range uplinks {
		if bridge == BridgeOutside {
			flows = append(flows, admit(u, 100, "vlan_tci=0x0000/0x1000", tableForward))
			continue
		}
		flows = append(flows,
			admit(u, 100, "vlan_tci=0x1000/0x1000", tableForward),
			flow(tableAdmit, 110, port(u)+",dl_vlan=0", "drop"),
			flow(tableAdmit, 110, port(u)+fmt.Sprintf(",dl_vlan=%d", quarantine), "drop"),
			flow(tableAdmit, 110, port(u)+",dl_vlan=4095", "drop"),
		)
	}
	return flows
}

// portFlows are the flows of one port; none when it is closed.
func portFlows(p Port) []string {
	if !p.Open {
		return nil
	}
	in := port(p.Tap)
	pass := fmt.Sprintf("resubmit(,%d)", tableForward)
	say := func(priority int, match, action string) string {
		return flow(tableSay, priority, in+","+match, action)
	}
	flows := []string{
		// 802.1D's reserved addresses are for switches, not for guests.
		flow(tableAdmit, 110, in+",dl_dst=01:80:c2:00:00:00/ff:ff:ff:ff:ff:f0", "drop"),
		// Untagged means no VLAN header at all, so not VLAN 0 either.
		admit(p.Tap, 100, "vlan_tci=0x0000/0x1000,dl_src="+p.MAC, tableSay),
	}

	own := p.Addresses
	anyAddress := len(own) == 0 && p.Bridge == BridgeSite
	if anyAddress {
		flows = append(flows, say(100, "arp,arp_sha="+p.MAC, pass))
	}
	for _, a := range own {
		flows = append(flows, say(100, "arp,arp_sha="+p.MAC+",arp_spa="+a, pass))
	}
	// An address may be probed for before it is used.
	flows = append(flows, say(100, "arp,arp_op=1,arp_sha="+p.MAC+",arp_spa=0.0.0.0", pass),
		say(90, "arp", "drop"), say(90, "rarp", "drop"))

	if p.Router || anyAddress {
		flows = append(flows, say(100, "ip", pass))
	}
	for _, a := range own {
		flows = append(flows, say(100, "ip,nw_src="+a, pass))
	}
	rest := flow(tableSay, 0, in, pass)
	if p.Router {
		return append(flows, rest)
	}
	flows = append(flows,
		say(110, "udp,tp_src=67", "drop"), // DHCP server
		say(105, "udp,nw_src=0.0.0.0,nw_dst=255.255.255.255,tp_src=68,tp_dst=67", pass),
		say(90, "ip", "drop"))
	if p.Bridge == BridgeOutside {
		return flows // other tenants are there: nothing but ARP and IPv4
	}
	return append(flows,
		say(110, "icmp6,icmp_type=134", "drop"), // router advertisement
		say(110, "icmp6,icmp_type=137", "drop"), // redirect
		say(110, "udp6,tp_src=547", "drop"),     // DHCPv6 server
		rest)
}

func flow(table, priority int, match, action string) string {
	if match != "" {
		match += ","
	}
	return fmt.Sprintf("table=%d,priority=%d,%sactions=%s", table, priority, match, action)
}

func admit(name string, priority int, match string, next int) string {
	return flow(tableAdmit, priority, port(name)+","+match, fmt.Sprintf("resubmit(,%d)", next))
}

// port matches by name: ovs-ofctl asks the switch itself for the number, which
// the database may know only later.
func port(name string) string { return fmt.Sprintf(`in_port="%s"`, name) }

// replaceFlows makes the flows of a bridge exactly these, in one bundle: the
// switch takes all changes at once or none, and equal flows stay untouched.
func (f *Fabric) replaceFlows(ctx context.Context, bridge string, flows []string) error {
	target := "unix:" + filepath.Join(f.rundir, bridge+".mgmt")
	cmd := exec.CommandContext(ctx, "ovs-ofctl", "--bundle", "-O", "OpenFlow14", "replace-flows", target, "-")
	cmd.Stdin = strings.NewReader(strings.Join(flows, "\n") + "\n")
	var complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &complaints, &complaints
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("replace flows of %s: %w: %s", bridge, err, bytes.TrimSpace(complaints.Bytes()))
	}
	return nil
}
