package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/manager"
)

// People read who yields to their booking, and when these are told.
func TestSayWhoYields(t *testing.T) {
	spec := cluster.Spec{Name: "farm", Start: noon, End: noon.Add(time.Hour)}
	var b bytes.Buffer
	booker{}.say(&b, manager.Answer{Fits: true, Spec: &spec, Start: noon, End: noon.Add(time.Hour), PrepareAt: noon, Yielding: []manager.Yielding{
		{Name: "soak", Told: noon.Add(-2 * time.Hour), End: noon.Add(-time.Hour), Was: noon.Add(time.Hour)}, {Told: noon, GivenUp: true},
	}}, noon)
	for _, want := range []string{"your cluster soak ends at ", ", 1h after it is told", "another tenant's cluster is given up"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	b.Reset()
	showFree(&b, manager.Free{Fit: 1, Vnode: cluster.Group{Appliance: "compute"}, BestEffort: &manager.HeldByBestEffort{
		Total: calendar.Size{CPUs: 3}, Pools: []calendar.PoolRoom{{Pool: "vlan", Free: 1, Of: 4}}, Fit: 4,
	}})
	if got := b.String(); !strings.Contains(got, "held by best effort, yields to a booking:\n        3 CPUs") || !strings.Contains(got, ", 1 vlan\nfit     4 compute once it has\n") {
		t.Error(got)
	}
}

// The command that moves a cluster sooner is one of the shell, and says the very
// change.
func TestWhyPrintsTheMove(t *testing.T) {
	var b bytes.Buffer
	start := noon.Add(90 * time.Second)
	ch := manager.Change{Operation: manager.Move, Start: start}
	showWhy(&b, manager.Why{Cluster: "farm", Sooner: &manager.Sooner{Sooner: calendar.Sooner{From: start, Start: start}, Change: &ch}},
		booker{context: "my own", cluster: "farm"})
	_, command, ok := strings.Cut(b.String(), "Move it: ")
	if !ok {
		t.Fatal(b.String())
	}
	words, _ := shellWords(t, strings.TrimSpace(command))
	root := &cobra.Command{Use: "quarry"}
	var context string
	root.PersistentFlags().StringVar(&context, "context", "", "")
	group := &cobra.Command{Use: "cluster"}
	move := newClusterMove(&app{})
	root.AddCommand(group)
	group.AddCommand(move)
	cmd, rest, err := root.Find(words[1:])
	if err != nil || cmd != move {
		t.Fatal(words, err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	if got := cmd.Flags().Lookup("start").Value.String(); got != start.Format(time.RFC3339) || context != "my own" || !slices.Equal(cmd.Flags().Args(), []string{"farm"}) {
		t.Error(words)
	}
}
