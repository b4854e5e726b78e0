package fabric

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/model"
	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// The rows of Open vSwitch's database, as far as Quarry uses them.
type (
	rootRow struct {
		UUID    string `ovsdb:"_uuid"`
		NextCfg int    `ovsdb:"next_cfg"`
		CurCfg  int    `ovsdb:"cur_cfg"`
	}
	bridgeRow struct {
		UUID     string   `ovsdb:"_uuid"`
		Name     string   `ovsdb:"name"`
		Ports    []string `ovsdb:"ports"`
		FailMode *string  `ovsdb:"fail_mode"`
	}
	portRow struct {
		UUID        string            `ovsdb:"_uuid"`
		Name        string            `ovsdb:"name"`
		Interfaces  []string          `ovsdb:"interfaces"`
		Tag         *int              `ovsdb:"tag"`
		VLANMode    *string           `ovsdb:"vlan_mode"`
		ExternalIDs map[string]string `ovsdb:"external_ids"`
	}
	interfaceRow struct {
		UUID   string  `ovsdb:"_uuid"`
		Name   string  `ovsdb:"name"`
		Type   string  `ovsdb:"type"`
		Ofport *int    `ovsdb:"ofport"`
		Error  *string `ovsdb:"error"`
	}
)

// Keys of external_ids of a port.
const (
	keyOwner     = "quarry"
	keyVnode     = "quarry-vnode"
	keyMAC       = "quarry-mac"
	keyAddresses = "quarry-addresses"
	keyOpen      = "quarry-open"
	keyRouter    = "quarry-router"
	keyVLAN      = "quarry-vlan"
	keyUplink    = "quarry-uplink"
)

type database struct {
	client client.Client
}

func openDatabase(ctx context.Context, endpoint string) (*database, error) {
	schema, err := model.NewClientDBModel("Open_vSwitch", map[string]model.Model{
		"Open_vSwitch": &rootRow{}, "Bridge": &bridgeRow{}, "Port": &portRow{}, "Interface": &interfaceRow{},
	})
	if err != nil {
		return nil, err
	}
	silent := logr.Discard()
	c, err := client.NewOVSDBClient(schema, client.WithEndpoint(endpoint), client.WithLogger(&silent))
	if err != nil {
		return nil, err
	}
	if err := c.Connect(ctx); err != nil {
		return nil, err
	}
	if _, err := c.Monitor(ctx, watched(c)); err != nil {
		c.Close()
		return nil, err
	}
	return &database{client: c}, nil
}

// watched names the columns of our rows: the library cannot take others, and
// the statistics of interfaces change all the time.
func watched(c client.Client) *client.Monitor {
	root, b, p, i := &rootRow{}, &bridgeRow{}, &portRow{}, &interfaceRow{}
	return c.NewMonitor(
		client.WithTable(root, &root.NextCfg, &root.CurCfg),
		client.WithTable(b, &b.Name, &b.Ports, &b.FailMode),
		client.WithTable(p, &p.Name, &p.Interfaces, &p.Tag, &p.VLANMode, &p.ExternalIDs),
		client.WithTable(i, &i.Name, &i.Type, &i.Ofport, &i.Error),
	)
}

func (d *database) close() { d.client.Close() }

// bridges returns all bridges by name.
func (d *database) bridges(ctx context.Context) (map[string]*bridgeRow, error) {
	var rows []*bridgeRow
	if err := d.client.List(ctx, &rows); err != nil {
		return nil, fmt.Errorf("list bridges: %w", err)
	}
	byName := map[string]*bridgeRow{}
	for _, r := range rows {
		byName[r.Name] = r
	}
	return byName, nil
}

// portRows returns all ports by UUID.
func (d *database) portRows(ctx context.Context) (map[string]*portRow, error) {
	var rows []*portRow
	if err := d.client.List(ctx, &rows); err != nil {
		return nil, fmt.Errorf("list ports: %w", err)
	}
	byID := map[string]*portRow{}
	for _, r := range rows {
		byID[r.UUID] = r
	}
	return byID, nil
}

