package manager

import (
	"slices"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
)

// Hold holds room for a cluster as HoldCluster does. What Book returns is so here.
func (k *Core) Hold(tenant, id string, spec cluster.Spec, hold time.Duration, now time.Time) (cluster.Cluster, error) {
	if err := boundHold(hold); err != nil {
		return cluster.Cluster{}, err
	}
	if err := checkHold(spec, hold); err != nil {
		return cluster.Cluster{}, err
	}
	return k.book(tenant, id, spec, hold.Round(time.Second), now)
}

// Change does one operation on a cluster as ChangeCluster does. What the
// calendar has no room for is a bare *calendar.Refusal, what is more than the
// tenant may hold a bare *quota.Refusal; what is refused changes
// nothing.
func (k *Core) Change(c *cluster.Cluster, ch Change, now time.Time) error {
	switch ch.Operation {
	case EndNow:
		return k.End(c, now)
	case Cancel:
		return k.Cancel(c, now)
	}
	k.cal.Advance(now)
	e := &edit{Change: ch, now: now.UTC(), before: *c, c: *c}
	e.c.Nodes = slices.Clone(c.Nodes)
	if err := e.complete(); err != nil || e.nothing {
		return err
	}
	if d := k.dossiers[c.ID]; e.Operation == Grow {
		e.dossier = &d
	}
	if err := k.decide(e); err != nil {
		_ = k.keep(e.before, now) // as it was, which there is room for
		return err
	}
	*c = e.c
	return k.keep(*c, now)
}

func (k *Core) decide(e *edit) error {
	if do := e.inCalendar(); do != nil {
		still := e.still(do)
		_, err := take(coreDesk{k, e.now}, e.now, e.c.Tenant, e.c.ID, func(c *calendar.Calendar, _ calendar.Limit) error { return still(c) })
		if err != nil {
			return err
		}
	}
	return e.settle()
}

// ImagesOf are the addresses of the images that a cluster of that specification
// would boot.
func ImagesOf(spec cluster.Spec, now time.Time) []string {
	return sortedKeys(plainDossier(spec.Complete(now.UTC().Truncate(time.Second))).addresses())
}
