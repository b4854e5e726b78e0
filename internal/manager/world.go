package manager

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/pnode"
	"quarry/internal/store"
	"quarry/internal/vnode"
)

// file is a cluster's dossier in memory, with what follows from it.
type file struct {
	dossier
	identities map[string]vnode.Identity // by vnode name
	// nodes says which vnodes the identities are of.
	nodes string
	local *time.Location // of the cluster's vnodes
}

// membership is all that identities depend on of a cluster's list of vnodes.
func membership(c cluster.Cluster) string {
	var b strings.Builder
	for _, n := range c.Nodes {
		fmt.Fprintf(&b, "%s %t %t %s\n", n.Name, n.Joining, n.Leaving, n.Leg(cluster.OutsideNetwork).Address)
	}
	return b.String()
}

// dossier returns a cluster's file, reading it once for each list of vnodes.
func (m *Manager) dossier(ctx context.Context, c cluster.Cluster) (*file, error) {
	m.mu.Lock()
	old, ok := m.files[c.ID]
	m.mu.Unlock()
	nodes := membership(c)
	if ok && old.nodes == nodes {
		return old, nil
	}
	var raw []byte
	err := m.Store.View(ctx, func(tx *store.Tx) (err error) {
		raw, err = tx.ClusterSecrets(c.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	d, err := decodeDossier(raw)
	if err != nil {
		return nil, err
	}
	local, err := time.LoadLocation(c.Spec.TimeZone)
	if err != nil { // it was there when the cluster was booked
		local = time.UTC
	}
	f := &file{dossier: d, identities: map[string]vnode.Identity{}, nodes: nodes, local: local}
	for _, n := range c.Nodes {
		if f.identities[n.Name], err = identity(m.site, c, d, n); err != nil {
			return nil, fmt.Errorf("identity of %s in cluster %s: %w", n.Name, c.Name, err)
		}
	}
	m.mu.Lock()
	m.files[c.ID] = f
	m.mu.Unlock()
	return f, nil
}

// world gathers what is known of a cluster now.
func (m *Manager) world(c cluster.Cluster, f *file, in survey, expected forecast, now time.Time) cluster.World {
	w := cluster.World{Now: now, Unsure: !m.clock.Sure(len(in.pnodes)), Nodes: map[string]cluster.Seen{}}
	least := 100
	for _, n := range c.Nodes {
		seen := m.seen(c, f.dossier, n, in)
		w.Nodes[n.Name] = seen
		if n.Aside() {
			continue
		}
		least = min(least, seen.Progress)
		if why := hopeless(n.Name, seen, f.Incarnations); why != "" {
			w.Fail = why
		}
	}
	w.Opened = m.opened(c)
	limits := in.limitsOf(c.Tenant)
	w.UnusedWarn = time.Duration(limits.UnusedWarnSeconds) * time.Second
	w.UnusedReclaim = time.Duration(limits.UnusedReclaimSeconds) * time.Second
	foresee(&w, c, expected, m.harms(c), least)
	return w
}

// foresee adds what is to be expected of a cluster; least is how far its
// slowest vnode is, in per cent.
func foresee(w *cluster.World, c cluster.Cluster, expected forecast, harms []calendar.Harm, least int) {
	if !c.State.Begun() {
		w.Expected = c.PrepareAt.Add(expected.Expect)
	} else {
		w.Expected = w.Now.Add(expected.remaining(least))
	}
	w.Risk, w.Plight = risk(c, harms), plight(c, harms)
	if w.Risk == "" {
		w.Risk = expected.late(c)
	}
	w.Why = expected.Why
	w.GiveUp = !w.Unsure && w.Now.Sub(c.End) > giveUpAfter
}

// hopeless says why a vnode that failed is not made anew once more, "" if it
// has not failed or is.
func hopeless(name string, seen cluster.Seen, incarnations map[string]int) string {
	if !seen.Failed || incarnations[name] < retries {
		return ""
	}
	return fmt.Sprintf("%s failed: %s", name, seen.Message)
}

// seen is what is known of one vnode.
func (m *Manager) seen(c cluster.Cluster, d dossier, n cluster.Node, in survey) cluster.Seen {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, reported := m.reports[n.Pnode]
	wanted := m.desired[n.Pnode]
	if in.lost(n.Pnode) {
		return cluster.Seen{Lost: true}
	}
	if c.State == cluster.Ending || !c.State.Live() {
		current := reported && r.Epoch == m.epoch && r.Generation >= wanted.Generation
		return cluster.Seen{Gone: current && gone(r.Report, c.ID)}
	}
	if n.Leaving {
		return cluster.Seen{Gone: reported && r.Epoch == m.epoch && r.Generation >= wanted.Generation && left(wanted, r.Report, c.ID, n.Name)}
	}
	if !m.ImageStore.Has(n.Image) {
		return m.beingMade(n.Image)
	}
	st, ok := findVnode(r.Report, c.ID, n.Name)
	if !ok || st.Incarnation != d.Incarnations[n.Name] {
		return cluster.Seen{Stage: vnode.StageImage, Progress: buildShare, Message: "waiting for pnode " + n.Pnode}
	}
	return cluster.Seen{
		Stage: st.Stage, Progress: buildShare + st.Progress*(100-buildShare)/100,
		IdleSince: st.IdleSince, Ready: st.Ready, Failed: st.Failed, Message: st.Message,
	}
}

// assembled reports whether every vnode of a cluster said that it is through
// its boot scripts. Who has no cluster scripts is not asked.
func (m *Manager) assembled(c cluster.Cluster, d dossier, in survey) bool {
	awaited := slices.ContainsFunc(slices.Collect(maps.Values(d.Plans)), func(p plan) bool { return len(p.Profile.Cluster) > 0 })
	if !awaited || c.State == cluster.Ending || !c.State.Live() {
		return false
	}
	return !slices.ContainsFunc(c.Nodes, func(n cluster.Node) bool {
		return !n.Aside() && !vnode.Up(m.seen(c, d, n, in).Stage)
	})
}

// buildShare is the part of the progress bar, in per cent, that making the
// image takes.
const buildShare = 20

// beingMade is what is seen of a vnode whose image is not there; m.mu is held.
func (m *Manager) beingMade(address string) cluster.Seen {
	b := m.builds[address]
	switch {
	case b == nil:
		return cluster.Seen{Stage: vnode.StageImage, Message: "the image waits to be made"}
	case b.failed != nil:
		return cluster.Seen{Stage: vnode.StageImage, Message: "the image could not be made, trying again: " + b.failed.Error()}
	}
	return cluster.Seen{Stage: vnode.StageImage, Progress: b.percent * buildShare / 100, Message: "making the image: " + b.stage}
}

// opened is when the gateway's pnode opened the outside leg, nil before.
func (m *Manager) opened(c cluster.Cluster) *time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.reports[c.Nodes[0].Pnode]
	for _, s := range r.Clusters {
		if s.ID == c.ID {
			return s.Opened
		}
	}
	return nil
}

func findVnode(r pnode.Report, id, name string) (pnode.VnodeStatus, bool) {
	for _, s := range r.Clusters {
		if s.ID != id {
			continue
		}
		if i := slices.IndexFunc(s.Vnodes, func(v pnode.VnodeStatus) bool { return v.Name == name }); i >= 0 {
			return s.Vnodes[i], true
		}
	}
	return pnode.VnodeStatus{}, false
}

// left reports whether a pnode neither is to keep a vnode of a live cluster nor
// has anything of it, by its own word.
func left(wanted pnode.Desired, r pnode.Report, id, name string) bool {
	for _, c := range wanted.Clusters {
		if c.ID == id && slices.ContainsFunc(c.Vnodes, func(v pnode.Vnode) bool { return v.Name == name && !v.End }) {
			return false
		}
	}
	_, there := findVnode(r, id, name)
	return !there
}

// gone reports whether nothing of a cluster is left by a pnode's own word.
func gone(r pnode.Report, id string) bool {
	for _, s := range r.Clusters {
		if s.ID == id {
			return s.Gone
		}
	}
	return true
}
