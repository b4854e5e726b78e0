package api

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
	"quarry/internal/roll/archive"
	"quarry/internal/roll/archive/archivetest"
	"quarry/internal/store"
	"quarry/rolls"
)

// packed is a roll of the given files: "path", "text", …
func packed(t testing.TB, files ...string) []byte {
	t.Helper()
	fsys := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	a, err := archive.FromFolder(fsys)
	must(t, err)
	raw, err := a.Pack()
	must(t, err)
	return raw
}

func names(list []manager.RollInfo) []string {
	var out []string
	for _, r := range list {
		out = append(out, r.Name)
	}
	return out
}

// Two tenants: the one does not see, name or book the other's roll.
func TestRollsOfTwoTenants(t *testing.T) {
	s := newSite(t)
	s.pnodes("p1")
	ctx, demo, other, boss := t.Context(), s.client(s.demo), s.client(s.other), s.client(s.provider)
	text := archivetest.Text("secretsauce", "1.0") + "edges: [{from: base/compute, to: s}]\n"
	mine := packed(t, "roll.yaml", text, "nodes/s.yaml", "files: [{path: /etc/sauce, content: x}]\n")
	info, err := demo.PushRoll(ctx, "secretsauce@1.0", mine)
	must(t, err)
	if info.Owner != manager.OwnerOwn || info.Version != "1.0" || len(info.Digest) != 64 || info.PushedAt == nil {
		t.Errorf("pushed: %+v", info)
	}

	// Its owner sees, fetches and books it.
	list, err := demo.Rolls(ctx)
	must(t, err)
	if !slices.Contains(names(list), "secretsauce") || !slices.Contains(names(list), "condor") {
		t.Errorf("its owner sees %v", names(list))
	}
	back, err := demo.RollArchive(ctx, "secretsauce")
	must(t, err)
	if a, err := archive.Open(back); err != nil || a.Digest() != info.Digest {
		t.Errorf("fetched: %v", err)
	}
	spec := farm("farm")
	spec.Rolls = []string{"secretsauce"}
	c, err := demo.CreateCluster(ctx, spec, false)
	must(t, err)
	if !slices.Contains(c.Rolls, "secretsauce@1.0") {
		t.Errorf("booked with %v", c.Rolls)
	}

	// The other and the provider see nothing of it, not even in advice.
	for who, c := range map[string]*Client{"the other tenant": other, "the provider": boss} {
		list, err := c.Rolls(ctx)
		must(t, err)
		if slices.Contains(names(list), "secretsauce") {
			t.Errorf("%s sees it", who)
		}
		for _, ref := range []string{"secretsauce", "secretsauce@1.0", "secretsauc"} {
			_, err := c.Roll(ctx, ref)
			_, err2 := c.RollArchive(ctx, ref)
			for _, err := range []error{err, err2} {
				wantKind(t, err, fault.NotFound)
				if strings.Contains(strings.ReplaceAll(err.Error(), fmt.Sprintf("%q", strings.TrimSuffix(ref, "@1.0")), ""), "secretsauce") {
					t.Errorf("%s is told of it: %v", who, err)
				}
			}
		}
		wantKind(t, c.DeleteRoll(ctx, "secretsauce@1.0"), fault.NotFound)
	}
	spec.Name, spec.Rolls = "farm2", []string{"secretsauc"}
	_, err = other.CreateCluster(ctx, spec, false)
	wantKind(t, err, fault.Invalid)
	if strings.Contains(err.Error(), "secretsauce") || !strings.Contains(err.Error(), `there is no roll "secretsauc"`) {
		t.Errorf("the other is told of it: %v", err)
	}
	spec.Rolls = []string{"secretsauce"}
	_, err = other.CreateCluster(ctx, spec, false)
	wantKind(t, err, fault.Invalid)
	if strings.Contains(err.Error(), "1.0") {
		t.Errorf("the other learns its version: %v", err)
	}

	// It may have one of the same name, with other content.
	_, err = other.PushRoll(ctx, "secretsauce@1.0", archivetest.Roll("secretsauce", "1.0"))
	must(t, err)
	theirs, err := other.Roll(ctx, "secretsauce")
	must(t, err)
	if theirs.Digest == info.Digest {
		t.Error("the other got the first one's roll")
	}
	must(t, other.DeleteRoll(ctx, "secretsauce@1.0"))
	if _, err := demo.Roll(ctx, "secretsauce@1.0"); err != nil {
		t.Errorf("the other deleted it: %v", err)
	}
}

