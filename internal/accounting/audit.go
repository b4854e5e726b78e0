package accounting

import (
	"fmt"
	"time"

	"quarry/internal/cluster"
)

// Audit compares what the events of a cluster say that it held with the
// cluster's own record, and tells every difference. A cluster that never grew
// or shrank is added up from its record alone, too.
func Audit(c cluster.Cluster, log []cluster.Holding) []string {
	a := auditor{c: c, log: log}
	a.order()
	a.handOver()
	a.end()
	a.sum()
	return a.wrong
}

type auditor struct {
	c     cluster.Cluster
	log   []cluster.Holding
	wrong []string
}

func (a *auditor) find(format string, args ...any) {
	a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
}

func (a *auditor) last() (h cluster.Holding) {
	if n := len(a.log); n > 0 {
		h = a.log[n-1]
	}
	return h
}

func (a *auditor) order() {
	for i := 1; i < len(a.log); i++ {
		if was, is := a.log[i-1].Since, a.log[i].Since; is.Before(was) {
			a.find("an event says what is held since %s, after one that says it since %s", stamp(is), stamp(was))
		}
	}
	last := a.last()
	if now, changed := a.c.Holds(last, last.Since); changed {
		a.find("it is %s and holds %+v for preparation and %+v in its window, its events say %+v and %+v",
			a.c.State, now.Prepare, now.Window, last.Prepare, last.Window)
	}
}

// handOver is when the events say that the window began.
func (a *auditor) handOver() {
	var began *time.Time
	for i := range a.log {
		if a.log[i].Window != (cluster.Amount{}) {
			began = &a.log[i].Since
			break
		}
	}
	switch at := a.c.ActiveAt; {
	case at == nil && began != nil:
		a.find("it was never handed over, its events say at %s", stamp(*began))
	case at != nil && began == nil:
		a.find("it was handed over at %s, its events do not say so", stamp(*at))
	case at != nil && at.Unix() != began.Unix():
		a.find("it was handed over at %s, its events say at %s", stamp(*at), stamp(*began))
	}
}

func over(s cluster.State) bool { return s == cluster.Ending || !s.Live() }

func (a *auditor) end() {
	if !over(a.c.State) || len(a.log) < 2 {
		return
	}
	want := a.c.End
	if before := a.log[len(a.log)-2].Since; want.Before(before) {
		want = before
	}
	if got := a.last().Since; got.Unix() != want.Unix() {
		a.find("its window ended at %s, its events say at %s", stamp(want), stamp(got))
	}
}

// sum adds up the window of a cluster that had one size all its life.
func (a *auditor) sum() {
	var size cluster.Amount
	for _, h := range a.log {
		for _, amount := range []cluster.Amount{h.Prepare, h.Window} {
			if size == (cluster.Amount{}) {
				size = amount
			}
			if amount != size && amount != (cluster.Amount{}) {
				return
			}
		}
	}
	if a.c.ActiveAt == nil || !over(a.c.State) {
		return
	}
	book := Open(time.Unix(0, 0), a.c.End, By{})
	for _, h := range a.log {
		if err := book.Add(Entry{ClusterID: a.c.ID, Holding: h}); err != nil {
			a.find("%v", err)
		}
	}
	r, err := book.Report()
	if err != nil {
		a.find("%v", err)
	}
	var want Used
	for _, n := range a.c.Nodes {
		seconds := max(0, a.c.End.Unix()-a.c.ActiveAt.Unix())
		want.VCPUSeconds += int64(n.CPUs) * seconds
		want.MiBSeconds += int64(n.MemoryMiB) * seconds
		if n.Leg(cluster.OutsideNetwork).Address != "" {
			want.AddressSeconds += seconds
		}
	}
	want.GiBSeconds = float64(want.MiBSeconds) / 1024
	if got := r.Total.Window; got != want {
		a.find("by its record its window is worth %+v, by its events %+v", want, got)
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
