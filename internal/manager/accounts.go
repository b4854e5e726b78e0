package manager

import (
	"context"
	"fmt"
	"slices"
	"time"

	"quarry/internal/accounting"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/store"
)

// account lets the last of a cluster's events carry what the cluster holds, if
// that is not what the events before say.
func account(tx *store.Tx, c cluster.Cluster, events []cluster.Event, now time.Time) ([]cluster.Event, error) {
	last, err := tx.LastHolding(c.ID)
	if err != nil {
		return nil, err
	}
	if len(events) > 0 {
		now = events[len(events)-1].Time
	}
	held, changed := c.Holds(last, now)
	if !changed {
		return events, nil
	}
	if events = slices.Clone(events); len(events) == 0 {
		events = append(events, cluster.Event{Time: now, Cluster: c.Name, Type: "changed", Message: "what is held changed"})
	}
	events[len(events)-1].Holds = &held
	return events, nil
}

// longestAccounts bounds the window of a report.
const longestAccounts = 10 * 366 * 24 * time.Hour

// Accounting adds up what clusters held in [from, to), as far as it is past: a
// tenant's own, or those of the tenant that the provider names, "" for all.
func (m *Manager) Accounting(ctx context.Context, p Principal, tenant string, from, to time.Time, by accounting.By) (r accounting.Accounts, err error) {
	if tenant, err = m.accountsOf(p, tenant); err != nil {
		return r, err
	}
	if from, to, err = m.accountable(from, to); err != nil {
		return r, err
	}
	book := accounting.Open(from, to, by)
	err = m.Store.View(ctx, func(tx *store.Tx) error {
		if tenant != "" && p.Role == RoleProvider {
			if err := hasTenant(tx, tenant); err != nil {
				return err
			}
		}
		return tx.EachHolding(tenant, from, to, book.Add)
	})
	if err != nil {
		return r, err
	}
	return book.Report()
}

// accountsOf is whose accounts may be seen.
func (m *Manager) accountsOf(p Principal, tenant string) (string, error) {
	switch {
	case p.Role == RoleProvider:
		return tenant, nil
	case p.Role == RoleTenant && (tenant == "" || tenant == p.Tenant):
		return p.Tenant, nil
	}
	return "", fault.New(fault.Forbidden, "not allowed", fault.Detail{Field: "tenant", Message: "you see your own accounts only: leave the tenant out"})
}

// accountable is a window as far as it is past.
func (m *Manager) accountable(from, to time.Time) (time.Time, time.Time, error) {
	now := m.Now()
	if to.IsZero() || to.After(now) {
		to = now
	}
	var l fault.List
	if !from.Before(to) {
		l.Add("from", fmt.Sprintf("%s is not before %s, the end of what is asked for and past", from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339)))
	} else if to.Sub(from) > longestAccounts {
		l.Add("from", fmt.Sprintf("%s is more than ten years before %s", from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339)))
	}
	return from, to, l.Err(fault.Invalid, "the accounts cannot be shown")
}

func hasTenant(tx *store.Tx, name string) error {
	all, err := tx.Tenants()
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.Name == name {
			return nil
		}
	}
	return fault.New(fault.NotFound, "no such tenant", fault.Detail{Field: "tenant", Message: fmt.Sprintf("there is no tenant %q", name)})
}

// Audit is how the accounts compare with the clusters' own records.
type Audit struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Clusters int       `json:"clusters"` // how many were compared
	Findings []Finding `json:"findings"`
}

// Finding is one difference.
type Finding struct {
	Tenant    string `json:"tenant"`
	Cluster   string `json:"cluster"`
	ClusterID string `json:"clusterID"`
	Message   string `json:"message"`
}

// AuditAccounting compares, for every cluster that may have held something in
// [from, to), what its events say with its own record. For the provider.
func (m *Manager) AuditAccounting(ctx context.Context, p Principal, from, to time.Time) (a Audit, err error) {
	if err := provider(p); err != nil {
		return a, err
	}
	if from, to, err = m.accountable(from, to); err != nil {
		return a, err
	}
	a = Audit{From: from.UTC(), To: to.UTC(), Findings: []Finding{}}
	return a, m.Store.View(ctx, func(tx *store.Tx) error {
		logs := map[string][]cluster.Holding{}
		err := tx.EachHolding("", from, to, func(e accounting.Entry) error {
			logs[e.ClusterID] = append(logs[e.ClusterID], e.Holding)
			return nil
		})
		if err != nil {
			return err
		}
		all, err := tx.Clusters(store.ClusterFilter{From: from, To: to})
		for _, c := range all {
			a.Clusters++
			for _, message := range accounting.Audit(c, logs[c.ID]) {
				a.Findings = append(a.Findings, Finding{Tenant: c.Tenant, Cluster: c.Name, ClusterID: c.ID, Message: message})
			}
		}
		return err
	})
}
