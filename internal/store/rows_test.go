package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/pnode"
)

func TestPeople(t *testing.T) {
	s := open(t)
	tenants(t, s, "a", "b")
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error { return tx.InsertTenant(Tenant{Name: "a"}) }), fault.Conflict)
	later := t0.Add(time.Hour)
	one := Token{ID: "1", Hash: "h1", Role: "tenant", Tenant: "a", CreatedAt: t0, ExpiresAt: &later}
	two := Token{ID: "2", Hash: "h2", Role: "provider", CreatedAt: t0}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.InsertToken(one), tx.InsertToken(two), tx.UsedToken("1", t0), tx.RevokeToken("1", t0), tx.RevokeToken("1", later))
	})
	one.LastUsed, one.RevokedAt = &t0, &t0
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error {
		return tx.InsertToken(Token{ID: "3", Hash: "h3", Tenant: "nobody"})
	}), fault.NotFound)
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error { return tx.RevokeToken("9", t0) }), fault.NotFound)
	view(t, s, func(tx *Tx) error {
		got, err := tx.TokenByHash("h1")
		same(t, got, one)
		_, missing := tx.TokenByHash("h9")
		wantKind(t, missing, fault.NotFound)
		all, err2 := tx.Tokens("")
		same(t, all, []Token{one, two})
		mine, err3 := tx.Tokens("a")
		same(t, mine, []Token{one})
		return errors.Join(err, err2, err3)
	})
}

func TestEnrolment(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.InsertEnrolment(Enrolment{Hash: "good", Pnode: "p1", ExpiresAt: t0.Add(time.Minute)}),
			tx.InsertEnrolment(Enrolment{Hash: "old", Pnode: "p2", ExpiresAt: t0}))
	})
	for _, c := range []struct {
		hash string
		want error
	}{{"none", ErrEnrolmentUnknown}, {"old", ErrEnrolmentExpired}, {"good", nil}, {"good", ErrEnrolmentUsed}} {
		err := s.Update(t.Context(), func(tx *Tx) error {
			e, err := tx.UseEnrolment(c.hash, t0)
			if err == nil && e.Pnode != "p1" {
				t.Errorf("token of pnode %q", e.Pnode)
			}
			return err
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.hash, err, c.want)
		}
	}
}

func TestPnodes(t *testing.T) {
	s := open(t)
	p := Pnode{Name: "p1", Facts: pnode.Facts{CPUs: 2, Accelerator: "tcg"}, EnrolledAt: t0, LastSeen: t0, CertSerial: "0a"}
	update(t, s, func(tx *Tx) error { return tx.PutPnode(p) })
	p.Drained = true
	update(t, s, func(tx *Tx) error { return tx.PutPnode(p) })
	p.Facts.CPUs, p.LastSeen, p.Version = 4, t0.Add(time.Second), 2
	update(t, s, func(tx *Tx) error { return tx.SeenPnode("p1", p.Facts, p.LastSeen) })
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error { return tx.SeenPnode("p9", p.Facts, t0) }), fault.NotFound)
	view(t, s, func(tx *Tx) error {
		got, err := tx.Pnodes()
		same(t, got, []Pnode{p})
		_, missing := tx.Pnode("p9")
		wantKind(t, missing, fault.NotFound)
		return err
	})
}

func TestClusters(t *testing.T) {
	s := open(t)
	tenants(t, s, "a", "b")
	c := farm("c1", "a", "farm", cluster.Booked)
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.InsertCluster(c), tx.InsertCluster(farm("c2", "b", "farm", cluster.Active)))
	})
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error { return tx.InsertCluster(farm("c3", "a", "farm", cluster.Booked)) }), fault.Conflict)
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error { return tx.InsertCluster(farm("c3", "z", "farm", cluster.Booked)) }), fault.NotFound)
	view(t, s, func(tx *Tx) error {
		got, err := tx.Cluster("a", "farm")
		same(t, got, c)
		on, err2 := tx.Clusters(ClusterFilter{Pnode: "p1", Tenant: "b", Live: true, States: []cluster.State{cluster.Active, cluster.Ready}})
		same(t, len(on), 1)
		none, err3 := tx.Clusters(ClusterFilter{Pnode: "p9"})
		same(t, len(none), 0)
		_, missing := tx.Cluster("a", "other")
		wantKind(t, missing, fault.NotFound)
		return errors.Join(err, err2, err3)
	})
	c.State, c.Nodes = cluster.Failed, c.Nodes[:1]
	update(t, s, func(tx *Tx) error {
		v, err := tx.PutCluster(c, 1)
		c.Version = v
		return err
	})
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error { _, err := tx.PutCluster(c, 1); return err }), fault.Conflict)
	gone := farm("c9", "a", "farm", cluster.Booked)
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error { _, err := tx.PutCluster(gone, 1); return err }), fault.NotFound)
	view(t, s, func(tx *Tx) error {
		got, err := tx.ClusterByID("c1")
		same(t, got, c)
		return err
	})
	// A failed cluster frees its name only once it is wiped.
	again := farm("c3", "a", "farm", cluster.Booked)
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error { return tx.InsertCluster(again) }), fault.Conflict)
	c.EndedAt = &t0
	update(t, s, func(tx *Tx) error {
		_, err := tx.PutCluster(c, 2)
		return errors.Join(err, tx.InsertCluster(again))
	})
	view(t, s, func(tx *Tx) error {
		got, err := tx.Cluster("a", "farm")
		same(t, got.ID, "c3")
		return err
	})
}

