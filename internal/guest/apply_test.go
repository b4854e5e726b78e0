package guest

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/vnode"
)

var update = flag.Bool("update", false, "write testdata anew")

func TestApplyMakesTheMachineTheVnode(t *testing.T) {
	f, id := newFake(t), testIdentity(t)
	if err := newGuest(f).apply(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(snapshot(t, f, false), indent([]byte(id.HostKeys["ed25519"])), "    (private key)\n")
	golden := filepath.Join("testdata", "gateway.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
	if f.hostname != "gateway-0" {
		t.Errorf("host name is %q", f.hostname)
	}
	wantNet := Network{
		Links: []Link{
			{MAC: "52:54:00:00:00:01", Name: "private0", Address: netip.MustParsePrefix("10.1.0.1/24")},
			{MAC: "52:54:00:00:00:02", Name: "outside0", Address: netip.MustParsePrefix("203.0.113.10/24")},
		},
		Gateway: netip.MustParseAddr("203.0.113.1"),
	}
	compare := cmp.Comparer(func(a, b Network) bool { return cmp.Equal(a.Links, b.Links, linkCmp) && a.Gateway == b.Gateway })
	if diff := cmp.Diff(wantNet, f.network, compare); diff != "" {
		t.Errorf("network (-want +got):\n%s", diff)
	}
}

var linkCmp = cmp.Comparer(func(a, b Link) bool { return a == b })

func TestApplyAgainChangesNothing(t *testing.T) {
	f, id := newFake(t), testIdentity(t)
	g := newGuest(f)
	if err := g.apply(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, f, true)
	if err := g.apply(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, snapshot(t, f, true)); diff != "" {
		t.Errorf("second apply changed (-before +after):\n%s", diff)
	}
	if n := f.called("useradd"); n != 1 {
		t.Errorf("useradd ran %d times, want 1", n)
	}
	if n := f.called("visudo"); n != 1 {
		t.Errorf("visudo ran %d times, want 1", n)
	}
}

func TestApplyRepairsAndTakesAway(t *testing.T) {
	f, id := newFake(t), testIdentity(t)
	g := newGuest(f)
	if err := g.apply(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	hosts := filepath.Join(f.root, "etc/hosts")
	want, _ := os.ReadFile(hosts)
	if err := os.WriteFile(hosts, nil, 0o600); err != nil { // a power cut
		t.Fatal(err)
	}
	id.Users[0].Sudo = false
	id.Secrets = nil
	if err := g.apply(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(hosts); string(got) != string(want) {
		t.Errorf("hosts not repaired: %q", got)
	}
	for _, gone := range []string{"etc/sudoers.d/quarry-admin", "etc/quarry/secrets/condor.pool-password"} {
		if _, err := os.Lstat(filepath.Join(f.root, gone)); !os.IsNotExist(err) {
			t.Errorf("%s is still there (%v)", gone, err)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	cases := map[string]struct {
		change func(*vnode.Identity)
		want   string
	}{
		"relative file":     {func(id *vnode.Identity) { id.Files[0].Path = "etc/x" }, `file "etc/x"`},
		"file upwards":      {func(id *vnode.Identity) { id.Files[0].Path = "/etc/../../x" }, "without . and .."},
		"file mode":         {func(id *vnode.Identity) { id.Files[0].Mode = "rw" }, `mode "rw"`},
		"owner unknown":     {func(id *vnode.Identity) { id.Files[0].Owner = "nobody:root" }, `no user "nobody"`},
		"group unknown":     {func(id *vnode.Identity) { id.Files[0].Owner = "root:wheel" }, `no group "wheel"`},
		"host name":         {func(id *vnode.Identity) { id.Hostname = "a\nb" }, "no DNS label"},
		"no host name":      {func(id *vnode.Identity) { id.Hostname = "" }, "no DNS label"},
		"domain":            {func(id *vnode.Identity) { id.Domain = "a..b" }, "no DNS name"},
		"user":              {func(id *vnode.Identity) { id.Users[0].Name = "../root" }, "no account name"},
		"secret":            {func(id *vnode.Identity) { id.Secrets["../x"] = "hunter2" }, "no name for a file"},
		"host key type":     {func(id *vnode.Identity) { id.HostKeys["../x"] = "hunter2" }, "host key of type"},
		"host key":          {func(id *vnode.Identity) { id.HostKeys["rsa"] = "hunter2" }, `host key "rsa" is no private key`},
		"address":           {func(id *vnode.Identity) { id.Legs[0].Address = "10.1.0.1" }, "no prefix length"},
		"MAC":               {func(id *vnode.Identity) { id.Legs[0].MAC = "x" }, `"x" is no MAC`},
		"host's address":    {func(id *vnode.Identity) { id.Hosts[0].Address = "x y" }, `"x y" is no address`},
		"time zone upwards": {func(id *vnode.Identity) { id.TimeZone = "../../etc/passwd" }, "no name of a time zone"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f, id := newFake(t), testIdentity(t)
			c.change(id)
			err := newGuest(f).apply(t.Context(), id)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func TestApplyWaitsForALateLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, id := newFake(t), testIdentity(t)
		links := f.links
		f.links = nil
		time.AfterFunc(20*time.Second, func() { f.mu.Lock(); f.links = links; f.mu.Unlock() })
		if err := newGuest(f).apply(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if len(f.network.Links) != 2 {
			t.Errorf("links not configured: %+v", f.network)
		}
	})
}

func TestApplyNamesTheMissingLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, id := newFake(t), testIdentity(t)
		delete(f.links, "52:54:00:00:00:02")
		start := time.Now()
		err := newGuest(f).apply(t.Context(), id)
		if err == nil || !strings.Contains(err.Error(), "52:54:00:00:00:02") {
			t.Fatalf("got %v, want the missing MAC", err)
		}
		if took := time.Since(start); took != linkWait {
			t.Errorf("gave up after %s, want %s", took, linkWait)
		}
	})
}

// FuzzApply feeds whatever a broken agent may send: nothing may be written
// outside the root.
func FuzzApply(f *testing.F) {
	f.Add("gateway-0", "/etc/x", "0644", "root:root", "admin", "a.b", "UTC")
	f.Add("x", "/../../x", "7777", "condor:", "..", "../../x", "../x")
	f.Fuzz(func(t *testing.T, host, path, mode, owner, user, key, zone string) {
		sys := newFake(t)
		outer := sys.root
		sys.root = filepath.Join(outer, "root")
		if err := os.MkdirAll(filepath.Join(sys.root, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sys.root, "etc/passwd"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(outer, "etc")); err != nil {
			t.Fatal(err)
		}
		err := newGuest(sys).apply(t.Context(), &vnode.Identity{
			Hostname: host, TimeZone: zone,
			Users:      []vnode.User{{Name: user, Sudo: true}},
			Files:      []vnode.File{{Path: path, Mode: mode, Owner: owner}},
			HostKeys:   map[string]string{key: "x"},
			Secrets:    map[string]string{key: "x"},
			Parameters: map[string]string{key: zone},
		})
		_ = err // only where it wrote is judged
		entries, readErr := os.ReadDir(outer)
		if readErr != nil {
			t.Fatal(readErr)
		}
		for _, e := range entries {
			if e.Name() != "root" && e.Name() != "usr" {
				t.Fatalf("%s was written outside the root", e.Name())
			}
		}
	})
}
