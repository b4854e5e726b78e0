package manager

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/store"
)

// PnodeChange changes what it names of a pnode's settings and leaves the rest.
type PnodeChange struct {
	Rack        *string              `json:"rack,omitempty" doc:"the rack it stands in; empty for none"`
	Tags        *[]string            `json:"tags,omitempty" doc:"all of its tags"`
	Maintenance *[]calendar.Window   `json:"maintenance,omitempty" doc:"all windows in which it holds nothing"`
	Overcommit  *calendar.Overcommit `json:"overcommit,omitempty" doc:"all ratios that differ from the site's, in per cent; 0 is the site's"`
	Note        *string              `json:"note,omitempty" doc:"a remark for people"`
}

// of is what becomes of settings. Times are kept in whole UTC seconds, windows
// in their order, tags sorted.
func (ch PnodeChange) of(s calendar.Settings) calendar.Settings {
	if ch.Rack != nil {
		s.Rack = *ch.Rack
	}
	if ch.Tags != nil {
		s.Tags = slices.Sorted(slices.Values(*ch.Tags))
	}
	if ch.Maintenance != nil {
		s.Maintenance = nil
		for _, w := range *ch.Maintenance {
			s.Maintenance = append(s.Maintenance, calendar.Window{From: w.From.UTC().Truncate(time.Second), To: w.To.UTC().Truncate(time.Second)})
		}
		slices.SortFunc(s.Maintenance, func(a, b calendar.Window) int { return a.From.Compare(b.From) })
	}
	if ch.Overcommit != nil {
		s.Overcommit = *ch.Overcommit
	}
	if ch.Note != nil {
		s.Note = *ch.Note
	}
	return s
}

const setTitle = "the pnode cannot be set like this"

// SetPnode changes a pnode's settings. Booked clusters that cannot stay there
// any more are planned anew, and told; a maintenance window over a cluster
// whose preparation has begun is refused, since that one does not move.
// ifMatch is the version the caller saw, 0 for any.
func (m *Manager) SetPnode(ctx context.Context, p Principal, name string, change PnodeChange, ifMatch int64) (PnodeInfo, error) {
	now := m.Now().UTC()
	return m.changePnode(ctx, p, name, ifMatch, func(tx *store.Tx, row *store.Pnode) error {
		next := change.of(row.Settings)
		if reflect.DeepEqual(next, row.Settings) {
			return nil
		}
		live, err := tx.Clusters(store.ClusterFilter{Live: true, Pnode: name})
		if err != nil {
			return err
		}
		if err := judge(name, row.Settings, next, live, now); err != nil {
			return err
		}
		row.Settings = next
		return tx.PutPnode(*row)
	})
}

// changePnode lets change write a pnode down otherwise, and plans with it.
func (m *Manager) changePnode(ctx context.Context, p Principal, name string, ifMatch int64, change func(*store.Tx, *store.Pnode) error) (PnodeInfo, error) {
	if err := provider(p); err != nil {
		return PnodeInfo{}, err
	}
	var row store.Pnode
	var info PnodeInfo
	err := m.Store.Update(ctx, func(tx *store.Tx) (err error) {
		if row, err = tx.Pnode(name); err != nil {
			return err
		}
		if ifMatch != 0 && ifMatch != row.Version {
			return fault.New(fault.Precondition, "the pnode changed", fault.Detail{Field: "If-Match", Message: fmt.Sprintf(
				"you saw version %d of pnode %q, it is %d now: read it again", ifMatch, name, row.Version)})
		}
		if err := change(tx, &row); err != nil {
			return err
		}
		if row, err = tx.Pnode(name); err != nil { // with its new version
			return err
		}
		if info, err = m.pnodeIn(tx, row); err != nil {
			return err
		}
		return p.answered(tx, info)
	})
	if err != nil {
		return PnodeInfo{}, err
	}
	if err := m.ledger.SetPnode(m.calendarPnode(row)); err != nil {
		return PnodeInfo{}, err
	}
	m.Log.InfoContext(ctx, "pnode changed", "pnode", name, "drained", row.Drained)
	m.poke()
	return info, nil
}

// judge says what is wrong with settings, and with windows that are new; live
// are the clusters that are on the pnode.
func judge(name string, old, next calendar.Settings, live []cluster.Cluster, now time.Time) error {
	if wrong := next.Check(); len(wrong) > 0 {
		return fault.New(fault.Invalid, setTitle, wrong...)
	}
	var past, over fault.List
	for i, w := range next.Maintenance {
		field := fmt.Sprintf("maintenance[%d]", i)
		if slices.ContainsFunc(old.Maintenance, func(o calendar.Window) bool { return o.From.Equal(w.From) && o.To.Equal(w.To) }) {
			continue
		}
		if !w.To.After(now) {
			past.Add(field, fmt.Sprintf("%s is over: it is %s", w, now.Format(time.RFC3339)))
		}
		for _, c := range live {
			if end := c.End.Add(wipeTimeOf(c)); begun(c) && w.From.Before(end) && w.To.After(now) {
				over.Add(field, fmt.Sprintf("cluster %s/%s (%s) has vnodes on %s until %s and does not move: begin after that, or end it first",
					c.Tenant, c.Name, c.State, name, end.Format(time.RFC3339)))
			}
		}
	}
	if err := past.Err(fault.Invalid, setTitle); err != nil {
		return err
	}
	return over.Err(fault.Refused, setTitle)
}

// begun reports whether a cluster's vnodes stay where they are.
func begun(c cluster.Cluster) bool { return c.State.Begun() && c.EndedAt == nil }
