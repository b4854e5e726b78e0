package manager

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/estimate"
	"quarry/internal/fault"
	"quarry/internal/store"
)

// Record is a page of what was asked of a site, and what it took: what a
// simulator needs to play it again.
type Record struct {
	Clusters []Recorded `json:"clusters"` // in the order in which they were booked
	// Next is where the next page begins, "" for none.
	Next string `json:"next,omitempty"`
}

// Recorded is what was asked for one cluster.
type Recorded struct {
	ID     string    `json:"id"`
	Tenant string    `json:"tenant"`
	Seq    int64     `json:"seq"` // grows over the whole site, as those of Asked and Signs
	At     time.Time `json:"at"`
	// Spec is what was asked for, as far as it is known: without keys and
	// accounts, and of a cluster that was moved with the start that it got.
	Spec cluster.Spec `json:"spec"`
	// Hold is for how long it was held; 0 if it was booked at once.
	Hold  time.Duration `json:"hold,omitempty"` // nanoseconds in JSON
	Asked []Asked       `json:"asked,omitempty"`
	Signs []Sign        `json:"signs,omitempty"`
	// Old is set for a cluster that was booked by an older release, whose events
	// do not say what was done to it: Spec is what it came to.
	Old bool `json:"old,omitempty"`
	// Made is set when the images were there when it was booked.
	Made bool `json:"made"`
	// Seconds that were measured; 0 for unknown. Build is of each image.
	BuildSeconds   float64 `json:"buildSeconds,omitempty"`
	PrepareSeconds float64 `json:"prepareSeconds,omitempty"`
	WipeSeconds    float64 `json:"wipeSeconds,omitempty"`
}

// Asked is a change of a cluster by its tenant, or by the manager, which gives
// up what failed and ends what nobody used.
type Asked struct {
	Seq int64     `json:"seq"`
	At  time.Time `json:"at"`
	// Change's Operation is also End or Cancel. Start and End are those of the
	// window after it.
	Change
	// Failed is set when a cluster was given up since it could never be ready.
	Failed bool `json:"failed,omitempty"`
}

// Sign is that a pnode fell silent, or was heard, by the events of a cluster.
type Sign struct {
	Seq    int64     `json:"seq"`
	At     time.Time `json:"at"`
	Pnode  string    `json:"pnode"`
	Silent bool      `json:"silent"`
}

// recordPage is how many clusters are on a page.
const recordPage = 200

const recordTitle = "the record cannot be shown"

// Record tells what was asked of the site, page by page: of the clusters that
// were booked before to and not over at from; after is the Next of the page
// before. For the provider. What was refused is not kept anywhere.
func (m *Manager) Record(ctx context.Context, p Principal, from, to time.Time, after string) (r Record, err error) {
	if err := provider(p); err != nil {
		return r, err
	}
	now := m.Now().UTC()
	if to.IsZero() || to.After(now) {
		to = now
	}
	if !from.Before(to) {
		return r, fault.New(fault.Invalid, recordTitle, fault.Detail{Field: "from", Message: fmt.Sprintf(
			"%s is not before %s, the end of what is asked for and past", stampOf(from), stampOf(to))})
	}
	r.Clusters = []Recorded{}
	err = m.Store.View(ctx, func(tx *store.Tx) error {
		ids, err := tx.BookedIDs(from, to, after, recordPage)
		if err != nil || len(ids) == 0 {
			return err
		}
		if len(ids) == recordPage {
			r.Next = ids[len(ids)-1]
		}
		all, err := tx.Measurements()
		if err != nil {
			return err
		}
		builds := buildsByProfile(all)
		for _, id := range ids {
			c, err := tx.ClusterByID(id)
			if err != nil {
				return err
			}
			events, err := tx.Events(store.EventFilter{ClusterID: id})
			if err != nil {
				return err
			}
			if len(events) > 0 {
				r.Clusters = append(r.Clusters, record(c, events, builds, now))
			}
		}
		return nil
	})
	return r, err
}