func TestClusterSecrets(t *testing.T) {
	s := open(t)
	tenants(t, s, "a")
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.InsertCluster(farm("c1", "a", "farm", cluster.Booked)),
			tx.PutClusterSecrets("c1", []byte("1")), tx.PutClusterSecrets("c1", []byte("2")))
	})
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error { return tx.PutClusterSecrets("c9", []byte("1")) }), fault.NotFound)
	view(t, s, func(tx *Tx) error {
		got, err := tx.ClusterSecrets("c1")
		same(t, string(got), "2")
		return err
	})
	update(t, s, func(tx *Tx) error { return tx.DeleteClusterSecrets("c1") })
	view(t, s, func(tx *Tx) error {
		_, err := tx.ClusterSecrets("c1")
		wantKind(t, err, fault.NotFound)
		return nil
	})
}

func TestEvents(t *testing.T) {
	s := open(t)
	var seqs []int64
	update(t, s, func(tx *Tx) error {
		for i, id := range []string{"c1", "c2", "c1"} {
			seq, err := tx.AppendEvent("t"+id, id, cluster.Event{Time: t0, Cluster: "farm", Node: "gateway", Type: "node", Message: fmt.Sprint(i)})
			if err != nil {
				return err
			}
			seqs = append(seqs, seq)
		}
		return nil
	})
	for _, c := range []struct {
		f    EventFilter
		want []int64
	}{
		{EventFilter{}, seqs},
		{EventFilter{ClusterID: "c1"}, []int64{seqs[0], seqs[2]}},
		{EventFilter{Tenant: "tc2"}, seqs[1:2]},
		{EventFilter{After: seqs[0], Limit: 1}, seqs[1:2]},
		{EventFilter{After: seqs[2]}, nil},
	} {
		view(t, s, func(tx *Tx) error {
			all, err := tx.Events(c.f)
			var got []int64
			for _, e := range all {
				got = append(got, e.Seq)
			}
			same(t, got, c.want)
			return err
		})
	}
}

func TestSettings(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error {
		for want := int64(1); want < 13; want++ {
			got, err := tx.NextEpoch()
			if err != nil || got != want {
				t.Errorf("epoch %d, %v; want %d", got, err, want)
			}
		}
		return errors.Join(tx.PutSetting("a", []byte{0, 1}), tx.PutSetting("a", []byte{0, 2}))
	})
	view(t, s, func(tx *Tx) error {
		got, err := tx.Setting("a")
		same(t, got, []byte{0, 2})
		_, missing := tx.Setting("b")
		wantKind(t, missing, fault.NotFound)
		return err
	})
}

func TestIdempotent(t *testing.T) {
	s := open(t)
	v := Idempotent{Owner: "a", Key: "k", RequestHash: "h", Status: 201, Body: []byte("{}"), At: t0}
	update(t, s, func(tx *Tx) error { return tx.PutIdempotent(v) })
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error { return tx.PutIdempotent(v) }), fault.Conflict)
	view(t, s, func(tx *Tx) error {
		got, err := tx.Idempotent("a", "k")
		same(t, got, v)
		_, other := tx.Idempotent("b", "k")
		wantKind(t, other, fault.NotFound)
		return err
	})
	update(t, s, func(tx *Tx) error {
		return tx.PutIdempotent(Idempotent{Owner: "a", Key: "k2", At: t0.Add(IdempotentAge + time.Second)})
	})
	view(t, s, func(tx *Tx) error {
		_, err := tx.Idempotent("a", "k")
		wantKind(t, err, fault.NotFound)
		return nil
	})
}

// Whatever is done to clusters, at most one live cluster has a name, and a
// stale version never wins.
func TestNamesAndVersions(t *testing.T) {
	s := open(t)
	tenants(t, s, "a", "b")
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		type model struct{ c cluster.Cluster }
		var all []*model
		steps := rapid.IntRange(1, 12).Draw(rt, "steps")
		for i := range steps {
			if len(all) == 0 || rapid.Bool().Draw(rt, "insert") {
				tenant := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "tenant")
				name := fmt.Sprintf("%s-%d", rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "name"), round)
				c := farm(fmt.Sprintf("c%d-%d", round, i), tenant, name, cluster.Booked)
				err := s.Update(t.Context(), func(tx *Tx) error { return tx.InsertCluster(c) })
				free := true
				for _, m := range all {
					if m.c.Tenant == tenant && m.c.Name == name && Live(m.c) {
						free = false
					}
				}
				if free != (err == nil) {
					rt.Fatalf("insert: %v, free: %v", err, free)
				}
				if err == nil {
					all = append(all, &model{c})
				}
				continue
			}
			m := rapid.SampledFrom(all).Draw(rt, "cluster")
			state := rapid.SampledFrom([]cluster.State{cluster.Booked, cluster.Ended, cluster.Failed, cluster.Cancelled}).Draw(rt, "state")
			wiped := rapid.Bool().Draw(rt, "wiped")
			expected := m.c.Version - rapid.Int64Range(0, 1).Draw(rt, "stale")
			next := m.c
			next.State, next.EndedAt = state, nil
			if wiped {
				next.EndedAt = &t0
			}
			clash := false
			for _, o := range all {
				clash = clash || (o != m && o.c.Tenant == m.c.Tenant && o.c.Name == m.c.Name && Live(o.c) && Live(next))
			}
			var version int64
			err := s.Update(t.Context(), func(tx *Tx) (err error) {
				version, err = tx.PutCluster(next, expected)
				return err
			})
			if ok := expected == m.c.Version && !clash; ok != (err == nil) || (err != nil && fault.KindOf(err) != fault.Conflict) {
				rt.Fatalf("put version %d over %d, clash %v: %v", expected, m.c.Version, clash, err)
			}
			if err == nil {
				next.Version = version
				m.c = next
			}
		}
	})
}
