package fabric

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
	"github.com/vishvananda/netlink"

	"quarry/internal/fault"
)

// Setup makes the bridges fail closed and puts back the flows of the ports
// that are recorded, so that it does not disturb guests that run. It is for
// the start of the agent, and may be repeated. A pnode without br-site is a
// fault.Refused; br-outside may be absent.
func (f *Fabric) Setup(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	f.mu.Lock()
	defer f.mu.Unlock()
	db, err := f.connect(ctx)
	if err != nil {
		return err
	}
	bridges, err := db.bridges(ctx)
	if err != nil {
		return err
	}
	if bridges[BridgeSite] == nil {
		return fault.New(fault.Refused, "this machine has no site network", fault.Detail{
			Field:   BridgeSite,
			Message: "no such bridge in Open vSwitch: make it, with its trunk port marked external_ids:quarry-uplink=true",
		})
	}
	rows, err := db.portRows(ctx)
	if err != nil {
		return err
	}
	var links []string
	var operations []ovsdb.Operation
	for _, name := range []string{BridgeSite, BridgeOutside} {
		b := bridges[name]
		if b == nil {
			continue
		}
		links = append(links, uplinks(b, rows)...)
		ops, err := db.secure(b, rows)
		if err != nil {
			return err
		}
		operations = append(operations, ops...)
	}
	if err := guardHost(ctx, links); err != nil {
		return err
	}
	if len(operations) > 0 {
		if err := db.commit(ctx, operations); err != nil {
			return err
		}
	}
	ports, err := db.ports(ctx)
	if err != nil {
		return err
	}
	// A recorded port that the switch does not have is Apply's to mend.
	ports, _ = db.present(ctx, ports)
	return f.setFlows(ctx, db, ports)
}

// secure is what makes a bridge drop what no flow allows, and keeps frames
// that are flooded from the bridge's own interface on this machine.
func (d *database) secure(b *bridgeRow, rows map[string]*portRow) ([]ovsdb.Operation, error) {
	var all []ovsdb.Operation
	if b.FailMode == nil || *b.FailMode != "secure" {
		next := bridgeRow{UUID: b.UUID, FailMode: new("secure")}
		ops, err := d.client.Where(&next).Update(&next, &next.FailMode)
		if err != nil {
			return nil, fmt.Errorf("prepare bridge %s: %w", b.Name, err)
		}
		all = append(all, ops...)
	}
	for _, id := range b.Ports {
		row := rows[id]
		if row == nil || row.Name != b.Name || row.Tag != nil && *row.Tag == quarantine {
			continue
		}
		next := portRow{UUID: row.UUID, Tag: new(quarantine), VLANMode: new("access")}
		ops, err := d.client.Where(&next).Update(&next, &next.Tag, &next.VLANMode)
		if err != nil {
			return nil, fmt.Errorf("prepare bridge %s: %w", b.Name, err)
		}
		all = append(all, ops...)
	}
	return all, nil
}

// guard keeps this machine's own network stack away from taps and uplinks:
// with Open vSwitch's userspace datapath the kernel also sees each frame that
// arrives there, and would take a guest's packets to the pnode's addresses.
const guard = `table inet quarry_fabric
delete table inet quarry_fabric
table inet quarry_fabric {
	chain arriving {
		type filter hook prerouting priority raw; policy accept;
		iifname "%[1]s*" drop
		%[2]s
	}
	chain leaving {
		type filter hook output priority raw; policy accept;
		oifname "%[1]s*" drop
		%[3]s
	}
}
`

func guardHost(ctx context.Context, uplinks []string) error {
	var arriving, leaving string
	for _, u := range uplinks {
		link, err := netlink.LinkByName(u)
		if err != nil {
			return fmt.Errorf("find uplink %s: %w", u, err)
		}
		// IP is dropped below; without this the machine would answer ARP.
		if err := netlink.LinkSetARPOff(link); err != nil {
			return fmt.Errorf("turn ARP off on uplink %s: %w", u, err)
		}
		arriving += fmt.Sprintf("iifname %q drop\n", u)
		leaving += fmt.Sprintf("oifname %q drop\n", u)
	}
	cmd := exec.CommandContext(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(fmt.Sprintf(guard, tapPrefix, arriving, leaving))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("keep guests' frames from this machine: nft: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// settle waits until no frame is forwarded by what flows said before.
func (f *Fabric) settle(ctx context.Context) error {
	// A daemon that was killed left its socket behind: the one that answers counts.
	sockets, err := filepath.Glob(filepath.Join(f.rundir, "ovs-vswitchd.*.ctl"))
	if err != nil || len(sockets) == 0 {
		return fmt.Errorf("wait for new flows: ovs-vswitchd has no control socket in %s", f.rundir)
	}
	var errs []error
	for _, s := range sockets {
		out, err := exec.CommandContext(ctx, "ovs-appctl", "-t", s, "revalidator/wait").CombinedOutput()
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("wait for new flows: %w: %s", err, bytes.TrimSpace(out)))
	}
	return errors.Join(errs...)
}
