package fabric

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ovn-kubernetes/libovsdb/model"
	"github.com/ovn-kubernetes/libovsdb/ovsdb"

	"quarry/internal/fault"
)

// patience bounds Setup and Apply: ovs-vswitchd may be down for good.
const patience = 30 * time.Second

// Apply makes the set of our ports exactly want: taps, ports and flows. A port
// that cannot be made does not hold up the others; the error names each. Once
// it has returned, what was closed or removed passes nothing any more, and what
// was opened passes.
//
// A port can pass traffic when it has both its tag and its flows. Flows of a
// port that moves, closes or goes are taken away first and put back last, so
// at no instant does a port speak in a VLAN that is not its own.
func (f *Fabric) Apply(ctx context.Context, want []Port) error {
	wanted, err := validateAll(want)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	f.mu.Lock()
	defer f.mu.Unlock()
	db, err := f.connect(ctx)
	if err != nil {
		return err
	}
	have, err := db.ports(ctx)
	if err != nil {
		return err
	}
	links, err := listLinks()
	if err != nil {
		return err
	}
	tapped, tapErr := ensureTaps(links, wanted)
	want, bridgeErr := db.possible(ctx, tapped)
	pl := makePlan(have, want)

	if pl.unsettles(want) {
		if err := f.setFlows(ctx, db, pl.steady); err != nil {
			return err
		}
	}
	operations, err := db.operations(ctx, pl)
	if err != nil {
		return err
	}
	if len(operations) > 0 {
		if err := db.commit(ctx, operations); err != nil {
			return err
		}
	}
	portErr, err := f.admit(ctx, db, want)
	if err != nil {
		return err
	}
	if pl.unsettles(want) {
		if err := f.settle(ctx); err != nil {
			return err
		}
	}
	return errors.Join(tapErr, bridgeErr, portErr, removeTaps(links, wanted))
}

// admit gives ports their flows; refused names those the switch does not have.
func (f *Fabric) admit(ctx context.Context, db *database, want []Port) (refused, err error) {
	present, refused := db.present(ctx, want)
	err = f.setFlows(ctx, db, present)
	if err == nil {
		return refused, nil
	}
	// The database may tell of a port that the switch lost a moment ago:
	// let the switch look, and try once more.
	if err := db.commit(ctx, nil); err != nil {
		return refused, err
	}
	present, refused = db.present(ctx, want)
	return refused, f.setFlows(ctx, db, present)
}

// setFlows makes the flows of all our bridges those of ports and no more.
func (f *Fabric) setFlows(ctx context.Context, db *database, ports []Port) error {
	bridges, err := db.bridges(ctx)
	if err != nil {
		return err
	}
	rows, err := db.portRows(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{BridgeSite, BridgeOutside} {
		b := bridges[name]
		if b == nil {
			continue
		}
		trunks := uplinks(b, rows)
		flows := baseFlows(name, trunks)
		for _, p := range ports {
			if p.Bridge == name {
				flows = append(flows, portFlows(p)...)
				flows = append(flows, twinFlows(p, trunks)...)
			}
		}
		if err := f.replaceFlows(ctx, name, flows); err != nil {
			return err
		}
	}
	return nil
}

// possible leaves out ports whose bridge is not there or whose name somebody
// else's port has, and says so.
func (d *database) possible(ctx context.Context, want []Port) ([]Port, error) {
	bridges, err := d.bridges(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := d.portRows(ctx)
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for row := range maps.Values(rows) {
		taken[row.Name] = row.ExternalIDs[keyOwner] == ""
	}
	var l fault.List
	var good []Port
	for _, p := range want {
		switch {
		case bridges[p.Bridge] == nil:
			l.Add(p.Vnode, fmt.Sprintf("port %s needs bridge %s, which this pnode does not have", p.Tap, p.Bridge))
		case taken[p.Tap]:
			l.Add(p.Vnode, fmt.Sprintf("port %s exists and is not Quarry's: remove it", p.Tap))
		default:
			good = append(good, p)
		}
	}
	return good, l.Err(fault.Refused, "some ports cannot be made here")
}

// operations is the one transaction that makes the database follow the plan.
func (d *database) operations(ctx context.Context, pl plan) ([]ovsdb.Operation, error) {
	bridges, err := d.bridges(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := d.portRows(ctx)
	if err != nil {
		return nil, err
	}
	byName := map[string]*portRow{}
	for _, row := range rows {
		byName[row.Name] = row
	}
	leaving, joining := map[string][]string{}, map[string][]string{}
	var all []ovsdb.Operation
	for _, p := range pl.remove {
		leaving[p.Bridge] = append(leaving[p.Bridge], byName[p.Tap].UUID)
	}
	for _, p := range pl.update {
		row := record(p)
		row.UUID = byName[p.Tap].UUID
		ops, err := d.client.Where(&row).Update(&row, &row.Tag, &row.VLANMode, &row.ExternalIDs)
		if err != nil {
			return nil, fmt.Errorf("prepare port %s: %w", p.Tap, err)
		}
		all = append(all, ops...)
	}
	for i, p := range pl.create {
		row := record(p)
		row.UUID = fmt.Sprintf("port%d", i)
		row.Interfaces = []string{fmt.Sprintf("interface%d", i)}
		for _, r := range []model.Model{&interfaceRow{UUID: row.Interfaces[0], Name: p.Tap}, &row} {
			ops, err := d.client.Create(r)
			if err != nil {
				return nil, fmt.Errorf("prepare port %s: %w", p.Tap, err)
			}
			all = append(all, ops...)
		}
		joining[p.Bridge] = append(joining[p.Bridge], row.UUID)
	}
	for _, name := range []string{BridgeSite, BridgeOutside} {
		b := bridges[name]
		if b == nil {
			continue
		}
		for _, m := range []model.Mutation{
			{Field: &b.Ports, Mutator: ovsdb.MutateOperationDelete, Value: leaving[name]},
			{Field: &b.Ports, Mutator: ovsdb.MutateOperationInsert, Value: joining[name]},
		} {
			if len(m.Value.([]string)) == 0 {
				continue
			}
			ops, err := d.client.Where(b).Mutate(b, m)
			if err != nil {
				return nil, fmt.Errorf("prepare bridge %s: %w", name, err)
			}
			all = append(all, ops...)
		}
	}
	return all, nil
}

// present returns the ports that the switch has; the error names the others.
func (d *database) present(ctx context.Context, want []Port) ([]Port, error) {
	var rows []*interfaceRow
	if err := d.client.List(ctx, &rows); err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	byName := map[string]*interfaceRow{}
	for _, row := range rows {
		byName[row.Name] = row
	}
	var missing []error
	ports := slices.DeleteFunc(slices.Clone(want), func(p Port) bool {
		row := byName[p.Tap]
		if row != nil && row.Ofport != nil && *row.Ofport > 0 {
			return false
		}
		why := "no reason given"
		if row != nil && row.Error != nil {
			why = *row.Error
		}
		missing = append(missing, fmt.Errorf("port %s of %s is not taken by Open vSwitch: %s", p.Tap, p.Vnode, why))
		return true
	})
	return ports, errors.Join(missing...)
}
