package cli

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
)

func TestRefusalTellsCommands(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	spec := cluster.Spec{
		Name: "farm", Rolls: []string{"condor"}, Start: start, End: start.Add(time.Hour), Parameters: map[string]string{"condor.slots": "a b"},
		Nodes: []cluster.Group{
			{Appliance: "gateway", Count: 1, CPUs: cluster.DefaultCPUs, MemoryMiB: cluster.DefaultMemoryMiB, DiskMiB: cluster.DefaultDiskMiB},
			{Appliance: "compute", Count: 2, CPUs: 2, MemoryMiB: 512, DiskMiB: 4096},
		},
	}
	inFile := spec
	inFile.Users = []cluster.User{{Name: "ann"}}
	raw, err := json.Marshal(manager.Refusal{Alternatives: []manager.Alternative{
		{Kind: calendar.Fewer, Specs: []cluster.Spec{spec}}, {Kind: calendar.Later, Specs: []cluster.Spec{inFile}}, {Kind: calendar.Split, Specs: []cluster.Spec{spec, spec}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	f := fault.New(fault.Refused, "no", fault.Detail{Message: "why"})
	f.Refusal = json.RawMessage(raw)
	want := "quarry cluster create farm --roll condor --appliance compute=2 --cpus 2 --memory 512M --disk 4096M --param 'condor.slots=a b'" +
		" --start 2026-03-01T12:00:00Z --end 2026-03-01T13:00:00Z"
	var b booker
	file := "echo '" + b.document(inFile) + "' | quarry cluster create -f -"
	got := b.withCommands(f).Error()
	if got != "no: why; fewer: "+want+"; later: "+file+"; split: "+want+" && "+want {
		t.Fatalf("%s", got)
	}
	if len(f.Details) != 1 || fault.KindOf(b.withCommands(f)) != fault.Refused {
		t.Fatal("the error itself was changed")
	}
	if plain := fault.New(fault.Refused, "no"); b.withCommands(plain) != error(plain) || strings.Contains(plain.Error(), "create") {
		t.Fatal("made up commands")
	}
}

// What is printed asks for the very same when it is typed.
func TestPrintedCommandAsksForTheSame(t *testing.T) {
	spec := cluster.Spec{
		Name: "farm", Rolls: []string{"condor"}, StartMode: cluster.StartAt, Start: noon, End: noon.Add(time.Hour),
		Policy: calendar.Pack, Together: calendar.PreferRack, Parameters: map[string]string{"condor.slots": "a b", "base.text": "it's"},
		Nodes: []cluster.Group{
			{
				Appliance: "compute", Count: 2, CPUs: 2, MemoryMiB: 512, DiskMiB: 4096,
				Require: []string{"ssd", "rack=r1"}, Prefer: []string{"fast"}, Apart: true,
			},
			{Appliance: "gateway", Count: 1, Require: []string{"rack=r2"}},
		},
	}
	placed := spec
	placed.Nodes = slices.Clone(spec.Nodes)
	placed.Nodes[1].CPUs, placed.Nodes[1].MemoryMiB, placed.Nodes[1].DiskMiB = cluster.DefaultCPUs, cluster.DefaultMemoryMiB, cluster.DefaultDiskMiB
	other := placed
	other.Nodes = slices.Clone(placed.Nodes)
	other.Nodes[1].MemoryMiB = 2048
	other.Network, other.Users, other.SSHKeys = "10.9.0.0/24", []cluster.User{{Name: "ann"}}, []string{"ssh-ed25519 AAAA it's me"}
	for _, c := range []struct {
		b          booker
		spec, want cluster.Spec
	}{{booker{context: "demo", keyFiles: []string{"a.pub"}}, placed, spec}, {booker{file: true}, other, other}} {
		command := c.b.command(c.spec)
		words, stdin := shellWords(t, command)
		var o createOptions
		cmd := &cobra.Command{Use: "create"}
		o.flags(cmd)
		cmd.Flags().String("context", "", "")
		if err := cmd.ParseFlags(words[3:]); err != nil {
			t.Fatal(err)
		}
		o.changed = cmd.Flags().Changed
		got, err := o.spec(strings.NewReader(stdin), cmd.Flags().Args(), noon.Add(-time.Hour))
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", command, diff)
		}
		if context, _ := cmd.Flags().GetString("context"); context != c.b.context || !slices.Equal(o.keyFiles, c.b.keyFiles) {
			t.Errorf("%s: context %q, keys %q", command, context, o.keyFiles)
		}
	}
}

// shellWords are the words of a command as a shell reads them, and what it is
// sent on standard input.
func shellWords(t *testing.T, command string) (words []string, stdin string) {
	t.Helper()
	script := `quarry() { printf '%s\0' quarry "$@"; printf '\0'; for w; do [ "$w" = - ] && cat; done; true; }; ` + command
	out, err := exec.Command("sh", "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	head, stdin, _ := strings.Cut(string(out), "\x00\x00")
	return strings.Split(head, "\x00"), stdin
}
