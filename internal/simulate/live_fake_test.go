package simulate

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/manager"
	"quarry/internal/pnode"
	"quarry/internal/quota"
	"quarry/internal/render"
	"quarry/internal/standin"
	"quarry/internal/vnode"
)

// Times of the live site, which the simulated one has too.
const (
	liveBuild   = 70 * time.Second
	livePrepare = 80 * time.Second
	liveWipe    = 12 * time.Second
)

// fakeImages is an image store in memory that takes its time.
type fakeImages struct {
	mu   sync.Mutex
	have map[string]bool
}

func (f *fakeImages) Lock(_ context.Context, r render.Recipe) (render.Lock, error) {
	return standin.Lock(r)
}

func (f *fakeImages) Build(_ context.Context, l render.Lock, _ func(string, int)) error {
	time.Sleep(liveBuild) // on the bubble's clock
	f.mu.Lock()
	defer f.mu.Unlock()
	f.have[l.Address()] = true
	return nil
}

func (f *fakeImages) Has(address string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.have[address]
}

func (f *fakeImages) List() ([]manager.ImageInfo, error)        { return nil, nil }
func (f *fakeImages) Prune(func(string) bool) ([]string, error) { return nil, nil }
func (f *fakeImages) Handler() http.Handler                     { return http.NotFoundHandler() }

// fakeAgent prepares and wipes in the times above and hands over on time.
type fakeAgent struct {
	m      *manager.Manager
	facts  pnode.Facts
	since  map[string]time.Time // vnodes, by cluster, name and incarnation
	ending map[string]time.Time // vnodes that are given back, the same
	opened map[string]time.Time
	silent func() bool
}

func (a *fakeAgent) run(ctx context.Context, name string) {
	for ctx.Err() == nil {
		d, ok, changed := a.m.Desired(ctx, name)
		due := time.Now().Add(10 * time.Second)
		if now := time.Now(); ok && !a.silent() {
			r := a.report(d, now, &due)
			_ = a.m.Report(ctx, name, r) // the next one tells as much
		}
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (a *fakeAgent) report(d pnode.Desired, now time.Time, due *time.Time) pnode.Report {
	r := pnode.Report{Epoch: d.Epoch, Generation: d.Generation, Facts: a.facts, Images: d.Images}
	wake := func(at time.Time) bool {
		if at.After(now) && at.Before(*due) {
			*due = at
		}
		return !at.After(now)
	}
	for _, c := range d.Clusters {
		s := pnode.ClusterStatus{ID: c.ID}
		if wake(c.CloseAt) {
			if s.Gone = wake(c.CloseAt.Add(liveWipe)); s.Gone {
				s.WipeSeconds = liveWipe.Seconds()
			}
			r.Clusters = append(r.Clusters, s)
			continue
		}
		for _, v := range c.Vnodes {
			key := fmt.Sprint(c.ID, v.Name, v.Incarnation)
			if _, begun := a.since[key]; !begun {
				a.since[key] = now
			}
			if v.End { // given back: it is wiped and then not there any more
				if _, begun := a.ending[key]; !begun {
					a.ending[key] = now
				}
				if wake(a.ending[key].Add(liveWipe)) {
					continue
				}
			}
			st := pnode.VnodeStatus{Name: v.Name, Incarnation: v.Incarnation, Running: true, Stage: vnode.StageBoot, Progress: 20}
			if wake(a.since[key].Add(livePrepare)) {
				st.Stage, st.Progress, st.Ready = vnode.StageReady, 100, true
				st.Took = pnode.Took{Up: livePrepare.Seconds() * upShare / 100, Join: livePrepare.Seconds() * (100 - upShare) / 100}
			}
			if v.Appliance == cluster.Gateway && c.Open && wake(c.OpenAt) && a.opened[c.ID].IsZero() {
				a.opened[c.ID] = now
			}
			s.Vnodes = append(s.Vnodes, st)
		}
		if at, ok := a.opened[c.ID]; ok {
			s.Opened = &at
		}
		r.Clusters = append(r.Clusters, s)
	}
	return r
}

// asProvider asks a manager itself, as the API does for its provider.
type asProvider struct {
	m *manager.Manager
	p manager.Principal
}

func (a asProvider) Site(ctx context.Context) (manager.SiteInfo, error) { return a.m.Site(ctx, a.p) }

func (a asProvider) Pnodes(ctx context.Context) ([]manager.PnodeInfo, error) {
	return a.m.Pnodes(ctx, a.p)
}

func (a asProvider) DefaultLimits(ctx context.Context) (quota.Limits, error) {
	return a.m.DefaultLimits(ctx)
}

func (a asProvider) Tenants(ctx context.Context) ([]manager.TenantInfo, error) {
	return a.m.Tenants(ctx, a.p)
}

func (a asProvider) TenantLimits(ctx context.Context, tenant string) (manager.TenantLimits, error) {
	return a.m.TenantLimits(ctx, a.p, tenant)
}

func (a asProvider) Record(ctx context.Context, from, to time.Time, after string) (manager.Record, error) {
	return a.m.Record(ctx, a.p, from, to, after)
}
