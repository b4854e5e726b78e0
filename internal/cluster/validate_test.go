package cluster

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti user@example"

func valid() Spec {
	return Spec{
		Name: "farm", Rolls: []string{"condor"}, Nodes: []Group{{Appliance: Compute, Count: 2}},
		Start: t0.Add(time.Hour), SSHKeys: []string{key},
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Spec)
		want   []string // the fields that are wrong, in order
	}{
		{"as it is", func(*Spec) {}, nil},
		{"asap", func(s *Spec) { s.Start, s.StartMode = time.Time{}, StartASAP }, nil},
		{"name", func(s *Spec) { s.Name = "Farm_1" }, []string{"spec.name"}},
		{"empty name", func(s *Spec) { s.Name = "" }, []string{"spec.name"}},
		{"64 letters", func(s *Spec) { s.Name = strings.Repeat("a", 64) }, []string{"spec.name"}},
		{"no start", func(s *Spec) { s.Start = time.Time{} }, []string{"spec.start"}},
		{"past", func(s *Spec) { s.Start = t0.Add(-time.Second) }, []string{"spec.start"}},
		{"mode", func(s *Spec) { s.StartMode = "soon" }, []string{"spec.startMode"}},
		{"end first", func(s *Spec) { s.End = s.Start }, []string{"spec.end"}},
		{"negative duration", func(s *Spec) { s.Duration = -time.Hour }, []string{"spec.duration", "spec.end"}},
		{"too long", func(s *Spec) { s.Duration = MaxWindow + time.Second }, []string{"spec.end"}},
		{"zero and negative", func(s *Spec) {
			s.Nodes = []Group{{Appliance: Compute, Count: 0, CPUs: -1, MemoryMiB: -5, DiskMiB: 1}}
		}, []string{"spec.nodes[1].count", "spec.nodes[1].cpus", "spec.nodes[1].memoryMiB", "spec.nodes[1].diskMiB"}},
		{"two gateways", func(s *Spec) { s.Nodes = append(s.Nodes, Group{Appliance: Gateway, Count: 2}) }, []string{"spec.nodes[0].count"}},
		{"twice the same", func(s *Spec) { s.Nodes = append(s.Nodes, s.Nodes[0]) }, []string{"spec.nodes[2].appliance"}},
		{"huge", func(s *Spec) { s.Nodes[0].Count = 1 << 40 }, []string{"spec.nodes", "spec.network"}},
		{"public network", func(s *Spec) { s.Network = "8.8.8.0/24" }, []string{"spec.network"}},
		{"host bits", func(s *Spec) { s.Network = "10.1.0.1/24" }, []string{"spec.network"}},
		{"small network", func(s *Spec) { s.Network, s.Nodes[0].Count = "10.1.0.0/28", 5 }, []string{"spec.network"}},
		{"IPv6", func(s *Spec) { s.Network = "fd00::/64" }, []string{"spec.network"}},
		{"key", func(s *Spec) { s.SSHKeys = []string{key, "ssh-rsa x", key + "\n" + key} }, []string{"spec.sshKeys[1]", "spec.sshKeys[2]"}},
		{"user", func(s *Spec) { s.Users = []User{{Name: "root"}, {Name: "ann"}} }, []string{"spec.users[0].name"}},
		{"roll twice", func(s *Spec) { s.Rolls = []string{"web", "web"} }, []string{"spec.rolls[1]"}},
		{"placement", func(s *Spec) {
			s.Policy, s.Together = "scatter", "maybe"
			s.Nodes[0].Require = []string{"ssd", "Colour", "size=big", "rack=r1", "uplink", "ssd"}
			s.Nodes[0].Prefer = []string{"ssd", "rack="}
		}, []string{
			"spec.policy", "spec.together", "spec.nodes[1].require[1]", "spec.nodes[1].require[2]", "spec.nodes[1].require[5]",
			"spec.nodes[1].prefer[1]", "spec.nodes[1].prefer[0]",
		}},
		{"too many labels", func(s *Spec) {
			s.Policy, s.Together, s.Nodes[0].Apart = "pack", "require", true
			s.Nodes[0].Prefer = []string{"a", "b", "c", "d", "e"}
		}, []string{"spec.nodes[1].prefer"}},
		{"domain", func(s *Spec) { s.Domain = "a b" }, []string{"spec.domain"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := valid()
			c.change(&s)
			var got []string
			for _, d := range s.Complete(t0).Validate(t0) {
				got = append(got, d.Field)
			}
			if strings.Join(got, " ") != strings.Join(c.want, " ") {
				t.Fatalf("wrong: %v, want %v", got, c.want)
			}
		})
	}
}

func TestPlanNodes(t *testing.T) {
	s := valid()
	s.Nodes = append(s.Nodes, Group{Appliance: "web", Count: 1})
	nodes, err := PlanNodes("id", s.Complete(t0))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	macs := map[string]bool{}
	for _, n := range nodes {
		leg := n.Leg(PrivateNetwork)
		got = append(got, n.Name+"="+leg.Address)
		macs[leg.MAC] = true
	}
	if want := "gateway=10.1.0.1 compute-0=10.1.0.10 compute-1=10.1.0.11 web-0=10.1.0.12"; strings.Join(got, " ") != want || len(macs) != 4 {
		t.Fatalf("%v, %d MACs; want %s", got, len(macs), want)
	}
}

// Whatever a tenant sends, it is refused in words or can be planned.
func FuzzSpec(f *testing.F) {
	for _, s := range []Spec{valid(), {}, {Name: "x", Network: "10.0.0.0/8", Nodes: []Group{{Appliance: "a", Count: 9}}}} {
		raw, err := json.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s Spec
		if json.Unmarshal(raw, &s) != nil {
			return
		}
		s = s.Complete(t0)
		if len(s.Validate(t0)) > 0 {
			return
		}
		nodes, err := PlanNodes("id", s)
		if err != nil {
			t.Fatalf("valid, and cannot be planned: %v", err)
		}
		seen := map[string]bool{}
		for _, n := range nodes {
			a := n.Leg(PrivateNetwork).Address
			if seen[a] || seen[n.Name] {
				t.Fatalf("%s or %s twice", n.Name, a)
			}
			seen[a], seen[n.Name] = true, true
		}
	})
}
