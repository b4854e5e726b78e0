package manager

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/roll/archive/archivetest"
	"quarry/internal/store"
)

// own is a tenant's roll whose template and file show its version.
func own(version string) []byte {
	return archivetest.Gzip(archivetest.Tar(
		archivetest.File("roll.yaml", archivetest.Text("mine", version)+"edges: [{from: base/compute, to: n}]\n"),
		archivetest.File("nodes/n.yaml", "files:\n  - {path: /etc/mine, template: true, content: \"{{.Hostname}} has "+version+"\"}\n"),
	))
}

// A booked cluster keeps the versions it was booked with: through a newer
// version, the deletion of its own, and managers that know nothing but the
// store.
func TestBookedClusterKeepsItsVersions(t *testing.T) {
	s := newSite(t)
	push := func(version string) {
		t.Helper()
		_, _, err := s.m.PushRoll(t.Context(), s.tenant, "mine@"+version, own(version))
		s.must(err)
	}
	push("1")
	c, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Rolls = []string{"mine"} })
	s.must(err)
	if !slices.Contains(c.Rolls, "mine@1") {
		t.Fatalf("booked with %v", c.Rolls)
	}
	image := c.Nodes[1].Image
	push("2")
	s.must(s.m.DeleteRoll(t.Context(), s.tenant, "mine@1"))
	s.restart()
	s.settle()
	s.restart()
	s.pass(20 * time.Minute)
	c = s.wantState("farm", cluster.Active)
	if c.Nodes[1].Image != image || !slices.Contains(c.Rolls, "mine@1") || slices.Contains(c.Rolls, "mine@2") {
		t.Errorf("it has %v and image %.8s, booked with image %.8s", c.Rolls, c.Nodes[1].Image, image)
	}
	f, err := s.m.dossier(t.Context(), c)
	s.must(err)
	content := ""
	for _, file := range f.identities["compute-0"].Files {
		if file.Path == "/etc/mine" {
			content = file.Content
		}
	}
	if content != "compute-0 has 1" {
		t.Errorf("its vnodes get %q", content)
	}
	next, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Name, sp.Rolls = "next", []string{"mine"}; sp.Nodes[0].Count = 1 })
	s.must(err)
	if !slices.Contains(next.Rolls, "mine@2") {
		t.Errorf("a later one is booked with %v", next.Rolls)
	}
	_, err = s.book(s.tenant, func(sp *cluster.Spec) { sp.Name, sp.Rolls = "old", []string{"mine@1"} })
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), `there is no version "1" of roll mine`) {
		t.Errorf("a deleted version: %v", err)
	}
}

func TestRoomForRolls(t *testing.T) {
	s := newSite(t)
	s.must(s.st.Update(t.Context(), func(tx *store.Tx) error {
		for i := range maxVersions {
			at := s.now
			if err := tx.InsertRoll(store.Roll{
				Tenant: "demo", Name: "many", Version: fmt.Sprint(i), CreatedAt: s.now, DeletedAt: &at, Digest: "x",
			}, []byte{}); err != nil {
				return err
			}
		}
		return tx.InsertRoll(store.Roll{Tenant: "other", Name: "large", Version: "1", CreatedAt: s.now, Bytes: maxRollBytes}, []byte{})
	}))
	for _, p := range []Principal{s.tenant, s.other} {
		_, _, err := s.m.PushRoll(t.Context(), p, "mine@1", own("1"))
		if fault.KindOf(err) != fault.Refused {
			t.Errorf("%s: %v", p.Tenant, err)
		}
	}
	// One that cannot be read hides nothing else.
	if _, err := s.m.Roll(t.Context(), s.other, "condor"); err != nil {
		t.Error(err)
	}
	_, _, err := s.m.PushRoll(t.Context(), s.boss, "mine@1", own("1"))
	s.must(err)
	for _, p := range []Principal{{Role: RolePnode, Pnode: "p1"}, {Role: RoleTenant}} {
		_, _, err := s.m.PushRoll(t.Context(), p, "mine@2", own("2"))
		if fault.KindOf(err) != fault.Forbidden {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

// Where there are throwaway machines, install scripts of a tenant's own rolls
// are booked, and whoever makes the image knows whose they are.
func TestOwnInstallScriptsAreMarked(t *testing.T) {
	s := newSite(t)
	packed := archivetest.Gzip(archivetest.Tar(
		archivetest.File("roll.yaml", archivetest.Text("mine", "1")+"edges: [{from: base/compute, to: n}]\n"),
		archivetest.File("nodes/n.yaml", "scripts:\n  install:\n    - {name: make, body: \"#!/bin/sh\"}\n"),
	))
	addresses := map[string]bool{}
	for i, p := range []Principal{s.tenant, s.other} {
		_, _, err := s.m.PushRoll(t.Context(), p, "mine@1", packed)
		s.must(err)
		small := func(sp *cluster.Spec) { sp.Rolls, sp.Nodes[0].Count = []string{"mine"}, 1 }
		s.m.InstallVM = nil
		if _, err := s.book(p, small); fault.KindOf(err) != fault.Invalid {
			t.Errorf("without machines: %v", err)
		}
		s.m.InstallVM = func(context.Context) error { return nil }
		c, err := s.book(p, small)
		s.must(err)
		f, err := s.m.dossier(t.Context(), c)
		s.must(err)
		scripts := f.Plans["compute"].Lock.Recipe.Scripts
		if n := len(scripts); n == 0 || scripts[n-1].Name != "mine/n/make" || scripts[n-1].Tenant != p.Tenant {
			t.Errorf("scripts %+v", scripts)
		}
		addresses[c.Nodes[1].Image] = true
		if len(addresses) != i+1 {
			t.Error("two tenants share an image that the scripts of one made")
		}
	}
}
