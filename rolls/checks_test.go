package rolls_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"quarry/internal/needs"
	"quarry/rolls"
)

// inNamespace runs a check of a roll with /bin/sh in a network namespace of its
// own, after some preparation there, and with some of its paths elsewhere.
func inNamespace(t *testing.T, check, before string, paths map[string]string) (string, error) {
	t.Helper()
	needs.Root(t) // the check looks at a network namespace
	raw, err := fs.ReadFile(rolls.FS(), check)
	if err != nil {
		t.Fatal(err)
	}
	body := string(raw)
	for from, to := range paths {
		if !strings.Contains(body, from) {
			t.Fatalf("%s does not name %s", check, from)
		}
		body = strings.ReplaceAll(body, from, to)
	}
	file := filepath.Join(t.TempDir(), "check")
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(needs.Program(t, "unshare"), "--net", "/bin/sh", "-ec", before+"\n/bin/sh "+file)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestCheckRoutes(t *testing.T) {
	nft := needs.Program(t, "nft")
	rules := filepath.Join(t.TempDir(), "rules.nft")
	text := strings.Replace(rendered(t, "web-gateway", "/etc/nftables.conf"), `include "/etc/nftables.d/*.nft"`, "", 1) +
		rendered(t, "web-gateway", "/etc/nftables.d/50-web.nft")
	if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const forward = "echo 1 >/proc/sys/net/ipv4/ip_forward\n"
	load := nft + " -f " + rules + "\n"
	for name, c := range map[string]struct{ before, port, want string }{
		"all is well":   {forward + load, "8080", ""},
		"no forwarding": {load, "8080", "ip_forward is off"},
		"no rules":      {forward, "8080", "No such file"},
		"no chain":      {forward + load + nft + " flush chain inet quarry input; " + nft + " delete chain inet quarry from_outside", "8080", "from_outside is not loaded"},
		"no masquerade": {forward + load + nft + " flush chain inet quarry postrouting", "8080", "not masqueraded"},
		"port is shut":  {forward + load, "808", "port 808 is to be open"},
	} {
		t.Run(name, func(t *testing.T) {
			ports := t.TempDir()
			line := "\nadd element inet quarry open_tcp { " + c.port + " }\n"
			if err := os.WriteFile(filepath.Join(ports, "a.nft"), []byte(line), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := inNamespace(t, "gateway/scripts/check-routes", c.before, map[string]string{"/etc/nftables.d/": ports + "/"})
			judge(t, out, err, c.want)
		})
	}
}

func TestCheckNetwork(t *testing.T) {
	const link = "ip link add private0 type veth peer name other\n"
	const address = "ip address add 192.0.2.1/24 dev private0\n"
	for name, c := range map[string]struct{ before, hosts, want string }{
		"all is well":    {link + address, "127.0.0.1 localhost\n\n", ""},
		"no address":     {link, "127.0.0.1 localhost\n", "no IPv4 address"},
		"other address":  {link + address, "127.0.0.1 localhost\n127.0.0.2 localhost\n", "localhost resolves to '127.0.0.1', not to 127.0.0.2"},
		"unknown name":   {link + address, "127.0.0.1 no-such-host\n", "no-such-host resolves to ''"},
		"part of a name": {link + address, "127.0.0.1 local\n", "local resolves to ''"},
	} {
		t.Run(name, func(t *testing.T) {
			hosts := filepath.Join(t.TempDir(), "hosts")
			if err := os.WriteFile(hosts, []byte(c.hosts), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := inNamespace(t, "base/scripts/check-network", c.before, map[string]string{"/etc/quarry/base.hosts": hosts})
			judge(t, out, err, c.want)
		})
	}
}

// judge compares what a check said with what it was to say; nothing means that
// it was to pass.
func judge(t *testing.T, out string, err error, want string) {
	t.Helper()
	if want == "" && err != nil {
		t.Errorf("did not pass: %v\n%s", err, out)
	}
	if want != "" && (err == nil || !strings.Contains(out, want)) {
		t.Errorf("got %v and %q, want a failure that says %q", err, out, want)
	}
}
