// Checker looks at a backup of a manager's store and says whether anything is
// booked twice. It shares no code with the calendar that booked it: it knows
// the tables, reads them again, and adds up, second by second, what every pnode
// has to carry and who has which VLAN and which outside address.
//
//	quarry manager backup quarry.db
//	go run ./test/checker [-limits] quarry.db [ACKNOWLEDGED]
//
// What a pnode gives is what it has times the provider's ratios; in maintenance
// it gives nothing. Where the provider took away what was booked, a cluster
// that says so of that pnode (conditions OnTime, Placed) is no fault.
//
// With -limits it also adds up what tenants hold and the node-hours they spend.
// A store keeps limits as they are, not as they were when something was booked:
// that is sound only where none was lowered.
//
// ACKNOWLEDGED is what clients were told, as JSON: a list of
// {"id", "tenant", "name", "nodes", "start", "end", "live"}. Then every cluster that is there
// must be in the list and be as it says, and the other way round.
//
// It ends with status 0 when all is well, 1 when something is wrong, 2 when
// the files cannot be read.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("checker", flag.ContinueOnError)
	flags.SetOutput(stderr)
	limits := flags.Bool("limits", false, "no limit was lowered: who holds more than it allows is wrong")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if args = flags.Args(); len(args) < 1 || len(args) > 2 {
		fmt.Fprintln(stderr, "usage: checker [-limits] BACKUP [ACKNOWLEDGED]")
		return 2
	}
	b, err := readBackup(ctx, args[0])
	if err != nil {
		fmt.Fprintln(stderr, "checker:", err)
		return 2
	}
	wrong := b.check()
	if *limits {
		wrong = append(wrong, b.checkLimits()...)
	}
	if len(args) == 2 {
		list, err := readAcknowledged(args[1])
		if err != nil {
			fmt.Fprintln(stderr, "checker:", err)
			return 2
		}
		wrong = append(wrong, b.compare(list)...)
	}
	for _, w := range wrong {
		fmt.Fprintln(stdout, w)
	}
	if len(wrong) > 0 {
		fmt.Fprintf(stdout, "%d things are wrong\n", len(wrong))
		return 1
	}
	vnodes := 0
	for _, c := range b.clusters {
		vnodes += len(c.vnodes)
	}
	fmt.Fprintf(stdout, "%d clusters with %d vnodes on %d pnodes: nothing is booked twice\n", len(b.clusters), vnodes, len(b.pnodes))
	return 0
}

// acknowledged is what a client was told of one cluster.
type acknowledged struct {
	ID     string    `json:"id"`
	Tenant string    `json:"tenant"`
	Name   string    `json:"name"`
	Nodes  int       `json:"nodes"` // vnodes, with the gateway
	Live   bool      `json:"live"`  // not cancelled since
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
}

func readAcknowledged(path string) (list []acknowledged, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// compare lists where the store is not what clients were told.
func (b *backup) compare(list []acknowledged) (wrong []string) {
	told := map[string]bool{}
	for _, a := range list {
		told[a.ID] = true
		c, there := b.clusters[a.ID]
		switch {
		case a.Live && !there:
			wrong = append(wrong, fmt.Sprintf("lost: %s/%s (%s) was acknowledged and is not there", a.Tenant, a.Name, a.ID))
		case !a.Live && there:
			wrong = append(wrong, fmt.Sprintf("undead: %s/%s (%s) was cancelled and is there", a.Tenant, a.Name, a.ID))
		case there && (c.start != a.Start.Unix() || c.end != a.End.Unix()):
			wrong = append(wrong, fmt.Sprintf("changed: %s from %s to %s was acknowledged, %s to %s is there",
				c, when(a.Start.Unix()), when(a.End.Unix()), when(c.start), when(c.end)))
		case there && (c.tenant != a.Tenant || c.name != a.Name || len(c.vnodes) != a.Nodes):
			wrong = append(wrong, fmt.Sprintf("changed: %s/%s with %d vnodes was acknowledged, %s with %d is there",
				a.Tenant, a.Name, a.Nodes, c, len(c.vnodes)))
		}
	}
	for _, id := range sorted(b.clusters) {
		if !told[id] {
			wrong = append(wrong, fmt.Sprintf("unasked: %s (%s) is there and nobody was told", b.clusters[id], id))
		}
	}
	return wrong
}
