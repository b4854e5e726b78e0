package manager

import (
	"context"
	"reflect"
	"slices"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/pnode"
	"quarry/internal/vnode"
)

// wantedCluster is a cluster that is not over, with its file.
type wantedCluster struct {
	c         cluster.Cluster
	f         *file
	assembled bool
	notices   []vnode.Notice
}

// publish makes the newest desired state of every pnode known. A state that
// is the same as before keeps its generation.
func (m *Manager) publish(ctx context.Context, pnodes []calendar.Pnode, wanted []wantedCluster) {
	states := make(map[string]pnode.Desired, len(pnodes))
	for _, p := range pnodes {
		states[p.Name] = m.desiredOf(p.Name, wanted)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	news := !m.published
	for name, next := range states {
		old, ok := m.desired[name]
		next.Generation = old.Generation
		if ok && reflect.DeepEqual(old, next) {
			continue
		}
		next.Generation++
		m.desired[name] = next
		news = true
		m.Log.DebugContext(ctx, "desired state changed", "pnode", name, "generation", next.Generation, "clusters", len(next.Clusters))
	}
	m.published = true
	if news {
		close(m.changed)
		m.changed = make(chan struct{})
	}
}

// desiredOf is what is wanted of one pnode: the parts of every cluster that
// is being prepared or later, and the images of those still to come.
func (m *Manager) desiredOf(name string, wanted []wantedCluster) pnode.Desired {
	d := pnode.Desired{Epoch: m.epoch}
	images := map[string]bool{}
	for _, w := range wanted {
		if w.c.State == cluster.Held {
			continue
		}
		part := pnode.Cluster{
			ID: w.c.ID, Name: w.c.Name, Tenant: w.c.Tenant, VLAN: w.c.VLAN,
			OpenAt: w.c.Start, CloseAt: w.c.End,
			Open:      w.c.State == cluster.Ready || w.c.State == cluster.Active,
			Assembled: w.assembled, Notices: w.notices,
		}
		here := false
		for _, n := range w.c.Nodes {
			if n.Pnode != name {
				continue
			}
			here = true
			if !m.ImageStore.Has(n.Image) {
				continue
			}
			images[n.Image] = true
			part.Vnodes = append(part.Vnodes, pnode.Vnode{
				Name: n.Name, Appliance: n.Appliance, CPUs: n.CPUs, MemoryMiB: n.MemoryMiB, DiskMiB: n.DiskMiB,
				Image: n.Image, Identity: w.f.identities[n.Name], Incarnation: w.f.Incarnations[n.Name], End: n.Leaving,
			})
		}
		if here && w.c.State.Begun() {
			d.Clusters = append(d.Clusters, part)
		}
	}
	d.Images = sortedKeys(images)
	slices.SortFunc(d.Clusters, func(a, b pnode.Cluster) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return d
}

// Desired returns the newest state wanted of a pnode and a channel that is
// closed when there may be a newer one. It is not ok until the manager has
// looked at every cluster once: an empty state would end them all.
func (m *Manager) Desired(_ context.Context, name string) (d pnode.Desired, ok bool, changed <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok = m.desired[name]
	return d, ok, m.changed
}