// ports returns what is recorded of our ports, by tap.
func (d *database) ports(ctx context.Context) ([]Port, error) {
	bridges, err := d.bridges(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := d.portRows(ctx)
	if err != nil {
		return nil, err
	}
	var ports []Port
	for name, b := range bridges {
		for _, id := range b.Ports {
			if row := rows[id]; row != nil && row.ExternalIDs[keyOwner] != "" {
				ports = append(ports, recorded(name, row))
			}
		}
	}
	slices.SortFunc(ports, func(a, b Port) int { return cmp.Compare(a.Tap, b.Tap) })
	return ports, nil
}

// uplinks returns the marked trunk ports of a bridge, sorted.
func uplinks(b *bridgeRow, rows map[string]*portRow) []string {
	var names []string
	for _, id := range b.Ports {
		if row := rows[id]; row != nil && row.ExternalIDs[keyUplink] == "true" {
			names = append(names, row.Name)
		}
	}
	slices.Sort(names)
	return names
}

// record is the row of a port. A closed port lies in the quarantine VLAN,
// which also holds while Open vSwitch has no flows.
func record(p Port) portRow {
	tag, mode := p.VLAN, "access"
	if !p.Open {
		tag = quarantine
	}
	return portRow{
		Name: p.Tap, Tag: &tag, VLANMode: &mode,
		ExternalIDs: map[string]string{
			keyOwner: p.Owner, keyVnode: p.Vnode, keyMAC: p.MAC,
			keyAddresses: strings.Join(p.Addresses, " "),
			keyOpen:      strconv.FormatBool(p.Open), keyRouter: strconv.FormatBool(p.Router),
			keyVLAN: strconv.Itoa(p.VLAN),
		},
	}
}

// recorded is the port that a row was made from.
func recorded(bridge string, row *portRow) Port {
	ids := row.ExternalIDs
	vlan, err := strconv.Atoi(ids[keyVLAN])
	if err != nil {
		vlan = -1 // nothing wanted is like this, so it is made anew
	}
	return Port{
		Tap: row.Name, Bridge: bridge, VLAN: vlan, MAC: ids[keyMAC],
		Addresses: strings.Fields(ids[keyAddresses]),
		Open:      ids[keyOpen] == "true", Router: ids[keyRouter] == "true",
		Owner: ids[keyOwner], Vnode: ids[keyVnode],
	}
}

// commit runs operations as one transaction and waits until Open vSwitch has
// made them true.
func (d *database) commit(ctx context.Context, operations []ovsdb.Operation) error {
	var roots []*rootRow
	if err := d.client.List(ctx, &roots); err != nil || len(roots) != 1 {
		return fmt.Errorf("read configuration number: %w", cmp.Or(err, errors.New("no root row")))
	}
	bump, err := d.client.Where(roots[0]).Mutate(roots[0], model.Mutation{
		Field: &roots[0].NextCfg, Mutator: ovsdb.MutateOperationAdd, Value: 1,
	})
	if err != nil {
		return fmt.Errorf("prepare transaction: %w", err)
	}
	read := ovsdb.Operation{
		Op: ovsdb.OperationSelect, Table: "Open_vSwitch", Columns: []string{"next_cfg"},
		Where: []ovsdb.Condition{ovsdb.NewCondition("_uuid", ovsdb.ConditionEqual, ovsdb.UUID{GoUUID: roots[0].UUID})},
	}
	all := append(slices.Clone(operations), bump...)
	all = append(all, read)
	results, err := d.client.Transact(ctx, all...)
	if err != nil {
		return fmt.Errorf("change Open vSwitch's database: %w", err)
	}
	if _, err := ovsdb.CheckOperationResults(results, all); err != nil {
		return fmt.Errorf("change Open vSwitch's database: %w", err)
	}
	want, err := nextCfg(results[len(results)-1])
	if err != nil {
		return err
	}
	return d.settled(ctx, roots[0].UUID, want)
}

func nextCfg(r ovsdb.OperationResult) (int, error) {
	if len(r.Rows) == 1 {
		switch n := r.Rows[0]["next_cfg"].(type) {
		case float64:
			return int(n), nil
		case int:
			return n, nil
		}
	}
	return 0, fmt.Errorf("change Open vSwitch's database: no configuration number in %v", r.Rows)
}

// settled waits until Open vSwitch has seen the configuration number want.
func (d *database) settled(ctx context.Context, root string, want int) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		row := &rootRow{UUID: root}
		if err := d.client.Get(ctx, row); err != nil {
			return fmt.Errorf("read configuration number: %w", err)
		}
		if row.CurCfg >= want {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for ovs-vswitchd: %w", ctx.Err())
		}
	}
}
