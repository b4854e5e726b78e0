package agent

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"quarry/internal/clock"
	"quarry/internal/pnode"
)

const (
	reportEvery  = 10 * time.Second
	reportPause  = 200 * time.Millisecond // gathers changes that come together
	reportWithin = 15 * time.Second
	maxErrors    = 20
)

// report tells the manager what is: soon after each change, and regularly.
func (a *agent) report(ctx context.Context) {
	pause := backoff{first: time.Second, most: reportEvery}
	for {
		changed := a.changed.wait()
		guests := a.observer.seen.wait()
		sent := a.currentReport()
		sendCtx, cancel := context.WithTimeout(ctx, reportWithin)
		sent.Clock = a.wall()
		site, err := a.manager.Report(sendCtx, sent)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			a.log.DebugContext(ctx, "cannot report", "error", err)
			if !sleep(ctx, pause.next()) {
				return
			}
			continue
		}
		pause.reset()
		a.hearTime(site)
		if !a.awaitChange(ctx, sent, changed, guests) {
			return
		}
	}
}

// hearTime takes the site's time from the manager, which knows the clocks of
// all pnodes: it is believed more than the own one. Without it, an end may wait
// to be sure.
func (a *agent) hearTime(site time.Time) {
	if site.IsZero() {
		return
	}
	before, sure := a.now(), a.clock.Sure(1)
	a.clock.Hear("manager", site, 2)
	if !sure || a.now().Sub(before).Abs() > clock.Tolerance {
		poke(a.kick)
	}
}

// awaitChange returns when there is something else to say, or it is time to
// say the same again; false when the context ended.
func (a *agent) awaitChange(ctx context.Context, sent pnode.Report, changed, guests <-chan struct{}) bool {
	due := time.NewTimer(reportEvery)
	defer due.Stop()
	for {
		select {
		case <-changed:
			return sleep(ctx, reportPause)
		case <-guests:
			guests = a.observer.seen.wait()
			if !slices.EqualFunc(a.currentReport().Clusters, sent.Clusters, sameStatus) {
				return sleep(ctx, reportPause)
			}
		case <-due.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

func sameStatus(a, b pnode.ClusterStatus) bool {
	return a.ID == b.ID && a.Gone == b.Gone && slices.Equal(a.Vnodes, b.Vnodes)
}

// currentReport is what is there now, of everything.
func (a *agent) currentReport() pnode.Report {
	guests := a.observer.lastGood()
	images, err := a.images.List()
	a.trouble("list of images", err)

	a.mu.Lock()
	defer a.mu.Unlock()
	r := pnode.Report{Facts: a.facts.Facts, Images: images, Clusters: a.statuses(guests)}
	if a.desired != nil {
		r.Epoch, r.Generation = a.desired.Epoch, a.desired.Generation
	}
	r.Errors = slices.Sorted(maps.Values(a.troubles))
	r.Errors = r.Errors[:min(len(r.Errors), maxErrors)]
	return r
}

// statuses are of every cluster that is wanted, there, or just gone. a.mu is held.
func (a *agent) statuses(guests snapshot) []pnode.ClusterStatus {
	byID := map[string]*pnode.ClusterStatus{}
	at := func(id string) *pnode.ClusterStatus {
		if byID[id] == nil {
			byID[id] = &pnode.ClusterStatus{ID: id, Vnodes: []pnode.VnodeStatus{}}
		}
		return byID[id]
	}
	for id, e := range a.ledger {
		s := at(id)
		s.Opened, s.Closed, s.Gone = e.Opened, e.Closed, e.Gone != nil
		s.WipeSeconds = e.tookWiping()
	}
	if a.desired != nil {
		for _, c := range a.desired.Clusters {
			at(c.ID)
		}
	}
	for key, r := range a.runners {
		s := at(key.Cluster)
		s.Vnodes = append(s.Vnodes, r.status(guests))
		s.Gone = false
	}
	list := []pnode.ClusterStatus{}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		s := *byID[id]
		slices.SortFunc(s.Vnodes, func(a, b pnode.VnodeStatus) int { return strings.Compare(a.Name, b.Name) })
		list = append(list, s)
	}
	return list
}
