package manager

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/roll"
	"quarry/internal/vnode"
)

// publish adds rolls to the site, given as path → text.
func (s *site) publish(files map[string]string) {
	s.t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	more, err := roll.LoadAll(fsys)
	s.must(err)
	for _, versions := range more {
		s.m.Catalog = s.m.Catalog.With(versions...)
	}
}

const headOf = "version: 2\nsummary: for a test\n"

// TestOneAnswerForEverything: a conflict of rolls, an unknown package, a wrong
// and an unknown value, and an unknown node are told together.
func TestOneAnswerForEverything(t *testing.T) {
	s := newSite(t)
	s.images.unknown = []string{"nonsense"}
	s.publish(map[string]string{
		"slurm/roll.yaml":    "name: slurm\n" + headOf + "conflicts: [condor >= 23]\nrequires: [base >= 7]\nedges: [{from: base/compute, to: s}]\nparameters: [{name: nodes, type: list, of: int, max: 9, default: [], help: h}]\n",
		"slurm/nodes/s.yaml": "packages: [nonsense]\n",
	})
	_, err := s.book(s.tenant, func(sp *cluster.Spec) {
		sp.Rolls = []string{"slurm", "condor@23.9", "wbe"}
		sp.Parameters = map[string]string{"slurm.nodes": "1 10", "condor.slotz": "x", "wbe.port": "1"}
		sp.Attributes = []cluster.Attribute{{Name: "base.nosuch", Value: "1", Host: "compute-7"}}
	})
	if fault.KindOf(err) != fault.Invalid {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{
		`spec.rolls[2]: there is no roll "wbe"; there are base, condor, gateway, slurm, web`,
		"spec.rolls: roll slurm conflicts with roll condor 23.9 (it names condor >= 23): choose one",
		"spec.rolls: roll slurm 2 requires base >= 7",
		`spec.parameters.slurm.nodes: "10" is too large: at most 9`,
		"spec.parameters.condor.slotz",
		"spec.attributes[0].name",
		`spec.attributes[0].host: the cluster has no node "compute-7"`,
		`there is no package "nonsense"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the answer lacks %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "wbe.port") {
		t.Errorf("the parameters of a misspelt roll are not wrong: %v", err)
	}
}

// TestAttributesOfHosts: a vnode's own attributes reach its files, and give it
// a profile and an image of its own if they decide a condition.
func TestAttributesOfHosts(t *testing.T) {
	s := newSite(t)
	s.publish(map[string]string{
		"app/roll.yaml": "name: app\n" + headOf + `
attributes:
- {name: slots, type: int, default: 1, help: h}
- {name: big, type: bool, default: "false", help: h}
set: [{attribute: slots, appliance: compute, value: 2}]
edges:
- {from: base/compute, to: conf}
- {from: base/compute, to: big, if: app.big}
`,
		"app/nodes/conf.yaml": "files: [{path: /etc/app, template: true, content: '{{attr \"app.slots\"}}'}]\n",
		"app/nodes/big.yaml":  "packages: [big]\n",
	})
	c, err := s.book(s.tenant, func(sp *cluster.Spec) {
		sp.Rolls, sp.Nodes[0].Count = []string{"app"}, 4
		sp.Racks = map[string][]string{"a": {"compute-2", "compute-3"}}
		sp.Attributes = []cluster.Attribute{
			{Name: "app.slots", Value: "8", Rack: "a"},
			{Name: "app.slots", Value: "9", Host: "compute-3"},
			{Name: "app.big", Value: "true", Host: "compute-1"},
		}
	})
	s.must(err)
	if want := []string{"app@2", "base@1", "gateway@1"}; !slices.Equal(c.Rolls, want) {
		t.Errorf("booked with %v, want %v", c.Rolls, want)
	}
	f, err := s.m.dossier(t.Context(), c)
	s.must(err)
	image := map[string]string{}
	for _, n := range c.Nodes {
		image[n.Name] = n.Image
	}
	if image["compute-0"] != image["compute-3"] || image["compute-0"] == image["compute-1"] {
		t.Errorf("images %v: only compute-1 has another profile", image)
	}
	if len(f.Plans) != 3 {
		t.Errorf("plans of %v", sortedKeys(f.Plans))
	}
	for host, want := range map[string]string{"compute-0": "2", "compute-1": "2", "compute-2": "8", "compute-3": "9"} {
		i := slices.IndexFunc(f.identities[host].Files, func(f vnode.File) bool { return f.Path == "/etc/app" })
		if got := f.identities[host].Files[i].Content; got != want {
			t.Errorf("%s has %s slots, want %s", host, got, want)
		}
	}
	s.pass(c.Start.Sub(s.now))
	s.wantState("farm", cluster.Active)
}

// TestWhatCannotBeToldToAVnodeIsRefused: once for an appliance, with its place.
func TestWhatCannotBeToldToAVnodeIsRefused(t *testing.T) {
	s := newSite(t)
	script := "#!/bin/sh\n" + strings.Repeat("# much\n", 90_000)
	s.publish(map[string]string{
		"big/roll.yaml":    "name: big\n" + headOf + "edges: [{from: base/compute, to: n}]\n",
		"big/nodes/n.yaml": "scripts: {boot: [{name: a, source: scripts/a}, {name: b, source: scripts/a}]}\n",
		"big/scripts/a":    script,
		"bad/roll.yaml":    "name: bad\n" + headOf + "edges: [{from: base/compute, to: n}]\n",
		"bad/nodes/n.yaml": "files: [{path: /x, template: true, content: '{{param \"gateway.nosuch\"}}'}]\n",
	})
	for name, want := range map[string]string{
		"big": "spec.rolls: the files, scripts and values of a vnode of appliance compute come to 1",
		"bad": `bad/nodes/n.yaml:1: /x, line 1: executing "/x" at <param "gateway.nosuch">`,
	} {
		_, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Rolls = []string{name} })
		if fault.KindOf(err) != fault.Invalid || strings.Count(err.Error(), want) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAttributesMakeFewKinds: attributes of hosts cannot ask for an image each.
func TestAttributesMakeFewKinds(t *testing.T) {
	s := newSite(t)
	kinds := func(n int) error {
		_, err := s.book(s.tenant, func(sp *cluster.Spec) {
			sp.Name, sp.Rolls, sp.Nodes[0].Count = fmt.Sprintf("farm-%d", n), nil, 40
			sp.Nodes[0].CPUs, sp.Nodes[0].MemoryMiB, sp.Nodes[0].DiskMiB = 1, 256, 1024
			for i := range 40 {
				sp.Attributes = append(sp.Attributes, cluster.Attribute{Name: "base.extra", Value: fmt.Sprintf("p%d", i%n), Host: fmt.Sprintf("compute-%d", i)})
			}
		})
		return err
	}
	for _, name := range []string{"p1", "p2", "p3", "gw1"} {
		s.pnodes[name].facts.CPUs, s.pnodes[name].facts.MemoryMiB, s.pnodes[name].facts.DiskMiB = 64, 64000, 64000
	}
	s.settle()
	if err := kinds(maxKinds); err == nil || !strings.Contains(err.Error(), "more than 16 kinds") {
		t.Errorf("with the appliance's own these are 17 kinds: %v", err)
	}
	s.must(kinds(maxKinds - 1))
	s.settle()
	if s.images.builds != maxKinds { // the gateway's is one; the plain compute node's would be one too many
		t.Errorf("%d images were made", s.images.builds)
	}
}

// TestClusterScripts: nobody is told that all are up before the last vnode is
// through its boot scripts, and the cluster is ready only after the scripts.
func TestClusterScripts(t *testing.T) {
	s := newSite(t)
	s.publish(map[string]string{
		"app/roll.yaml":    "name: app\n" + headOf + "edges: [{from: gateway/gateway, to: n}]\n",
		"app/nodes/n.yaml": "scripts: {cluster: [{name: join, body: '#!/bin/sh'}]}\n",
	})
	c, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Rolls = []string{"app"} })
	s.must(err)
	assembled := func() (yes []string) {
		for _, name := range sortedKeys(s.pnodes) {
			d, _, _ := s.m.Desired(t.Context(), name)
			for _, part := range d.Clusters {
				if part.Assembled {
					yes = append(yes, name)
				}
			}
		}
		return yes
	}
	late := s.pnodes[c.Nodes[2].Pnode]
	late.slow["farm/compute-1"] = true
	s.pass(c.PrepareAt.Sub(s.now) + time.Minute)
	got := s.wantState("farm", cluster.Preparing)
	if got.Nodes[0].Stage != vnode.StageCluster || got.Nodes[1].State != cluster.NodeReady || len(assembled()) != 0 {
		t.Fatalf("nodes %+v, told %v", got.Nodes, assembled())
	}
	delete(late.slow, "farm/compute-1")
	s.pass(time.Minute)
	got = s.wantState("farm", cluster.Ready)
	if want := len(slices.Compact(slices.Sorted(slices.Values([]string{got.Nodes[0].Pnode, got.Nodes[1].Pnode, got.Nodes[2].Pnode})))); len(assembled()) != want {
		t.Errorf("told %v, want all %d pnodes", assembled(), want)
	}
	s.restart() // a manager that knows no reports yet takes nothing back for good
	s.settle()
	s.wantState("farm", cluster.Ready)
	if len(assembled()) == 0 {
		t.Error("after a restart the nodes are not told")
	}
}

// TestDrawnSecretsFit: what the manager draws is what a tenant could have given.
func TestDrawnSecretsFit(t *testing.T) {
	s := newSite(t)
	s.publish(map[string]string{"app/roll.yaml": "name: app\n" + headOf + `
parameters:
- {name: short, type: secret, max: 8, help: h}
- {name: long, type: secret, min: 100, help: h}
- {name: usual, type: secret, help: h}
`})
	c, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Rolls = []string{"app"} })
	s.must(err)
	f, err := s.m.dossier(t.Context(), c)
	s.must(err)
	for name, want := range map[string]int{"app.short": 8, "app.long": 100, "app.usual": 43} {
		if got := len(f.Secrets[name]); got != want {
			t.Errorf("%s has %d bytes, want %d", name, got, want)
		}
	}
}
