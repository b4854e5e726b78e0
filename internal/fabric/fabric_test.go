package fabric

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"quarry/internal/fault"
)

func TestTapName(t *testing.T) {
	seen := map[string]bool{}
	for c := range 20 {
		for v := range 20 {
			for _, leg := range []string{"private", "outside"} {
				name := TapName(fmt.Sprint("c", c), fmt.Sprint("compute-", v), leg)
				if len(name) > 15 || !strings.HasPrefix(name, tapPrefix) || seen[name] {
					t.Fatalf("name %q: too long, foreign or there already", name)
				}
				seen[name] = true
			}
		}
	}
	if TapName("a", "bc", "d") == TapName("ab", "c", "d") {
		t.Error("names of different legs run together")
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	good := sitePort("a", 10)
	twice := good
	wrong := Port{Tap: "eth0", Bridge: BridgeOutside, VLAN: 4094, MAC: "01:00:5e:00:00:01", Addresses: []string{"fe80::1"}, Router: true}
	_, err := validateAll([]Port{good, twice, wrong, {Tap: "qtx", Bridge: BridgeSite, VLAN: quarantine, MAC: good.MAC, Owner: "c"}})
	if fault.KindOf(err) != fault.Invalid {
		t.Fatalf("got %v", err)
	}
	for _, field := range []string{"ports[1].tap", "ports[2].tap", "ports[2].vlan", "ports[2].mac", "ports[2].addresses[0]", "ports[2].router", "ports[2].owner", "ports[3].vlan"} {
		if !strings.Contains(err.Error(), field+":") {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
}

func TestValidateSpellsOneWay(t *testing.T) {
	p := sitePort("a", 10)
	p.MAC, p.Addresses = "52-54-00-AA-BB-CC", []string{"10.1.0.10/24"}
	got, err := validateAll([]Port{p})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].MAC != "52:54:00:aa:bb:cc" || got[0].Addresses[0] != "10.1.0.10" {
		t.Errorf("got %+v", got[0])
	}
}

func TestClosedPortHasNoFlows(t *testing.T) {
	p := sitePort("a", 10)
	p.Open = false
	if flows := portFlows(p); len(flows) != 0 {
		t.Errorf("got %v", flows)
	}
	if row := record(p); *row.Tag != quarantine || *row.VLANMode != "access" {
		t.Errorf("it lies in VLAN %d, %s", *row.Tag, *row.VLANMode)
	}
}

func sitePort(vnode string, vlan int) Port {
	return Port{
		Tap: TapName("cluster", vnode, "private"), Bridge: BridgeSite, VLAN: vlan,
		MAC: "52:54:00:00:00:01", Open: true, Owner: "cluster", Vnode: vnode,
	}
}

// drawPorts makes up a set of ports with few names, so that sets overlap.
func drawPorts(t *rapid.T, label string) []Port {
	var ports []Port
	for i := range 6 {
		if !rapid.Bool().Draw(t, label+"there") {
			continue
		}
		p := sitePort(fmt.Sprint(i), rapid.IntRange(1, 3).Draw(t, label+"vlan"))
		p.Open = rapid.Bool().Draw(t, label+"open")
		if rapid.Bool().Draw(t, label+"outside") {
			p.Bridge, p.VLAN = BridgeOutside, 0
		}
		if rapid.Bool().Draw(t, label+"address") {
			p.Addresses = []string{"10.1.0.10"}
		}
		ports = append(ports, p)
	}
	return ports
}

func TestPlanLeadsToWhatIsWanted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have, want := drawPorts(t, "have "), drawPorts(t, "want ")
		pl := makePlan(have, want)

		after := map[string]Port{}
		for _, p := range have {
			after[p.Tap] = p
		}
		for _, p := range pl.remove {
			delete(after, p.Tap)
		}
		for _, p := range append(slices.Clone(pl.update), pl.create...) {
			after[p.Tap] = p
		}
		if len(after) != len(want) {
			t.Fatalf("plan leads to %v, wanted %v", after, want)
		}
		for _, w := range want {
			if !equal(after[w.Tap], w) {
				t.Fatalf("plan leads to %+v, wanted %+v", after[w.Tap], w)
			}
		}

		// While the database changes, only ports have flows that are in the
		// same place, open the same way, before and after.
		for _, s := range pl.steady {
			ok := func(q Port) bool {
				return q.Tap == s.Tap && q.Bridge == s.Bridge && q.VLAN == s.VLAN && q.Open == s.Open
			}
			if !slices.ContainsFunc(have, ok) || !slices.ContainsFunc(want, ok) {
				t.Fatalf("%+v keeps its flows, have %v want %v", s, have, want)
			}
		}
		if again := makePlan(want, want); len(again.create)+len(again.update)+len(again.remove) > 0 || again.unsettles(want) {
			t.Fatalf("a plan for what is there already: %+v", again)
		}
	})
}

func TestRecordIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, p := range drawPorts(t, "") {
			row := record(p)
			if got := recorded(p.Bridge, &row); !equal(got, p) {
				t.Fatal(cmp.Diff(p, got))
			}
		}
	})
}

func TestFake(t *testing.T) {
	f := NewFake()
	p := sitePort("a", 10)
	p.Open = false
	opened := p
	opened.Open = true
	for _, want := range [][]Port{{p}, {p}, {opened}, {}} {
		if err := f.Apply(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		got, err := f.Ports(t.Context())
		if err != nil || len(got) != len(want) {
			t.Fatalf("applied %v, got %v, %v", want, got, err)
		}
	}
	if h := f.History(p.Tap); !slices.Equal(h, []bool{false, true}) {
		t.Errorf("history is %v", h)
	}
	if err := f.Apply(t.Context(), []Port{{}}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("nonsense gives %v", err)
	}
	broken := fmt.Errorf("no switch")
	f.Fail("apply", broken)
	if err := f.Apply(t.Context(), nil); err != broken {
		t.Errorf("got %v", err)
	}
}
