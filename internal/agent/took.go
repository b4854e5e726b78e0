package agent

import (
	"time"

	"quarry/internal/vnode"
)

// tookFetching notes that an image was brought here.
func (r *runner) tookFetching(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rec.Took.Fetch += d.Seconds() // written with the stage that follows
}

// tookComingUp notes when the boot scripts are through.
func (rec *record) tookComingUp(now time.Time) {
	through := rec.Stage == vnode.StageCluster || rec.Stage == vnode.StageChecks || rec.Stage == vnode.StageReady
	if !through || rec.Up != 0 || rec.Begun == 0 || rec.WasReady {
		return
	}
	rec.Up = now.UnixMilli()
	rec.Took.Up = max(0, seconds(rec.Begun, rec.Up)-rec.Took.Fetch)
}

// tookJoining notes when the vnode is ready for the first time. The time in
// which it waited for others is theirs.
func (rec *record) tookJoining(now time.Time) {
	if rec.Up == 0 || rec.WasReady {
		return
	}
	rec.Took.Join = max(0, seconds(max(rec.Up, rec.Met), now.UnixMilli()))
}

// seconds is from one time to another, both in Unix milliseconds.
func seconds(from, to int64) float64 { return float64(to-from) / 1000 }

// noteEnds notes when the end of all that is here of a cluster begins. a.mu is held.
func (a *agent) noteEnds(p plan) {
	ends := map[string]bool{}
	for _, key := range p.end {
		ends[key.Cluster] = true
	}
	for key := range p.run {
		ends[key.Cluster] = false
	}
	now := a.now().UTC()
	for id, over := range ends {
		e, known := a.ledger[id]
		switch {
		case !known || over == (e.Ending != nil):
			continue
		case over:
			e.Ending = &now
		default:
			e.Ending = nil
		}
		a.ledger[id] = e
	}
}

// tookWiping is how long the end of a cluster took, in seconds, 0 if that is
// not known.
func (e entry) tookWiping() float64 {
	if e.Ending == nil || e.Gone == nil {
		return 0
	}
	return max(0, e.Gone.Sub(*e.Ending).Seconds())
}
