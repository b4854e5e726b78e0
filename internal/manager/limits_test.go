package manager

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/quota"
)

func number(v int64) *int64 { return &v }

func (s *site) limit(tenant string, by quota.LimitsChange) {
	s.t.Helper()
	_, err := s.m.SetTenantLimits(s.t.Context(), s.boss, tenant, by)
	s.must(err)
}

func refusalOf(t *testing.T, err error) Refusal {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Refused {
		t.Fatalf("%v", err)
	}
	r, ok := f.Refusal.(Refusal)
	if !ok {
		t.Fatalf("%+v", f)
	}
	return r
}

// One refusal names every limit, what of one's own uses it, and offers what
// would be allowed.
func TestLimitsRefuseAndOfferWhatIsAllowed(t *testing.T) {
	s := newSite(t)
	s.limit("demo", quota.LimitsChange{
		MaxCPUs: number(6), MaxMemoryMiB: number(4000), MaxAddresses: number(1), MaxNodeHours: number(20), NodeHoursSeconds: number(24 * 3600),
		LongestSeconds: number(2 * 3600), HorizonSeconds: number(48 * 3600), NoticeSeconds: number(600),
	})
	_, err := s.book(s.tenant, nil)
	s.must(err)
	_, err = s.book(s.other, nil)
	s.must(err)
	_, err = s.book(s.tenant, func(sp *cluster.Spec) {
		sp.Name, sp.Start, sp.Duration = "second", s.now.Add(5*time.Minute), 3*time.Hour
		sp.Nodes[0].Count = 6
	})
	r := refusalOf(t, err)
	var names []string
	for _, e := range r.Limits {
		names = append(names, e.Limit)
		if strings.HasPrefix(e.Limit, "max-") && (len(e.By) != 1 || e.By[0].Name != "farm") {
			t.Errorf("%s is not used by farm: %+v", e.Limit, e)
		}
	}
	if got := strings.Join(names, " "); got != "max-cpus max-memory max-addresses max-node-hours longest notice" {
		t.Errorf("limits %s: %v", got, err)
	}
	if len(r.Alternatives) > 0 {
		t.Errorf("nothing as long is ever allowed: %+v", r.Alternatives)
	}
}

// What is offered to who is beyond a limit is within all of them.
func TestAlternativesRespectLimits(t *testing.T) {
	for name, change := range map[string]quota.LimitsChange{
		"cpus":       {MaxCPUs: number(6)},
		"memory":     {MaxMemoryMiB: number(5000)},
		"addresses":  {MaxAddresses: number(1)},
		"node-hours": {MaxNodeHours: number(9), NodeHoursSeconds: number(24 * 3600)},
		"longest":    {LongestSeconds: number(45 * 60)},
		"notice":     {NoticeSeconds: number(3600)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			_, err := s.book(s.tenant, nil)
			s.must(err)
			s.limit("demo", change)
			_, err = s.book(s.tenant, func(sp *cluster.Spec) { sp.Name, sp.Nodes[0].Count = "second", 6 })
			r := refusalOf(t, err)
			if len(r.Limits) != 1 || len(r.Alternatives) == 0 {
				t.Fatalf("%+v", r)
			}
			for _, a := range r.Alternatives {
				t.Logf("%s: %s", a.Kind, a.Message)
				for _, spec := range a.Specs {
					_, err := s.m.CreateCluster(t.Context(), s.tenant, spec, false)
					if err != nil {
						t.Errorf("%s: %v", a.Message, err)
					}
				}
				for _, spec := range a.Specs {
					_, err := s.m.CancelCluster(t.Context(), s.tenant, spec.Name, 0)
					s.must(err)
				}
			}
		})
	}
}

// As soon as possible is as soon as it is allowed.
func TestSoonestIsWithinLimits(t *testing.T) {
	s := newSite(t)
	first, err := s.book(s.tenant, nil)
	s.must(err)
	s.limit("demo", quota.LimitsChange{MaxCPUs: number(4)})
	next, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Name, sp.StartMode, sp.Start = "next", cluster.StartASAP, time.Time{} })
	s.must(err)
	if !next.Start.Equal(first.End) {
		t.Errorf("it starts at %s, want %s, when the first is over", next.Start, first.End)
	}
}

