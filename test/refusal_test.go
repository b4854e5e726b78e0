//go:build lab

package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Bad input is refused with all that was wrong, the right exit code, and
// changes nothing.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	badKey := write("bad.pub", "this is no key\n")
	badYAML := write("bad.yaml", "name: x\nrolls: [condor\nnodes: 3\n")
	create := func(args ...string) []string { return append([]string{"cluster", "create"}, args...) }
	farm(t)
	before := must(t, "cluster", "list", "-o", "json")
	for _, c := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"unknown roll", create("x", "--roll", "condr", "--compute", "1", "--start", "asap"), 3, []string{"condr", "condor"}},
		{"unknown package", create("x", "--roll", "condor", "--compute", "1", "--start", "asap", "--param", "base.packages=no-such-package-at-all"), 3, []string{"no-such-package-at-all"}},
		{"end before start", create("x", "--roll", "condor", "--compute", "1", "--start", "2099-01-02T00:00:00Z", "--end", "2099-01-01T00:00:00Z"), 3, []string{"end"}},
		{"start in the past", create("x", "--roll", "condor", "--compute", "1", "--start", "2001-01-01T00:00:00Z"), 3, []string{"past"}},
		{"negative sizes", create("x", "--roll", "condor", "--compute", "-1", "--cpus", "-2", "--start", "asap"), 2, nil},
		{"more than fits", create("x", "--roll", "condor", "--compute", "1", "--memory", "900G", "--start", "asap"), 3, []string{"compute", "MiB memory", "left"}},
		{"no DNS label", create("Not_A_Label", "--roll", "condor", "--compute", "1", "--start", "asap"), 3, []string{"DNS label"}},
		{"bad key file", create("x", "--roll", "condor", "--compute", "1", "--start", "asap", "--ssh-key", badKey), 2, []string{"bad.pub"}},
		{"unreadable YAML", create("-f", badYAML), 2, []string{"bad.yaml:"}},
		{"unknown cluster", []string{"cluster", "show", "nobody"}, 4, []string{"nobody"}},
		{"unknown token", []string{"cluster", "list", "--token", "quarry_wrong"}, 3, []string{"token"}},
		{"unknown flag", []string{"cluster", "list", "--nonsense"}, 2, []string{"nonsense"}},
		{"wait in vain", []string{"cluster", "wait", "farm", "--for", "ended", "--timeout", "2s"}, 5, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := quarry(t, c.args...)
			if r.code != c.code {
				t.Errorf("exit %d, want %d: %s%s", r.code, c.code, r.out, r.err)
			}
			for _, w := range c.says {
				if !strings.Contains(r.err+r.out, w) {
					t.Errorf("the answer lacks %q: %s%s", w, r.out, r.err)
				}
			}
		})
	}
	garbage := `head -c 1000000 /dev/urandom | timeout 20 bash -c 'exec 3<>/dev/tcp/198.18.0.2/7443; cat >&3' ; true`
	sh(t, "p1", garbage)
	if after := must(t, "cluster", "list", "-o", "json"); names(after) != names(before) {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}

func names(list string) string {
	var out []string
	for line := range strings.Lines(list) {
		if strings.Contains(line, `"name"`) || strings.Contains(line, `"id"`) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return strings.Join(out, "\n")
}
