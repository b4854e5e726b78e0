package manager

import (
	"maps"
	"slices"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/quota"
	"quarry/internal/store"
)

// survey is what the site has and which clusters live there, read in one
// transaction.
type survey struct {
	pnodes []calendar.Pnode
	state  map[string]calendar.Pnode
	live   []cluster.Cluster
	limits map[string]quota.Limits // set, by tenant; "" are the site's defaults
	now    time.Time
}

func (m *Manager) survey(tx *store.Tx, now time.Time) (survey, error) {
	in := survey{now: now, state: map[string]calendar.Pnode{}}
	rows, err := tx.Pnodes()
	if err != nil {
		return survey{}, err
	}
	in.pnodes = m.calendarPnodes(rows)
	for _, p := range in.pnodes {
		in.state[p.Name] = p
	}
	if in.limits, err = tx.AllLimits(); err != nil {
		return survey{}, err
	}
	in.live, err = tx.Clusters(store.ClusterFilter{Live: true})
	in.byPriority()
	return in, err
}

// calendarPnodes are the pnodes as the calendar sees them.
func (m *Manager) calendarPnodes(rows []store.Pnode) []calendar.Pnode {
	list := make([]calendar.Pnode, 0, len(rows))
	for _, p := range rows {
		list = append(list, m.calendarPnode(p))
	}
	return list
}

// calendarPnode is one of them; one that has not measured itself yet takes
// nothing.
func (m *Manager) calendarPnode(p store.Pnode) calendar.Pnode {
	return calendar.Pnode{
		Name: p.Name, Capacity: calendar.Size{CPUs: p.Facts.CPUs, MemoryMiB: p.Facts.MemoryMiB, DiskMiB: p.Facts.DiskMiB},
		Uplink: p.Facts.Uplink, Accelerator: p.Facts.Accelerator, Arch: p.Facts.Arch,
		Rack: p.Settings.Rack, Tags: p.Settings.Tags, Maintenance: p.Settings.Maintenance,
		Overcommit: m.siteSettings().Overcommit.With(p.Settings.Overcommit),
		Drained:    p.Drained || p.Facts.Accelerator == "", Lost: m.lost(p.Name),
	}
}

// limitsOf are the limits that hold for a tenant.
func (in survey) limitsOf(tenant string) quota.Limits { return in.limits[tenant].Or(in.limits[""]) }

// byPriority puts the clusters of tenants of a higher class first, of one class
// those that start first: in this order they are planned anew.
func (in survey) byPriority() {
	rank := map[string]int{}
	for _, c := range in.live {
		rank[c.Tenant] = in.limitsOf(c.Tenant).Priority.Rank()
	}
	slices.SortStableFunc(in.live, func(a, b cluster.Cluster) int {
		return byPriority(func(tenant string) int { return rank[tenant] }, a, b)
	})
}

// lost reports whether a pnode does not answer.
func (in survey) lost(pnode string) bool { return in.state[pnode].Lost }

// sortedKeys makes loops over maps deterministic.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
