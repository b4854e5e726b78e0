package manager

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/store"
)

// Cluster returns one of the asker's clusters. The provider names another
// tenant's as "tenant/name".
func (m *Manager) Cluster(ctx context.Context, p Principal, name string) (c cluster.Cluster, err error) {
	err = m.Store.View(ctx, func(tx *store.Tx) error {
		c, err = findCluster(tx, p, name)
		return err
	})
	return m.withUse(m.withSlack(c)), err
}

// Clusters lists the asker's clusters, or everybody's to the provider; those
// that are over only with all.
func (m *Manager) Clusters(ctx context.Context, p Principal, all bool) (list []cluster.Cluster, err error) {
	err = m.Store.View(ctx, func(tx *store.Tx) error {
		list, err = tx.Clusters(store.ClusterFilter{Tenant: p.Tenant, Live: !all})
		return err
	})
	for i := range list {
		list[i] = m.withUse(m.withSlack(list[i]))
	}
	return list, err
}

// findCluster never tells of another tenant's cluster.
func findCluster(tx *store.Tx, p Principal, name string) (cluster.Cluster, error) {
	tenant := p.Tenant
	if p.Role == RoleProvider {
		var qualified bool
		if tenant, name, qualified = strings.Cut(name, "/"); !qualified {
			return findAnywhere(tx, tenant)
		}
	}
	return tx.Cluster(tenant, name)
}

// findAnywhere looks a name up over all tenants, for the provider.
func findAnywhere(tx *store.Tx, name string) (cluster.Cluster, error) {
	all, err := tx.Clusters(store.ClusterFilter{Live: true})
	if err != nil {
		return cluster.Cluster{}, err
	}
	var found []cluster.Cluster
	for _, c := range all {
		if c.Name == name {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return cluster.Cluster{}, fault.New(fault.NotFound, "no such cluster",
			fault.Detail{Message: fmt.Sprintf("no tenant has a live cluster %q", name)})
	case 1:
		return found[0], nil
	}
	return cluster.Cluster{}, fault.New(fault.Conflict, "more than one cluster of that name",
		fault.Detail{Message: fmt.Sprintf("%d tenants have a cluster %q: name it TENANT/%s", len(found), name, name)})
}

// EndCluster ends a cluster's window now. ifMatch is the version the caller
// saw, 0 for any.
func (m *Manager) EndCluster(ctx context.Context, p Principal, name string, ifMatch int64) (cluster.Cluster, error) {
	return m.changeCluster(ctx, p, name, ifMatch, endNow)
}

// endNow closes a cluster's window, once it has begun.
func endNow(c *cluster.Cluster, now time.Time) (string, error) {
	if !c.State.Live() || c.State == cluster.Ending {
		return "", nil
	}
	if !c.State.Begun() {
		return "", fault.New(fault.Refused, "the cluster cannot be ended", fault.Detail{Message: fmt.Sprintf(
			"cluster %q has not begun (%s): cancel it instead", c.Name, c.State)})
	}
	c.End = now
	return "the window was ended by request", nil
}

// CancelCluster gives a cluster up that has not started yet.
func (m *Manager) CancelCluster(ctx context.Context, p Principal, name string, ifMatch int64) (cluster.Cluster, error) {
	return m.changeCluster(ctx, p, name, ifMatch, cancelNow)
}

// cancelNow gives a cluster up, before its start.
func cancelNow(c *cluster.Cluster, now time.Time) (string, error) {
	switch c.State {
	case cluster.Cancelled:
		return "", nil
	case cluster.Held, cluster.Booked:
		c.EndedAt = &now // nothing of it was ever made
	case cluster.Preparing, cluster.Ready:
	default:
		return "", fault.New(fault.Refused, "the cluster cannot be cancelled", fault.Detail{Message: fmt.Sprintf(
			"cluster %q is %s: only one that has not started can be cancelled; end it instead", c.Name, c.State)})
	}
	c.State, c.End = cluster.Cancelled, now
	return "cancelled by request", nil
}

// changeCluster applies one change to a cluster in one transaction. A change
// that returns no message changes nothing: asking twice is no error.
func (m *Manager) changeCluster(ctx context.Context, p Principal, name string, ifMatch int64,
	change func(*cluster.Cluster, time.Time) (string, error),
) (c cluster.Cluster, err error) {
	now := m.Now().UTC()
	err = m.Store.Update(ctx, func(tx *store.Tx) error {
		if c, err = findCluster(tx, p, name); err != nil {
			return err
		}
		if ifMatch != 0 && ifMatch != c.Version {
			return fault.New(fault.Precondition, "the cluster changed", fault.Detail{Field: "If-Match", Message: fmt.Sprintf(
				"you saw version %d of cluster %q, it is %d now: read it again", ifMatch, c.Name, c.Version)})
		}
		message, err := change(&c, now)
		if err != nil {
			return err
		}
		if message == "" {
			return p.answered(tx, c)
		}
		kind, op := "changed", EndNow
		if c.State == cluster.Cancelled {
			kind, op = "cancelled", Cancel
		}
		if err := m.putCluster(tx, &c, []cluster.Event{{Time: now, Cluster: c.Name, Type: kind, Message: message, Detail: &cluster.EventDetail{Operation: string(op)}}}); err != nil {
			return err
		}
		return p.answered(tx, c)
	})
	m.poke()
	return c, err
}

// putCluster writes a cluster down, unless somebody else changed it since,
// what happened to it, and what it holds now.
func (m *Manager) putCluster(tx *store.Tx, c *cluster.Cluster, events []cluster.Event) (err error) {
	if c.Version, err = tx.PutCluster(*c, c.Version); err != nil {
		return err
	}
	now := m.Now().UTC()
	if events, err = account(tx, *c, events, now); err != nil {
		return err
	}
	for _, e := range events {
		if _, err := tx.AppendEvent(c.Tenant, c.ID, e); err != nil {
			return err
		}
	}
	return m.keep(tx, *c, now)
}

// Events lists what happened to a cluster after a sequence number.
func (m *Manager) Events(ctx context.Context, p Principal, name string, after int64) (list []cluster.Event, err error) {
	err = m.Store.View(ctx, func(tx *store.Tx) error {
		c, err := findCluster(tx, p, name)
		if err != nil {
			return err
		}
		list, err = tx.Events(store.EventFilter{ClusterID: c.ID, After: after})
		return err
	})
	return list, err
}

// withSlack fills in the slack that is still expected of a cluster that is
// not ready yet: by the estimate made when it was booked.
func (m *Manager) withSlack(c cluster.Cluster) cluster.Cluster {
	if c.ReadyAt == nil && (!c.State.Begun() || c.State == cluster.Preparing) {
		m.mu.Lock()
		at, known := m.expected[c.ID]
		m.mu.Unlock()
		if known {
			c.SlackSeconds = c.Start.Sub(at).Round(time.Second).Seconds()
		}
	}
	return c
}

// withUse fills in what the vnodes of a running cluster last said of being
// used. It changes every moment, so it is never written down.
func (m *Manager) withUse(c cluster.Cluster) cluster.Cluster {
	if c.State != cluster.Active {
		return c
	}
	c.Nodes = slices.Clone(c.Nodes)
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if st, ok := findVnode(m.reports[n.Pnode].Report, c.ID, n.Name); ok {
			n.Sessions, n.IdleSince = st.Sessions, st.IdleSince
		}
	}
	return c
}
