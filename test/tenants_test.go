//go:build lab

package test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
)

// Two clusters of two tenants run at once with the same private range; host
// outside reaches each gateway and nothing else. The other tenant's has the
// roll web, so a cluster may hold other appliances too.
func TestTwoTenants(t *testing.T) {
	farm := farm(t)
	other := newTenant(t, "rival")
	must(t, "cluster", "create", "farm", "--token", other, "--roll", "web", "--appliance", "web=2", "--start", "asap", "--for", "1h")
	site := wait(t, "farm", "active", 15*time.Minute, "--token", other)
	t.Cleanup(func() { endCluster(t, "farm", "--token", other) })
	t.Cleanup(func() { endCluster(t, "farm") })
	if farm.Spec.Network != site.Spec.Network || farm.VLAN == site.VLAN || farm.ID == site.ID {
		t.Fatalf("networks %s and %s, VLANs %d and %d", farm.Spec.Network, site.Spec.Network, farm.VLAN, site.VLAN)
	}
	served := map[string]bool{}
	for range 6 {
		page := sh(t, "outside", "curl -sS -m 20 http://"+site.Gateway.OutsideAddress+"/")
		for _, n := range []string{"web-0", "web-1"} {
			if strings.Contains(page, "<b>"+n+"</b>") {
				served[n] = true
			}
		}
	}
	if len(served) != 2 {
		t.Errorf("pages came from %v, want both web nodes", served)
	}
	checkIsolatedOnTheSwitch(t, farm)
	checkIsolatedOnTheSwitch(t, site)
	for _, c := range []cluster.Cluster{farm, site} {
		for _, n := range c.Nodes {
			if r := on(t, "outside", "ping", "-c", "1", "-W", "1", n.Leg(cluster.PrivateNetwork).Address); r.code == 0 {
				t.Errorf("%s of %s answers from outside at its private address", n.Name, c.Tenant)
			}
		}
	}
	// Both have a vnode at 10.1.0.10: each cluster meets its own.
	if got := strings.TrimSpace(ssh(t, "farm", "", "getent hosts 10.1.0.10")); !strings.Contains(got, "compute-0") {
		t.Errorf("in the first cluster 10.1.0.10 is %q", got)
	}
	reach := `for a in 1 2 3 4 5; do ping -c 1 -W 1 10.1.0.12 >/dev/null && echo REACHED; done; true`
	if out := ssh(t, "farm", "compute-0", reach); strings.Contains(out, "REACHED") {
		t.Error("an address that only exists in no cluster answers")
	}
	for host, address := range map[string]string{"the manager": "198.18.0.2", "a pnode": "198.18.0.11"} {
		if out := ssh(t, "farm", "compute-0", "ping -c 1 -W 2 "+address+" >/dev/null && echo REACHED; true"); strings.Contains(out, "REACHED") {
			t.Errorf("a vnode reaches %s", host)
		}
	}
}

// newTenant makes a tenant and returns a token of its.
func newTenant(t *testing.T, name string) string {
	t.Helper()
	quarry(t, "--context", "provider", "tenant", "create", name) // may be there from before
	raw := must(t, "--context", "provider", "token", "create", "--tenant", name, "--expires", "1d", "-o", "json")
	var token struct{ Secret string }
	if err := json.Unmarshal([]byte(raw), &token); err != nil || token.Secret == "" {
		t.Fatal(fmt.Errorf("token of %s: %w in %s", name, err, raw))
	}
	return token.Secret
}
