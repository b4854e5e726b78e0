package rolls_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"quarry/internal/needs"
	"quarry/rolls"
)

// rendered returns one file out of a golden archive.
func rendered(t *testing.T, golden, file string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", golden+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(raw), "-- "+file+" --\n")
	if !ok {
		t.Fatalf("%s has no %s", golden, file)
	}
	text, _, _ := strings.Cut(rest, "\n-- ")
	return text + "\n"
}

func TestDnsmasqTakesItsConfiguration(t *testing.T) {
	dnsmasq := needs.Program(t, "dnsmasq")
	for _, golden := range []string{"plain-gateway", "web-gateway"} {
		file := filepath.Join(t.TempDir(), "dnsmasq.conf")
		if err := os.WriteFile(file, []byte(rendered(t, golden, "/etc/dnsmasq.conf")), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(dnsmasq, "--test", "--conf-file="+file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", golden, err, out)
		}
	}
}

func TestNftTakesTheRules(t *testing.T) {
	nft, unshare := needs.Program(t, "nft"), needs.Program(t, "unshare")
	needs.Root(t) // nft asks the kernel
	for _, golden := range []string{"plain-gateway", "web-gateway"} {
		rules := rendered(t, golden, "/etc/nftables.conf") + rendered(t, golden, "/etc/nftables.d/10-ports.nft")
		if golden == "web-gateway" {
			rules += rendered(t, golden, "/etc/nftables.d/50-web.nft")
		}
		rules = strings.Replace(rules, `include "/etc/nftables.d/*.nft"`, "", 1)
		cmd := exec.Command(unshare, "--net", nft, "--check", "--file", "-")
		cmd.Stdin = strings.NewReader(rules)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", golden, err, out)
		}
	}
}

func TestScriptsAreScripts(t *testing.T) {
	bash := needs.Program(t, "bash")
	err := fs.WalkDir(rolls.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Base(path.Dir(name)) != "scripts" {
			return err
		}
		body, err := fs.ReadFile(rolls.FS(), name)
		if err != nil {
			return err
		}
		cmd := exec.Command(bash, "-n")
		cmd.Stdin = bytes.NewReader(body)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if !bytes.Contains(body, []byte("\nset -eu")) {
			t.Errorf("%s goes on after a command that failed: set -eu is missing", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
