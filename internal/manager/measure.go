package manager

import (
	"context"
	"strings"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/estimate"
	"quarry/internal/roll"
	"quarry/internal/store"
)

// openHistory reads what was measured, and what the provider decided about it.
func openHistory(tx *store.Tx) (*estimate.History, error) {
	settings, err := readSiteSettings(tx)
	if err != nil {
		return nil, err
	}
	list, err := tx.Measurements()
	if err != nil {
		return nil, err
	}
	h := estimate.NewHistory(settings.Estimates)
	h.Add(list...)
	return h, nil
}

// remember keeps measurements, for estimates.
func (m *Manager) remember(ctx context.Context, list ...estimate.Sample) {
	err := m.Store.Update(ctx, func(tx *store.Tx) error { return insertSamples(tx, list) })
	if err != nil {
		m.Log.WarnContext(ctx, "measurements not kept", "error", err)
		return
	}
	m.estimates.Add(list...)
}

func insertSamples(tx *store.Tx, list []estimate.Sample) error {
	for _, s := range list {
		if err := tx.InsertMeasurement(s); err != nil {
			return err
		}
	}
	return nil
}

// profileOf names what a plan is made of for estimates: the appliance and the
// rolls, since an address changes with each security update. The tenant is
// whose own rolls are among them.
func profileOf(p plan) (tenant, profile string) {
	for _, list := range [][]roll.Script{p.Profile.Install, p.Profile.Boot, p.Profile.Cluster, p.Profile.Checks} {
		for _, s := range list {
			tenant = max(tenant, s.Tenant)
		}
	}
	for _, f := range p.Profile.Files {
		tenant = max(tenant, f.Tenant)
	}
	return tenant, p.Profile.Appliance + " of " + strings.Join(p.Profile.Rolls, " ")
}

// vnodeKey names the preparation of one vnode; its stage is still open.
func vnodeKey(d dossier, n cluster.Node, crowd int) estimate.Key {
	k := estimate.Key{Size: estimate.Size(n.CPUs, n.MemoryMiB), Pnode: n.Pnode, Crowd: crowd}
	k.Tenant, k.Profile = profileOf(planOf(d.Plans, n))
	return k
}

// wipeKey names wiping a cluster's part on one pnode.
func wipeKey(c cluster.Cluster, d dossier, pnode string, crowd int) estimate.Key {
	k := estimate.Key{Stage: estimate.Wipe, Profile: "clusters of " + strings.Join(c.Rolls, " "), Pnode: pnode, Crowd: crowd}
	for _, p := range d.Plans {
		tenant, _ := profileOf(p)
		k.Tenant = max(k.Tenant, tenant)
	}
	return k
}

// crowds counts a cluster's vnodes by pnode.
func crowds(c cluster.Cluster) map[string]int {
	count := map[string]int{}
	for _, n := range c.Nodes {
		count[n.Pnode]++
	}
	return count
}

func buildSample(p plan, took time.Duration, now time.Time) estimate.Sample {
	k := estimate.Key{Stage: estimate.Build}
	k.Tenant, k.Profile = profileOf(p)
	return estimate.Sample{Key: k, Seconds: took.Seconds(), At: now}
}

// prepared is what the pnodes measured of a preparation that is done: the
// slowest vnode of each profile and size on each pnode.
func (m *Manager) prepared(c cluster.Cluster, d dossier, now time.Time) []estimate.Sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	count := crowds(c)
	slowest := map[estimate.Key]float64{}
	var order []estimate.Key
	for _, n := range c.Nodes {
		st, ok := findVnode(m.reports[n.Pnode].Report, c.ID, n.Name)
		if !ok || st.Incarnation != d.Incarnations[n.Name] {
			continue
		}
		for _, part := range []struct {
			stage   estimate.Stage
			seconds float64
		}{{estimate.Fetch, st.Took.Fetch}, {estimate.Up, st.Took.Up}, {estimate.Join, st.Took.Join}} {
			k := vnodeKey(d, n, count[n.Pnode])
			k.Stage = part.stage
			if _, seen := slowest[k]; !seen && part.seconds > 0 {
				order = append(order, k)
			}
			slowest[k] = max(slowest[k], part.seconds)
		}
	}
	list := make([]estimate.Sample, 0, len(order))
	for _, k := range order {
		list = append(list, estimate.Sample{Key: k, Seconds: slowest[k], At: now})
	}
	return list
}

// wiped is what the pnodes measured of an end that is done.
func (m *Manager) wiped(c cluster.Cluster, d dossier, now time.Time) []estimate.Sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []estimate.Sample
	count := crowds(c)
	for _, name := range sortedKeys(count) {
		for _, s := range m.reports[name].Clusters {
			if s.ID == c.ID && s.Gone && s.WipeSeconds > 0 {
				list = append(list, estimate.Sample{Key: wipeKey(c, d, name, count[name]), Seconds: s.WipeSeconds, At: now})
			}
		}
	}
	return list
}
