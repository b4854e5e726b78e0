package lab

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quarry/internal/fault"
)

func TestPlanNamesAreDistinctAndFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := site{
			Pnodes:   rapid.IntRange(0, maxPnodes).Draw(t, "pnodes"),
			Gateways: rapid.IntRange(0, maxGateways).Draw(t, "gateways"),
			Binary:   "/opt/bin/quarry", Datapath: datapathUser,
		}
		hosts := append(plan(s), rootHost())
		if want := s.Pnodes + s.Gateways + 4; len(hosts) != want {
			t.Fatalf("%d hosts, want %d", len(hosts), want)
		}
		seen := map[string]string{}
		once := func(what, value, owner string) {
			if other, ok := seen[what+value]; ok {
				t.Fatalf("%s %s is of %s and of %s", what, value, other, owner)
			}
			seen[what+value] = owner
		}
		for _, h := range hosts {
			once("host", h.Name, h.Name)
			for _, l := range h.Links {
				once("rack port", l.Rack, h.Name)
				once("mac", l.MAC, h.Name)
				if l.Address != "" {
					once("address", l.Address, h.Name)
					if _, _, err := net.ParseCIDR(l.Address); err != nil {
						t.Fatal(err)
					}
				}
				if mac, err := net.ParseMAC(l.MAC); err != nil || mac[0]&3 != 2 {
					t.Fatalf("%s is no locally administered unicast address: %v", l.MAC, err)
				}
				if max(len(l.Name), len(l.Rack)) > 15 {
					t.Fatalf("the kernel takes no link names like %s, %s", l.Name, l.Rack)
				}
			}
		}
	})
}

func TestPlanOfEachRole(t *testing.T) {
	hosts := plan(site{Pnodes: 1, Gateways: 1, Binary: "/opt/my bin/quarry", Datapath: datapathUser})
	want := map[string][]string{
		"rack":    {"ovs-create", "ovsdb-server", "ovs-vswitchd", "ovs-rack"},
		"manager": {"internet", "manager-init", "manager"},
		"p1":      {"ovs-create", "ovsdb-server", "ovs-vswitchd", "ovs-br-site", "libvirtd", "agent-enrol", "agent"},
		"gw1":     {"ovs-create", "ovsdb-server", "ovs-vswitchd", "ovs-br-site", "ovs-br-outside", "libvirtd", "agent-enrol", "agent"},
		"outside": nil,
	}
	for _, h := range hosts {
		var got []string
		for _, s := range h.Services {
			got = append(got, s.Name)
		}
		if !slices.Equal(got, want[h.Name]) {
			t.Errorf("services of %s: %v, want %v", h.Name, got, want[h.Name])
		}
		if h.runsAgent() && h.Peers[h.Name] == "" {
			t.Errorf("the hosts do not know the address of %s", h.Name)
		}
	}
	if len(hosts) != len(want) {
		t.Errorf("%d hosts, want %d", len(hosts), len(want))
	}
}

func TestOptionsListEverythingWrong(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	good := Options{Dir: "/somewhere/lab", Pnodes: 3, Gateways: 1, Binary: binary}
	tests := []struct {
		name   string
		change func(*Options)
		fields []string
	}{
		{"good", func(*Options) {}, nil},
		{"no pnodes", func(o *Options) { o.Pnodes = 0 }, nil},
		{"relative folder", func(o *Options) { o.Dir = "lab" }, []string{"dir"}},
		{"the whole machine", func(o *Options) { o.Dir = "/x/.." }, []string{"dir"}},
		{"negative", func(o *Options) { o.Pnodes, o.Gateways = -1, -1 }, []string{"pnodes", "gateways"}},
		{"many", func(o *Options) { o.Pnodes, o.Gateways = 21, 11 }, []string{"pnodes", "gateways"}},
		{"no program", func(o *Options) { o.Binary = "/nonesuch" }, []string{"binary"}},
		{"a folder for a program", func(o *Options) { o.Binary = filepath.Dir(binary) }, []string{"binary"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := good
			tt.change(&o)
			err := o.check()
			var fields []string
			if f, ok := err.(*fault.Error); ok {
				for _, d := range f.Details {
					fields = append(fields, d.Field)
				}
			}
			if !slices.Equal(fields, tt.fields) {
				t.Errorf("faults %v, want %v (%v)", fields, tt.fields, err)
			}
		})
	}
}

func TestMissingFoldersComeParentsFirst(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "a", "b", "c")
	hosts := []host{{Mounts: []mount{{Target: target}, {Target: dir}}}, {Mounts: []mount{{Target: target}}}}
	got := missingFolders(hosts, []string{filepath.Join(dir, "a")})
	want := []string{filepath.Join(dir, "a", "b"), target}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEnvironmentOfServices(t *testing.T) {
	env := serviceEnv([]string{"PATH=/x", "QUARRY_TOKEN=secret", "http_proxy=http://a", "HTTPS_PROXY=http://b", "SSL_CERT_FILE=/c"})
	joined := strings.Join(env, " ")
	for _, want := range []string{"http_proxy=http://a", "HTTPS_PROXY=http://b", "SSL_CERT_FILE=/c", "PATH=" + hostPath} {
		if !slices.Contains(env, want) {
			t.Errorf("no %s in %s", want, joined)
		}
	}
	if strings.Contains(joined, "secret") || strings.Contains(joined, "/x") {
		t.Errorf("the caller's own is in %s", joined)
	}
}
