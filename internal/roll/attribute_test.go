package roll

import (
	"fmt"
	"strings"
	"testing"

	"quarry/internal/cluster"
)

func attributed(t testing.TB) *Selection {
	return choose(t, site(t, "app", map[string]string{
		"roll.yaml": head + `
attributes:
- {name: slots, type: int, default: 1, min: 1, max: 64, help: slots of a node}
- {name: more, type: packages, default: "", help: packages of a node}
- {name: disks, type: list, default: [sda, sdb], match: 'sd[a-z]', maxItems: 3, help: disks of a node}
set:
- {attribute: slots, os: debian, value: 2}
- {attribute: slots, os: debian/trixie, value: 3}
- {attribute: app.slots, appliance: gateway, value: 4}
- {attribute: more, appliance: compute, value: [vim]}
edges:
- {from: base/compute, to: big, if: 'app.slots > 4 and "sdc" in app.disks'}
`,
		"nodes/big.yaml": "packages: [{attribute: more}]\n",
	}), "app")
}

// TestPrecedence: a narrower scope counts, whoever set it; in one scope the
// cluster's value counts before a roll's.
func TestPrecedence(t *testing.T) {
	s := attributed(t)
	global := cluster.Attribute{Value: "10"}
	os := cluster.Attribute{Value: "11", OS: "debian"}
	release := cluster.Attribute{Value: "12", OS: "debian/trixie"}
	appliance := cluster.Attribute{Value: "13", Appliance: "gateway"}
	rack := cluster.Attribute{Value: "14", Rack: "a"}
	host := cluster.Attribute{Value: "15", Host: "compute-0"}
	var (
		sid     = Where{OS: "debian", Release: "sid", Appliance: "compute"}
		trixie  = Where{OS: "debian", Release: "trixie", Appliance: "compute"}
		gateway = Where{OS: "debian", Release: "trixie", Appliance: "gateway"}
		racked  = Where{OS: "debian", Release: "trixie", Appliance: "gateway", Rack: "a"}
		hosted  = Where{OS: "debian", Release: "trixie", Appliance: "compute", Rack: "a", Host: "compute-0"}
	)
	cases := []struct {
		name  string
		where Where
		set   []cluster.Attribute
		want  string
	}{
		{"the roll's default", Where{OS: "redhat", Appliance: "compute"}, nil, "1"},
		{"the roll's for the family", sid, nil, "2"},
		{"the roll's for the release", trixie, nil, "3"},
		{"the roll's for the appliance", gateway, nil, "4"},
		{"global beats a default", Where{OS: "redhat"}, []cluster.Attribute{global}, "10"},
		{"global does not beat a roll's os", sid, []cluster.Attribute{global}, "2"},
		{"the cluster's os beats the roll's", sid, []cluster.Attribute{os, global}, "11"},
		{"os does not beat a roll's release", trixie, []cluster.Attribute{os}, "3"},
		{"the cluster's release beats the roll's", trixie, []cluster.Attribute{release, os, global}, "12"},
		{"release does not beat a roll's appliance", gateway, []cluster.Attribute{release}, "4"},
		{"the cluster's appliance beats the roll's", gateway, []cluster.Attribute{appliance, release}, "13"},
		{"rack beats appliance", racked, []cluster.Attribute{rack, appliance}, "14"},
		{"host beats all", hosted, []cluster.Attribute{host, rack, appliance, release, os, global}, "15"},
		{"the order does not matter", hosted, []cluster.Attribute{global, os, release, appliance, rack, host}, "15"},
		{"others' host", Where{OS: "debian", Release: "trixie", Host: "compute-1"}, []cluster.Attribute{host, rack}, "3"},
	}
	for _, c := range cases {
		for i := range c.set {
			c.set[i].Name = "app.slots"
		}
		if got := s.At(c.where, c.set)["app.slots"]; got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := s.At(sid, nil)["app.disks"]; got != "sda sdb" {
		t.Errorf("a list's default is %q", got)
	}
}

func TestConditionsSeeAttributes(t *testing.T) {
	s := attributed(t)
	for _, c := range []struct {
		attrs Attributes
		want  bool
	}{
		{nil, false},
		{Attributes{"app.slots": "5", "app.disks": "sda sdc"}, true},
		{Attributes{"app.slots": "5", "app.disks": []string{"sdc"}, "app.more": "htop"}, true},
		{Attributes{"app.slots": "5"}, false},
	} {
		p, err := s.Walk("compute", c.attrs)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(p.Order, " "), "app/big"); got != c.want {
			t.Errorf("%v: in %v, want %v", c.attrs, got, c.want)
		}
		packages := fmt.Sprint(p.Origins())
		if c.want && strings.Contains(packages, "package vim") != (c.attrs["app.more"] == nil) || c.attrs["app.more"] != nil && !strings.Contains(packages, "package htop") {
			t.Errorf("%v: packages %s", c.attrs, packages)
		}
	}
}

