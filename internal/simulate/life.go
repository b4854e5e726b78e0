package simulate

import (
	"slices"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/manager"
	"quarry/internal/vnode"
)

// life is one cluster in the world: what the manager made of it, and what is
// so, whether it was seen or not.
type life struct {
	w            *world
	c            cluster.Cluster
	entry        *Entry
	images       []string
	submitted    time.Time
	incarnations map[string]int
	// since is when preparation had all images at hand; ready is when each
	// vnode will be.
	since   time.Time
	ready   map[string]time.Time
	left    map[string]time.Time // when those that are given back are gone
	opened  *time.Time
	gone    time.Time
	told    bool       // that it may be late, before its start
	known   bool       // how long its preparation took
	idle    *time.Time // since when nobody uses it
	watched time.Time  // when it is looked at for that
	looking bool
	again   bool
}

func (l *life) key() string { return l.c.Tenant + "/" + l.c.Name }

// due has the manager look at the cluster at an instant.
func (l *life) due(at time.Time) {
	l.w.put(at, l.look)
}

// look lets the manager look at the cluster until nothing changes any more.
func (l *life) look() error {
	if l.c.EndedAt != nil {
		return l.over()
	}
	if l.looking { // by what it itself set off
		l.again = true
		return nil
	}
	l.looking = true
	defer func() { l.looking = false }()
	for l.again = true; l.again; {
		l.again = false
		before := l.c
		if err := l.step(); err != nil {
			return err
		}
		if err := l.follow(before); err != nil {
			return err
		}
		if l.c.EndedAt != nil {
			return l.over()
		}
	}
	l.watch()
	return nil
}

func (l *life) step() error {
	w := l.w
	next, _, waits, err := w.core.Look(l.c, l.sight(), w.now)
	if err != nil {
		return err
	}
	if moved(l.c, next) || l.c.State == cluster.Booked && !next.PrepareAt.Equal(l.c.PrepareAt) {
		w.replans++
	}
	if waits {
		w.waiting[l] = true
	}
	if l.c.State == cluster.Active && next.End.Before(l.c.End) {
		w.reclaimed++
	}
	l.c = next
	return w.yield()
}

func moved(before, after cluster.Cluster) bool {
	was := map[string]string{}
	for _, n := range before.Nodes {
		was[n.Name] = n.Pnode
	}
	return slices.ContainsFunc(after.Nodes, func(n cluster.Node) bool { return was[n.Name] != "" && was[n.Name] != n.Pnode })
}

// follow lets the world go on with what the manager decided.
func (l *life) follow(before cluster.Cluster) error {
	w := l.w
	if l.c.State == cluster.Booked && !l.c.PrepareAt.Equal(before.PrepareAt) {
		l.due(l.c.PrepareAt)
	}
	if l.c.State != before.State {
		l.again = true
		switch l.c.State {
		case cluster.Preparing:
			l.due(l.c.Start)
			l.due(l.c.End)
		case cluster.Ready:
			l.due(l.c.Start)
			if !l.known {
				l.known = true
				took := w.now.Sub(l.since)
				w.core.Prepared(l.c, took*upShare/100, took*(100-upShare)/100, w.now)
				if err := w.learned(); err != nil {
					return err
				}
			}
		case cluster.Active:
			if l.entry.Runs > 0 {
				w.put(l.c.ActiveAt.Add(time.Duration(l.entry.Runs)), l.endEarly)
			}
		}
	}
	l.part()
	if l.c.State == cluster.Preparing || l.c.State == cluster.Ready || l.c.State == cluster.Active {
		l.make()
	}
	switch l.c.State {
	case cluster.Ready:
		if l.opened == nil && !w.now.Before(l.c.Start) && !w.silent(l.c.Nodes[0].Pnode) {
			at := w.now
			l.opened, l.again = &at, true
		}
	case cluster.Ending, cluster.Failed, cluster.Cancelled:
		if l.gone.IsZero() && l.c.EndedAt == nil {
			l.wipe()
		}
	}
	if !l.told && w.now.Before(l.c.Start) {
		l.told = atRisk(l.c)
	}
	return nil
}

func atRisk(c cluster.Cluster) bool {
	for _, x := range c.Conditions {
		if x.Type == cluster.ConditionOnTime {
			return x.Status == "False"
		}
	}
	return false
}

