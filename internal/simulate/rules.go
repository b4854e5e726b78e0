package simulate

import (
	"errors"
	"slices"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/quota"
)

// refuseChange counts a change that the manager refuses; other errors are ours.
func (w *world) refuseChange(err error) error {
	_, full := errors.AsType[*calendar.Refusal](err)
	_, over := errors.AsType[*quota.Refusal](err)
	kind := fault.KindOf(err)
	if !full && !over && kind != fault.Refused && kind != fault.Invalid {
		return err
	}
	w.unchanged++
	return nil
}

// yield lets the clusters know that gave room up for what was decided last. All
// know before one is looked at: that may make others give up more.
func (w *world) yield() error {
	cut := w.core.Yielded()
	var lives []*life
	for _, c := range cut {
		if l := w.names[c.Tenant+"/"+c.Name]; l != nil && l.c.ID == c.ID {
			w.yields++
			l.c = c
			l.due(c.End)
			lives = append(lives, l)
		}
	}
	for _, l := range lives {
		if err := l.look(); err != nil {
			return err
		}
	}
	if len(cut) == 0 {
		return nil
	}
	return w.retry() // they may have held more than was needed
}

// maintain gives a pnode a window in which it holds nothing.
func (w *world) maintain(p *machine, e *Entry) error {
	windows := append(slices.Clone(p.Maintenance), calendar.Window{From: e.Start.UTC(), To: e.End.UTC()})
	if err := w.core.Maintain(p.Name, windows, w.now); err != nil {
		return w.refuseChange(err)
	}
	p.Maintenance = windows
	return w.tell(p)
}

// limit changes what tenants may hold.
func (w *world) limit(e *Entry) error {
	if err := w.core.SetLimits(e.Tenant, *e.Limits); err != nil {
		return w.refuseChange(err)
	}
	for _, l := range w.alive() {
		if l.idle != nil {
			if err := l.look(); err != nil {
				return err
			}
		}
	}
	return nil
}

// use says whether a cluster is used.
func (w *world) use(e *Entry) error {
	l := w.names[e.Tenant+"/"+e.Cluster]
	if l == nil {
		return nil
	}
	l.idle = nil
	if at := w.now; e.Do == Idle {
		l.idle = &at
	}
	return l.look()
}

// watch has the manager look at a cluster when it would be warned, or ended,
// since nobody uses it.
func (l *life) watch() {
	limits := l.w.core.LimitsOf(l.c.Tenant)
	warn, reclaim := time.Duration(limits.UnusedWarnSeconds)*time.Second, time.Duration(limits.UnusedReclaimSeconds)*time.Second
	if l.idle == nil || l.c.State != cluster.Active || warn <= 0 {
		return
	}
	since := *l.c.ActiveAt
	if l.idle.After(since) {
		since = *l.idle
	}
	at := since.Add(warn)
	for _, o := range l.c.Conditions {
		if o.Type != cluster.ConditionUnused || o.Status != "True" {
			continue
		}
		if at = since.Add(reclaim); at.Before(o.Since.Add(reclaim - warn)) {
			at = o.Since.Add(reclaim - warn)
		}
	}
	if at.After(l.w.now) && !at.Equal(l.watched) {
		l.watched = at
		l.due(at)
	}
}