// buildsByProfile are the measurements of images that were made.
func buildsByProfile(all []estimate.Sample) map[string][]estimate.Sample {
	builds := map[string][]estimate.Sample{}
	for _, s := range all {
		if s.Stage == estimate.Build {
			builds[s.Profile] = append(builds[s.Profile], s)
		}
	}
	return builds
}

// record reads what happened to a cluster from its events, the oldest first.
func record(c cluster.Cluster, events []cluster.Event, builds map[string][]estimate.Sample, now time.Time) Recorded {
	r := Recorded{ID: c.ID, Tenant: c.Tenant, Seq: events[0].Seq, At: events[0].Time.UTC()}
	r.Old = events[0].Detail == nil
	reads := askedBy
	if r.Old {
		reads = askedOld
	}
	for _, e := range events[1:] {
		if ch, ok := reads(e); ok {
			r.Asked = append(r.Asked, Asked{Seq: e.Seq, At: e.Time.UTC(), Change: ch, Failed: e.Type == "failed"})
		}
		if d := e.Detail; d != nil && d.Silent != "" {
			r.Signs = append(r.Signs, Sign{Seq: e.Seq, At: e.Time.UTC(), Pnode: d.Silent, Silent: true})
		} else if d != nil && d.Heard != "" {
			r.Signs = append(r.Signs, Sign{Seq: e.Seq, At: e.Time.UTC(), Pnode: d.Heard})
		}
	}
	r.Spec = askedSpec(c, events[0], r.Asked)
	if d := events[0].Detail; d != nil && !d.Until.IsZero() {
		r.Hold = d.Until.Sub(r.At)
	}
	built := r.measureBuilds(c, builds, now)
	r.measure(c, events, built)
	return r
}

// measureBuilds finds what making the cluster's images took, and returns when
// the last one was there.
func (r *Recorded) measureBuilds(c cluster.Cluster, builds map[string][]estimate.Sample, now time.Time) (last time.Time) {
	until := now
	if c.ReadyAt != nil {
		until = *c.ReadyAt
	} else if c.EndedAt != nil {
		until = c.EndedAt.Add(time.Hour)
	}
	count, seen := 0, map[string]bool{}
	for _, n := range c.Nodes {
		if seen[n.Appliance] {
			continue
		}
		seen[n.Appliance] = true
		for _, s := range builds[profileAmong(builds, n.Appliance, c.Rolls)] {
			if s.At.After(r.At) && !s.At.After(until) {
				r.BuildSeconds += s.Seconds
				count++
				last = later(last, s.At)
				break
			}
		}
	}
	if r.Made = count == 0; !r.Made {
		r.BuildSeconds /= float64(count)
	}
	return last
}

// profileAmong is the profile of a cluster's appliance among those of which an
// image was made: that of most of the cluster's rolls.
func profileAmong(builds map[string][]estimate.Sample, appliance string, rolls []string) (best string) {
	most := -1
	for _, profile := range sortedKeys(builds) {
		of, text, _ := strings.Cut(profile, " of ")
		list := strings.Fields(text)
		foreign := slices.ContainsFunc(list, func(r string) bool { return !slices.Contains(rolls, r) })
		if of == appliance && !foreign && len(list) > most {
			best, most = profile, len(list)
		}
	}
	return best
}

// measure finds how long preparing took, from images at hand, unless a part of
// it was made twice, and wiping.
func (r *Recorded) measure(c cluster.Cluster, events []cluster.Event, built time.Time) {
	var begun, closed time.Time
	again := false
	for _, e := range events {
		switch e.Type {
		case "preparing":
			begun = e.Time
		case "ending", "failed", "cancelled":
			closed = e.Time
		case "warning":
			again = again || e.Node != "" && !begun.IsZero() && (c.ReadyAt == nil || !e.Time.After(*c.ReadyAt))
		}
	}
	if c.ReadyAt != nil && !begun.IsZero() && !again {
		r.PrepareSeconds = max(0, c.ReadyAt.Sub(later(begun, built)).Seconds())
	}
	if c.EndedAt != nil && !begun.IsZero() && !closed.IsZero() {
		r.WipeSeconds = max(0, c.EndedAt.Sub(closed).Seconds())
	}
}