// make prepares the vnodes that are not being prepared.
func (l *life) make() {
	w := l.w
	if slices.ContainsFunc(l.images, func(image string) bool { return !w.made(image) }) {
		return // looked at when an image was made
	}
	if l.since.IsZero() {
		l.since = w.now
	}
	var at time.Time
	for _, n := range l.c.Nodes {
		late := l.c.State != cluster.Preparing && !n.Joining
		if _, made := l.ready[n.Name]; made || late || n.Leaving || w.silent(n.Pnode) {
			continue
		}
		ready := w.now.Add(l.prepareTime(l.incarnations[n.Name]))
		l.ready[n.Name] = ready
		if !ready.Equal(at) {
			at = ready
			l.due(at)
		}
	}
}

// prepareTime is how long the vnodes take that are made together.
func (l *life) prepareTime(attempt int) time.Duration {
	w := l.w
	if took := l.entry.Took; took != nil && took.Prepare > 0 {
		return time.Duration(took.Prepare)
	}
	d := w.site.Prepare.draw(w.times.of("prepare", l.key(), attempt))
	f := w.site.Failures
	if w.run.Failures != 0 && f.Slow > 0 && w.fails.of("slow", l.key(), attempt).Float64() < f.Slow {
		d = time.Duration(float64(d) * f.Times)
	}
	return d
}

// fails reports whether a vnode's scripts fail this time.
func (l *life) fails(vnode string) bool {
	f := l.w.site.Failures
	return l.w.run.Failures != 0 && f.Boot > 0 &&
		l.w.fails.of("boot", l.key()+"/"+vnode, l.incarnations[vnode]).Float64() < f.Boot
}

// wipe stops and wipes the vnodes.
func (l *life) wipe() {
	d := l.wipeTime()
	l.gone = l.w.now.Add(d)
	l.w.put(l.gone, func() error {
		if l.c.EndedAt != nil {
			return nil
		}
		l.w.core.Wiped(l.c, d, l.w.now)
		if err := l.look(); err != nil {
			return err
		}
		return l.w.learned()
	})
	l.due(l.c.End.Add(manager.GiveUpAfter + time.Second))
}

func (l *life) wipeTime() time.Duration {
	if took := l.entry.Took; took != nil && took.Wipe > 0 {
		return time.Duration(took.Wipe)
	}
	return l.w.site.Wipe.draw(l.w.times.of("wipe", l.key(), 0))
}

// sight is what the manager sees of the cluster now.
func (l *life) sight() manager.Sight {
	s := manager.Sight{Opened: l.opened, Incarnations: l.incarnations}
	if l.c.State == cluster.Booked {
		return s
	}
	s.Nodes = make(map[string]cluster.Seen, len(l.c.Nodes))
	for _, n := range l.c.Nodes {
		s.Nodes[n.Name] = l.seen(n)
	}
	s.Remade = func(name string) { delete(l.ready, name) }
	return s
}

func (l *life) seen(n cluster.Node) cluster.Seen {
	w := l.w
	ready, made := l.ready[n.Name]
	switch {
	case n.Leaving && l.gone.IsZero():
		return cluster.Seen{Gone: !w.now.Before(l.left[n.Name]) && !w.silent(n.Pnode)}
	case !l.gone.IsZero():
		return cluster.Seen{Gone: !w.now.Before(l.gone) && !w.silent(n.Pnode)}
	case w.silent(n.Pnode): // as it was last heard of
		return cluster.Seen{Stage: n.Stage, Progress: n.Progress, Ready: n.State == cluster.NodeReady, Message: n.Message}
	case !made:
		return cluster.Seen{Stage: vnode.StageImage, Message: "waiting for pnode " + n.Pnode}
	case w.now.Before(ready):
		return cluster.Seen{Stage: vnode.StageBoot, Progress: 20}
	case l.fails(n.Name):
		return cluster.Seen{Stage: vnode.StageScripts, Failed: true, Message: "a script failed"}
	}
	return cluster.Seen{Stage: vnode.StageReady, Progress: 100, Ready: true, IdleSince: l.idle}
}

// endEarly ends the cluster because its tenant is done.
func (l *life) endEarly() error {
	if l.c.State != cluster.Active || l.c.EndedAt != nil {
		return nil
	}
	if err := l.w.core.End(&l.c, l.w.now); err != nil {
		return err
	}
	return l.look()
}

// over forgets a cluster that is over, and lets those look that wait for room.
func (l *life) over() error {
	w := l.w
	if w.names[l.key()] != l {
		return nil
	}
	delete(w.names, l.key())
	delete(w.waiting, l)
	l.ready, l.left, l.incarnations = nil, nil, nil
	return w.retry()
}

// upShare is the part of a preparation, in per cent, until every vnode is up.
const upShare = 75