func TestCheckAttributes(t *testing.T) {
	s := attributed(t)
	err := s.CheckAttributes([]cluster.Attribute{
		{Name: "app.slots", Value: "65"},
		{Name: "app.slot", Value: "1"},
		{Name: "app.disks", Value: "sda hda x sdb"},
		{Name: "app.slots", Value: "2", Appliance: "comput"},
	})
	wantDetails(t, err,
		`attributes[0].value: app.slots: "65" is too large: at most 64`,
		`attributes[1].name: the rolls app, base, gateway have no attribute "app.slot"; did you mean "app.slots"?`,
		`attributes[2].value: app.disks: has 4 items: at most 3; "hda" does not match sd[a-z]: disks of a node; "x" does not`,
		`attributes[3].appliance: no roll defines appliance "comput"; did you mean "compute"?`)
}

func TestLoadAttributes(t *testing.T) {
	_, err := Load(files(map[string]string{"app/roll.yaml": head + `parameters: [{name: a, type: int, default: 1, help: h}]
attributes:
- {name: a, type: int, default: 1, help: h}
- {name: b, type: int, help: h}
- {name: c, type: secret, help: h}
- {name: d, type: list, of: int, default: [1, 2, 3], max: 2, maxItems: 2, help: h}
- {name: e, type: list, of: numbers, default: "", help: h}
- {name: f, type: string, of: int, maxItems: 2, default: "", help: h}
- {name: g, type: list, default: [a b], help: h}
- {name: h, type: list, of: enum, values: [x, y], default: [x, z], minItems: 3, maxItems: 1, help: h}
set:
- {attribute: d, value: [1]}
- {attribute: d, os: debian, appliance: x, value: [7]}
- {attribute: nosuch, os: "De", value: 1}
- {attribute: other.x, appliance: "A b"}
`}), "app")
	wantDetails(t, err,
		`app/roll.yaml:12:35: a word without spaces is wanted here`,
		`app/roll.yaml:6:3: attribute "a" is there twice`,
		`app/roll.yaml:7:3: attribute "b" needs a default`,
		`app/roll.yaml:8:19: an attribute is no secret`,
		`app/roll.yaml:9:43: default: has 3 items: at most 2; "3" is too large: at most 2`,
		`app/roll.yaml:10:29: of "numbers" is none of string, int, enum, package, port, address`,
		`app/roll.yaml:11:31: of fits the type list only`,
		`app/roll.yaml:11:3: minItems and maxItems fit lists only`,
		`app/roll.yaml:13:3: minItems 3 is above maxItems 1`,
		`app/roll.yaml:13:`,
		`app/roll.yaml:15:3: needs a scope: either os or appliance`,
		`app/roll.yaml:16:51: "7" is too large: at most 2`,
		`app/roll.yaml:16:3: needs a scope`,
		`app/roll.yaml:17:3: the roll has no attribute "nosuch"`,
		`app/roll.yaml:17:27: "De" is not an operating system`,
		`app/roll.yaml:18:3: value is missing`,
		`app/roll.yaml:18:35: appliance "A b" must be`)
}

func TestRollsSetAttributesOfOthers(t *testing.T) {
	a, err := Load(files(map[string]string{"a/roll.yaml": "name: a\nversion: 1\nsummary: s\nattributes: [{name: x, type: int, default: 1, help: h}]\n"}), "a")
	if err != nil {
		t.Fatal(err)
	}
	set := func(name, list string) *Roll {
		r, err := Load(files(map[string]string{name + "/roll.yaml": "name: " + name + "\nversion: 1\nsummary: s\nset: " + list + "\n"}), name)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	c := NewCatalog(&Roll{Name: "base"}, &Roll{Name: "gateway"}, a,
		set("b", "[{attribute: a.x, appliance: compute, value: 2}, {attribute: absent.y, os: debian, value: z}]"),
		set("c", "[{attribute: a.x, appliance: compute, value: 3}, {attribute: a.y, os: debian, value: 1}, {attribute: a.x, os: debian, value: many}]"))
	if got := choose(t, c, "a", "b").At(Where{Appliance: "compute"}, nil)["a.x"]; got != "2" {
		t.Errorf("a.x is %s", got)
	}
	_, err = c.Select([]string{"a", "b", "c"})
	wantDetails(t, err,
		`c/roll.yaml:4: a.x is "3" here, but "2" by b/roll.yaml:4 for the same scope`,
		`c/roll.yaml:4: there is no attribute "a.y"; did you mean "a.x"?`,
		`c/roll.yaml:4: a.x: "many" is not a whole number`)
}
