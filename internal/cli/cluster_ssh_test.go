package cli

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quarry/internal/cluster"
	"quarry/internal/fault"
)

func active() cluster.Cluster {
	return cluster.Cluster{
		Name: "farm", State: cluster.Active, Start: noon, End: noon,
		Gateway: cluster.GatewayInfo{OutsideAddress: "203.0.113.100", HostKeys: []string{"ssh-ed25519 AAAAgw comment"}},
		Nodes: []cluster.Node{
			{Name: "gateway"},
			{Name: "compute-0", HostKeys: []string{"ssh-ed25519 AAAAc0"}, Addresses: []cluster.Address{{Network: cluster.PrivateNetwork, Address: "10.1.0.10/24"}}},
		},
	}
}

func TestSSHCommand(t *testing.T) {
	where := Context{SSHKey: "/k.pub", SSHVia: []string{"quarry", "lab", "exec", "outside", "--"}}
	argv, err := sshCommand(active(), where, "", []string{"echo", "a b"})
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Join(argv, " ")
	for _, part := range []string{"quarry lab exec outside -- ssh ", "StrictHostKeyChecking=yes", "farm.gateway ssh-ed25519 AAAAgw", "-i /k ", "admin@203.0.113.100 echo 'a b'"} {
		if !strings.Contains(line, part) {
			t.Errorf("%s\nlacks %s", line, part)
		}
	}
	argv, err = sshCommand(active(), where, "compute-0", nil)
	if err != nil {
		t.Fatal(err)
	}
	line = strings.Join(argv, " ")
	for _, part := range []string{"farm.compute-0 ssh-ed25519 AAAAc0", "ProxyCommand=ssh", "-W %h:%p admin@203.0.113.100", "admin@10.1.0.10"} {
		if !strings.Contains(line, part) {
			t.Errorf("%s\nlacks %s", line, part)
		}
	}
}

func TestSSHRefuses(t *testing.T) {
	notYet := active()
	notYet.State = cluster.Ready
	if _, err := sshCommand(notYet, Context{}, "", nil); fault.KindOf(err) != fault.Refused {
		t.Errorf("a cluster that is not open: %v", err)
	}
	if _, err := sshCommand(active(), Context{}, "compute-7", nil); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a node that is not there: %v", err)
	}
}

// A server must not be able to slip words into the command that prints keys.
func TestKnownHostsIsTame(t *testing.T) {
	got := knownHosts("farm.gateway", []string{"ssh-ed25519 AAAA\"; touch /tmp/x; \"$(id)`id`%h\\n evil"})
	if strings.ContainsAny(strings.TrimSuffix(strings.TrimPrefix(got, `/usr/bin/printf "`), `\n"`), "\"$`;%\\'()") {
		t.Error(got)
	}
}

// What is quoted arrives in a shell as it was.
func TestQuote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[ -~\n]{0,12}`), 2, 5).Draw(t, "words")
		out, err := exec.Command("sh", "-c", "for w in "+remoteCommand(words)[0]+"; do printf '%s\\0' \"$w\"; done").Output()
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
		if !slices.Equal(got, words) {
			t.Fatalf("%q became %q", words, got)
		}
	})
}
