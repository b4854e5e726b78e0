package render

import (
	"slices"
	"testing"

	"quarry/internal/roll"
)

func profile() roll.Profile {
	return roll.Profile{
		Packages: []roll.Package{{Name: "nginx", From: roll.Source{Roll: "web", Line: 3}}, {Name: "curl"}, {Name: "nginx", From: roll.Source{Roll: "other"}}},
		Files:    []roll.File{{Path: "/a"}, {Path: "/b", Template: true}},
		Services: []roll.Service{{Unit: "z.service", State: "enabled"}, {Unit: "a.service", State: "started"}, {Unit: "m.service", State: "masked"}, {Unit: "d.service", State: "disabled"}},
		Boot:     []roll.Script{{Name: "boot"}},
		Install:  []roll.Script{{Name: "install"}},
	}
}

func TestFromProfile(t *testing.T) {
	r := FromProfile(profile(), "trixie", "amd64")
	if !slices.Equal(r.Packages, []string{"curl", "nginx"}) || r.Origins["nginx"].Roll != "web" {
		t.Errorf("packages %v from %v", r.Packages, r.Origins)
	}
	if len(r.Files) != 1 || r.Files[0].Path != "/a" {
		t.Errorf("files %v: a template depends on the vnode", r.Files)
	}
	if !slices.Equal(r.Enabled, []string{"z.service"}) || !slices.Equal(r.Disabled, []string{"a.service", "d.service"}) || !slices.Equal(r.Masked, []string{"m.service"}) {
		t.Errorf("units %v %v %v", r.Enabled, r.Disabled, r.Masked)
	}
	if len(r.Scripts) != 1 || r.Scripts[0].Name != "install" {
		t.Errorf("scripts %v", r.Scripts)
	}
}

func TestAddressIgnoresWhereThingsStand(t *testing.T) {
	moved := profile()
	for i := range moved.Files {
		moved.Files[i].From.Line += 7
	}
	for i := range moved.Install {
		moved.Install[i].From.Line += 7
	}
	a := Lock{Recipe: FromProfile(profile(), "trixie", "amd64")}
	b := Lock{Recipe: FromProfile(moved, "trixie", "amd64")}
	if a.Address() != b.Address() {
		t.Error("a comment added to a roll makes another image")
	}
}

func TestAddressFollowsTheContent(t *testing.T) {
	lock := func(change func(*Lock)) string {
		l := Lock{Recipe: FromProfile(profile(), "trixie", "amd64"), Packages: []LockedPackage{{Name: "curl", Version: "1"}}, Guest: "g"}
		change(&l)
		return l.Address()
	}
	same := lock(func(*Lock) {})
	for name, change := range map[string]func(*Lock){
		"guest":   func(l *Lock) { l.Guest = "h" },
		"version": func(l *Lock) { l.Packages[0].Version = "2" },
		"recipe":  func(l *Lock) { l.Recipe.Version++ },
		"file":    func(l *Lock) { l.Recipe.Files[0].Content = "x" },
	} {
		if lock(change) == same {
			t.Errorf("%s does not change the address", name)
		}
	}
	if lock(func(l *Lock) { l.Recipe.Origins = nil }) != same {
		t.Error("where a package comes from changes the address")
	}
}