func TestVersionsOfRolls(t *testing.T) {
	s := newSite(t)
	ctx, demo, boss := t.Context(), s.client(s.demo), s.client(s.provider)
	for _, v := range []string{"1.9", "1.10"} {
		_, err := boss.PushRoll(ctx, "tools@"+v, archivetest.Roll("tools", v))
		must(t, err)
	}
	info, err := demo.Roll(ctx, "tools")
	must(t, err)
	if info.Version != "1.10" || info.Owner != manager.OwnerPublished || !slices.Equal(info.Versions, []string{"1.10", "1.9"}) {
		t.Errorf("got %+v", info)
	}
	// The same content again is no change, other content never.
	for _, c := range []struct {
		who, ref string
		body     []byte
		want     int
		say      string
	}{
		{s.provider, "tools@1.9", archivetest.Zstd(archivetest.Tar(archivetest.File("tools/roll.yaml", archivetest.Text("tools", "1.9")))), 200, ""},
		{s.provider, "tools@1.9", packed(t, "roll.yaml", archivetest.Text("tools", "1.9"), "more", "x"), 409, "a version never changes"},
		{s.provider, "tools@2", archivetest.Roll("tools", "1.9"), 422, "it is the roll tools@1.9, and was to be tools@2"},
		{s.provider, "tools", archivetest.Roll("tools", "1.9"), 422, "it is the roll tools@1.9"},
		{s.demo, "tools@3", archivetest.Roll("tools", "3"), 409, "the provider publishes a roll"},
		{s.demo, "condor@99", archivetest.Roll("condor", "99"), 409, "the provider publishes a roll"},
		{s.demo, "base@99", archivetest.Roll("base", "99"), 409, "the provider publishes a roll"},
		{s.provider, "base@99", archivetest.Roll("base", "99"), 201, ""},
		{s.demo, "bad@1", packed(t, "roll.yaml", "name: bad\nversion: 1\nsummary: x\ncolour: red\nedges: [{from: a}]\n"), 422, "roll.yaml:4"},
		{"", "tools@4", archivetest.Roll("tools", "4"), 401, ""},
	} {
		resp, body := s.raw(http.MethodPut, "/v1/rolls/"+c.ref, c.who, string(c.body), "Content-Type", "application/gzip")
		if resp.StatusCode != c.want || !strings.Contains(body, c.say) {
			t.Errorf("push %s: %d %s, want %d and %q", c.ref, resp.StatusCode, body, c.want, c.say)
		}
	}
	// A shipped one stays what it is.
	shipped, err := demo.Roll(ctx, "condor")
	must(t, err)
	ref := "condor@" + shipped.Version
	_, err = boss.PushRoll(ctx, ref, archivetest.Roll("condor", shipped.Version))
	wantKind(t, err, fault.Conflict)
	again, err := demo.RollArchive(ctx, "condor")
	must(t, err)
	_, err = boss.PushRoll(ctx, ref, again)
	must(t, err)
	wantKind(t, boss.DeleteRoll(ctx, ref), fault.Refused)
	wantKind(t, demo.DeleteRoll(ctx, ref), fault.Forbidden)
	wantKind(t, demo.DeleteRoll(ctx, "tools@1.9"), fault.Forbidden)
	wantKind(t, boss.DeleteRoll(ctx, "tools@7"), fault.NotFound)
	wantKind(t, boss.DeleteRoll(ctx, "tools"), fault.Invalid)

	// A deleted version is gone, and its name stays taken.
	must(t, boss.DeleteRoll(ctx, "tools@1.10"))
	_, err = demo.Roll(ctx, "tools@1.10")
	wantKind(t, err, fault.NotFound)
	_, err = boss.PushRoll(ctx, "tools@1.10", packed(t, "roll.yaml", archivetest.Text("tools", "1.10"), "more", "x"))
	wantKind(t, err, fault.Conflict)
	_, err = boss.PushRoll(ctx, "tools@1.10", archivetest.Roll("tools", "1.10"))
	must(t, err)
	if info, err := demo.Roll(ctx, "tools"); err != nil || info.Version != "1.10" {
		t.Errorf("brought back: %+v, %v", info, err)
	}
}

