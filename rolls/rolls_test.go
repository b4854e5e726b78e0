package rolls_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/cluster"
	"quarry/internal/roll"
	"quarry/internal/vnode"
	"quarry/rolls"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestShippedRollsAreClean(t *testing.T) {
	catalog, err := roll.LoadAll(rolls.FS())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"base", "gateway", "condor", "web"} {
		if catalog[name] == nil {
			t.Errorf("roll %s is missing", name)
			continue
		}
		if err := roll.Lint(rolls.FS(), name); err != nil {
			t.Error(err)
		}
	}
}

var hosts = []vnode.Host{
	{Name: "gateway", Address: "10.1.0.1", MAC: "02:00:00:00:00:01", Appliance: "gateway"},
	{Name: "compute-0", Address: "10.1.0.10", MAC: "02:00:00:00:00:10", Appliance: "compute"},
	{Name: "compute-1", Address: "10.1.0.11", MAC: "02:00:00:00:00:11", Appliance: "compute"},
	{Name: "web-0", Address: "10.1.0.20", MAC: "02:00:00:00:00:20", Appliance: "web"},
	{Name: "web-1", Address: "10.1.0.21", MAC: "02:00:00:00:00:21", Appliance: "web"},
}

// TestGolden compares the whole profile of each appliance, and its files as
// they arrive on a vnode, with testdata.
func TestGolden(t *testing.T) {
	catalog, err := roll.LoadAll(rolls.FS())
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		golden, appliance string
		rolls             []string
		host              vnode.Host
		parameters        map[string]string
		attributes        []cluster.Attribute
	}{
		{"plain-gateway", "gateway", nil, hosts[0], map[string]string{"gateway.ports": "443 8080", "gateway.dns": "192.0.2.53", "base.packages": "htop vim"}, nil},
		{"condor-gateway", "gateway", []string{"condor"}, hosts[0], nil, nil},
		{"condor-compute", "compute", []string{"condor"}, hosts[1], nil, []cluster.Attribute{
			{Name: "condor.features", Value: "HasScratch Fast", Host: "compute-0"}, {Name: "base.extra", Value: "htop", Appliance: "compute"},
		}},
		{"condor-partitionable", "compute", []string{"condor"}, hosts[1], map[string]string{"condor.slots": "partitionable"}, nil},
		{"web-gateway", "gateway", []string{"web"}, hosts[0], map[string]string{"web.port": "8080"}, nil},
		{"web-web", "web", []string{"web"}, hosts[3], nil, nil},
	}
	for _, c := range cases {
		t.Run(c.golden, func(t *testing.T) {
			selection, err := catalog.Select(c.rolls)
			if err != nil {
				t.Fatal(err)
			}
			params, err := selection.Check(c.parameters)
			if err != nil {
				t.Fatal(err)
			}
			attrs := roll.Attributes{
				"os": "debian", "release": "trixie", "architecture": "amd64",
				"nodes": map[string]int{"gateway": 1, "compute": 2, "web": 2},
			}
			if err := selection.CheckAttributes(c.attributes); err != nil {
				t.Fatal(err)
			}
			own := selection.At(roll.Where{OS: "debian", Release: "trixie", Appliance: c.appliance, Host: c.host.Name}, c.attributes)
			for _, values := range []map[string]string{params, own} {
				for k, v := range values {
					attrs[k] = v
				}
			}
			profile, err := selection.Walk(c.appliance, attrs)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, c.golden, archive(t, profile, roll.TemplateData{
				Hostname: c.host.Name, Appliance: c.appliance, Domain: "cluster.internal", Cluster: "farm",
				Gateway: "10.1.0.1", Address: c.host.Address, Network: "10.1.0.0/24", Hosts: hosts,
				Parameters: params, Attributes: own, Secrets: map[string]string{"condor.pool_password": "0123456789abcdef0123456789abcdef"},
			}))
		})
	}
}

// archive is a line for each thing in the profile and then its files as
// rendered, in the txtar format.
func archive(t *testing.T, p roll.Profile, data roll.TemplateData) []byte {
	t.Helper()
	var list, files strings.Builder
	fmt.Fprintf(&list, "-- profile --\nrolls %s\norder %s\n", strings.Join(p.Rolls, " "), strings.Join(p.Order, " "))
	for _, pkg := range p.Packages {
		fmt.Fprintln(&list, "package", pkg.Name)
	}
	for _, f := range p.Files {
		fmt.Fprintln(&list, "file", f.Path, f.Mode, f.Owner, "template:", f.Template)
		out, err := roll.RenderFile(f, data)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&files, "-- %s --\n%s\n", f.Path, strings.TrimSuffix(out.Content, "\n"))
	}
	for _, u := range p.Services {
		fmt.Fprintln(&list, "service", u.Unit, u.State)
	}
	for _, kind := range []struct {
		name    string
		scripts []roll.Script
	}{{"install", p.Install}, {"boot", p.Boot}, {"cluster", p.Cluster}, {"check", p.Checks}} {
		for _, s := range kind.scripts {
			fmt.Fprintln(&list, kind.name, s.Name, s.Timeout)
		}
	}
	return []byte(list.String() + files.String())
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".txtar")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-%s +now (go test ./rolls -update writes it anew):\n%s", file, diff)
	}
}
