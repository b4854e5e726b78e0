//go:build lab

package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A tenant pushes a roll of its own, whose install script is run in a throwaway
// machine; its cluster has what the script made, and another tenant neither
// sees nor books it.
func TestOwnRoll(t *testing.T) {
	other := newTenant(t, "rival")
	dir := filepath.Join(t.TempDir(), "sauce")
	for name, text := range map[string]string{
		"roll.yaml": "name: sauce\nversion: \"1.0\"\nsummary: A secret of its tenant\nedges: [{from: base/compute, to: sauce}]\n",
		"nodes/sauce.yaml": `files:
  - {path: /etc/sauce, content: "secret\n"}
scripts:
  install:
    - name: cook
      body: |
        #!/bin/sh
        set -e
        tr a-z A-Z </etc/sauce >/var/lib/sauce
        ls /sys/class/net >>/var/lib/sauce
        cat /proc/[0-9]*/cmdline | tr '\0' '\n' >/var/lib/sauce.processes
checks:
  - {name: cooked, body: "#!/bin/sh\ngrep -q SECRET /var/lib/sauce"}
`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must(t, "roll", "push", dir)
	t.Cleanup(func() { quarry(t, "roll", "delete", "sauce@1.0") })
	if out := must(t, "roll", "list", "--token", other); strings.Contains(out, "sauce") {
		t.Errorf("the other tenant sees it:\n%s", out)
	}
	r := quarry(t, "cluster", "create", "thief", "--token", other, "--roll", "sauc", "--compute", "1", "--start", "asap", "--for", "1h")
	if r.code != 3 || strings.Contains(r.err, "sauce") {
		t.Errorf("the other tenant is told of it: exit %d\n%s", r.code, r.err)
	}
	must(t, "cluster", "create", "kitchen", "--roll", "sauce", "--compute", "1", "--start", "asap", "--for", "1h")
	t.Cleanup(func() { endCluster(t, "kitchen") })
	must(t, "roll", "delete", "sauce@1.0") // the cluster keeps it
	c := wait(t, "kitchen", "active", 20*time.Minute)
	if !strings.Contains(strings.Join(c.Rolls, " "), "sauce@1.0") {
		t.Errorf("it has %v", c.Rolls)
	}
	if got := ssh(t, "kitchen", "compute-0", "cat /var/lib/sauce"); got != "SECRET\nlo\n" {
		t.Errorf("the script left %q", got)
	}
	if got := ssh(t, "kitchen", "compute-0", "cat /var/lib/sauce.processes"); strings.Contains(got, "manager") || strings.Contains(got, "agent") {
		t.Errorf("the script saw processes of the site:\n%s", got)
	}
}