// A roll that the provider publishes takes the place of tenants' own ones of
// that name, and says so to them.
func TestPublishedRollHidesOwn(t *testing.T) {
	s := newSite(t)
	ctx, demo, boss := t.Context(), s.client(s.demo), s.client(s.provider)
	_, err := demo.PushRoll(ctx, "tools@1", packed(t, "roll.yaml", archivetest.Text("tools", "1"), "own", "x"))
	must(t, err)
	_, err = boss.PushRoll(ctx, "tools@2", archivetest.Roll("tools", "2"))
	must(t, err)
	info, err := demo.Roll(ctx, "tools")
	must(t, err)
	if info.Owner != manager.OwnerPublished || !slices.Equal(info.Versions, []string{"2"}) || !slices.Equal(info.Hidden, []string{"1"}) {
		t.Errorf("got %+v", info)
	}
	if info, err := s.client(s.other).Roll(ctx, "tools"); err != nil || len(info.Hidden) > 0 {
		t.Errorf("another tenant is told of it: %+v, %v", info, err)
	}
	if _, err := demo.Roll(ctx, "tools@1"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("hidden, and yet there: %v", err)
	}
	if raw, err := demo.RollArchive(ctx, "tools@1"); err != nil || len(raw) == 0 {
		t.Errorf("a hidden one cannot be fetched: %v", err)
	}
	must(t, demo.DeleteRoll(ctx, "tools@1"))
	if info, err := demo.Roll(ctx, "tools"); err != nil || len(info.Hidden) > 0 {
		t.Errorf("after it was deleted: %+v, %v", info, err)
	}
}

// A malicious archive of each kind is refused, and nothing of it stays.
func TestHostileArchives(t *testing.T) {
	s := newSite(t)
	for _, h := range archivetest.All() {
		resp, body := s.raw(http.MethodPut, "/v1/rolls/evil@1", s.demo, string(h.Packed), "Content-Type", "application/gzip")
		want := http.StatusUnprocessableEntity
		switch {
		case len(h.Packed) > archive.MaxPacked:
			want = http.StatusRequestEntityTooLarge
		case len(h.Packed) == 0:
			want = http.StatusBadRequest
		}
		if resp.StatusCode != want || !strings.Contains(body, "urn:quarry:problem:invalid") {
			t.Errorf("%s: %d %s", h.Name, resp.StatusCode, body)
		}
		if want != http.StatusUnprocessableEntity {
			continue
		}
		_, err := s.client(s.demo).PushRoll(t.Context(), "evil@1", h.Packed)
		wantKind(t, err, fault.Invalid)
		for _, part := range h.Want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: no %q in %v", h.Name, part, err)
			}
		}
	}
	if _, err := os.Stat("/etc/cron.d/evil"); !errors.Is(err, os.ErrNotExist) {
		t.Error("an archive wrote a file")
	}
	must(t, s.st.View(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Rolls("demo")
		if len(rows) > 0 {
			t.Errorf("kept: %+v", rows)
		}
		return err
	}))
}

// Install scripts of a tenant's own rolls are refused when a cluster is booked:
// they would run where the image is made.
func TestOwnInstallScripts(t *testing.T) {
	s := newSite(t)
	s.pnodes("p1")
	text := archivetest.Text("builder", "1") + "edges: [{from: base/compute, to: n}]\n"
	node := "scripts:\n  install:\n    - {name: make, body: \"#!/bin/sh\\nid >/tmp/pwned\"}\n"
	spec := farm("farm")
	spec.Rolls = []string{"builder"}
	_, err := s.client(s.demo).PushRoll(t.Context(), "builder@1", packed(t, "roll.yaml", text, "nodes/n.yaml", node))
	must(t, err)
	_, err = s.client(s.demo).CreateCluster(t.Context(), spec, false)
	wantKind(t, err, fault.Invalid)
	if !strings.Contains(err.Error(), `builder/nodes/n.yaml:3: install script "builder/n/make" is of a roll of your own`) {
		t.Errorf("got %v", err)
	}
	// The same roll, published by the provider, may.
	_, err = s.client(s.provider).PushRoll(t.Context(), "builder@2", packed(t, "roll.yaml", strings.Replace(text, `"1"`, `"2"`, 1), "nodes/n.yaml", node))
	must(t, err)
	c, err := s.client(s.demo).CreateCluster(t.Context(), spec, false)
	must(t, err)
	if c.State != cluster.Booked {
		t.Errorf("got %+v", c)
	}
}

// Everything that ships can be fetched, and is what is in the program.
func TestShippedArchives(t *testing.T) {
	s := newSite(t)
	list, err := s.client(s.demo).Rolls(t.Context())
	must(t, err)
	for _, r := range list {
		raw, err := s.client(s.demo).RollArchive(t.Context(), r.Name+"@"+r.Version)
		must(t, err)
		a, err := archive.Open(raw)
		must(t, err)
		if a.Digest() != r.Digest {
			t.Errorf("%s: digest %s, listed %s", r.Name, a.Digest(), r.Digest)
		}
		if _, err := rolls.FS().Open(r.Name + "/roll.yaml"); err != nil {
			t.Error(err)
		}
	}
	if len(list) < 4 {
		t.Errorf("only %v", names(list))
	}
}