// Node-hours that were spent stay spent when their cluster is gone.
func TestSpentNodeHoursCount(t *testing.T) {
	s := newSite(t)
	s.limit("demo", quota.LimitsChange{MaxNodeHours: number(4), NodeHoursSeconds: number(24 * 3600)})
	_, err := s.book(s.tenant, nil) // 3 node-hours
	s.must(err)
	s.pass(82 * time.Minute)
	s.wantState("farm", cluster.Ended)
	_, err = s.book(s.tenant, func(sp *cluster.Spec) { sp.Name = "second" })
	r := refusalOf(t, err)
	if len(r.Limits) != 1 || r.Limits[0].Used != 3 || r.Limits[0].By[0].Name != "farm" {
		t.Fatalf("%+v", r.Limits)
	}
	l, err := s.m.TenantLimits(t.Context(), s.tenant, "")
	s.must(err)
	if l.Used.NodeHours != 3 || l.Used.Clusters != 0 {
		t.Errorf("%+v", l.Used)
	}
	for _, a := range r.Alternatives {
		if a.Kind == "later" && !a.Specs[0].Start.Equal(time.Date(2026, 3, 1, 23, 40, 0, 0, time.UTC)) {
			t.Errorf("%s: a third of an hour is left today", a.Message)
		}
	}
}

// Racing bookings do not exceed a limit together.
func TestLimitsHoldForRacingBookings(t *testing.T) {
	s := newSite(t)
	s.limit("demo", quota.LimitsChange{MaxCPUs: number(5)})
	var work sync.WaitGroup
	var mu sync.Mutex
	booked := 0
	for i := range 6 {
		work.Go(func() {
			_, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Name, sp.Nodes[0].Count = fmt.Sprint("c", i), 1 })
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				booked++
			} else if fault.KindOf(err) != fault.Refused {
				t.Error(err)
			}
		})
	}
	work.Wait()
	l, err := s.m.TenantLimits(t.Context(), s.boss, "demo")
	s.must(err)
	if booked != 2 || l.Used.CPUs.Peak != 4 {
		t.Errorf("%d were booked, %+v", booked, l.Used)
	}
}

func TestLimitsLastAndAreTheProvidersAffair(t *testing.T) {
	s := newSite(t)
	_, err := s.m.SetDefaultLimits(t.Context(), s.boss, quota.LimitsChange{MaxCPUs: number(3)})
	s.must(err)
	s.limit("other", quota.LimitsChange{MaxCPUs: number(quota.None)})
	s.restart()
	s.settle()
	_, err = s.book(s.tenant, func(sp *cluster.Spec) { sp.Nodes[0].Count = 4 })
	if r := refusalOf(t, err); len(r.Limits) != 1 || r.Limits[0].Allowed != 3 {
		t.Errorf("%+v", r)
	}
	_, err = s.book(s.other, nil)
	s.must(err)
	if _, err := s.m.SetTenantLimits(t.Context(), s.tenant, "demo", quota.LimitsChange{}); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("a tenant sets limits: %v", err)
	}
	if _, err := s.m.SetTenantLimits(t.Context(), s.boss, "nobody", quota.LimitsChange{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("nobody has limits: %v", err)
	}
	if _, err := s.m.TenantLimits(t.Context(), s.tenant, "other"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a tenant sees another's: %v", err)
	}
}

// A cluster that nobody uses is warned and, when the provider says so, ended.
func TestUnusedClusterIsReclaimed(t *testing.T) {
	s := newSite(t)
	_, err := s.m.SetDefaultLimits(t.Context(), s.boss, quota.LimitsChange{UnusedWarnSeconds: number(600), UnusedReclaimSeconds: number(1200)})
	s.must(err)
	s.limit("other", quota.LimitsChange{UnusedReclaimSeconds: number(quota.None)})
	for _, p := range []Principal{s.tenant, s.other} {
		_, err := s.book(p, nil)
		s.must(err)
	}
	idle := s.now
	for _, p := range s.pnodes {
		p.idle = &idle
	}
	s.pass(30*time.Minute + 10*time.Second)
	c := s.wantState("farm", cluster.Active)
	if last := c.Conditions[len(c.Conditions)-1]; last.Type != cluster.ConditionUnused || last.Status != "True" {
		t.Errorf("it is not warned: %+v", c.Conditions)
	}
	s.pass(10 * time.Minute)
	s.wantState("farm", cluster.Ended)
	if c, err := s.m.Cluster(t.Context(), s.other, "farm"); err != nil || c.State != cluster.Active {
		t.Errorf("the other's is %s, %v: it may only be warned", c.State, err)
	}
}
