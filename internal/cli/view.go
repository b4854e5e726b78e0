package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"quarry/internal/cluster"
)

// showCluster writes everything a person wants to know about a cluster.
func showCluster(w io.Writer, c cluster.Cluster, now time.Time) {
	bold := lipgloss.NewStyle().Bold(true)
	state := lipgloss.NewStyle().Bold(true).Foreground(colourOf(string(c.State)))
	fmt.Fprintf(w, "%s  %s\n", bold.Render(c.Name), state.Render(string(c.State)))
	for _, f := range facts(c, now) {
		fmt.Fprintf(w, "  %-9s %s\n", f[0], f[1])
	}
	fmt.Fprintln(w)
	printTable(w, []string{"NODE", "APPLIANCE", "PNODE", "STATE", "STAGE", "PROGRESS", "ADDRESSES", "MESSAGE"}, nodeRows(c))
	for _, n := range c.Nodes {
		if n.State == cluster.NodeFailed && strings.Contains(n.Message, "\n") {
			fmt.Fprintf(w, "\n%s failed, and last said:\n", n.Name)
			fmt.Fprintln(w, indent(n.Message, "  | "))
		}
	}
	if len(c.Conditions) == 0 {
		return
	}
	var rows [][]string
	for _, o := range c.Conditions {
		rows = append(rows, []string{o.Type, o.Status, dash(o.Reason), dash(firstLine(o.Message))})
	}
	fmt.Fprintln(w)
	printTable(w, []string{"CONDITION", "STATUS", "REASON", "MESSAGE"}, rows)
}

// facts are the lines of the header: a word and what there is to say.
func facts(c cluster.Cluster, now time.Time) [][2]string {
	out := [][2]string{
		{"tenant", c.Tenant},
		{"rolls", orNone(rollsOf(c))},
		{"window", fmt.Sprintf("%s to %s (%s)", stamp(c.Start), stamp(c.End), short(c.End.Sub(c.Start)))},
		{"clock", clock(c, now)},
		{"slack", slack(c)},
		{"gateway", gateway(c)},
	}
	if c.Estimate.PrepareSeconds > 0 && (c.State == cluster.Booked || c.State == cluster.Preparing) {
		out = append(out, [2]string{"prepare", fmt.Sprintf("%s: %s", short(c.Estimate.Prepare()), c.Estimate.PrepareWhy)})
	}
	if c.VLAN != 0 {
		out = append(out, [2]string{"vlan", fmt.Sprint(c.VLAN)})
	}
	return out
}

// rollsOf are the rolls it was booked with; of a cluster that was booked by an
// older manager, those that were asked for.
func rollsOf(c cluster.Cluster) []string {
	if len(c.Rolls) > 0 {
		return c.Rolls
	}
	return c.Spec.Rolls
}

// clock says what comes next and when.
func clock(c cluster.Cluster, now time.Time) string {
	switch c.State {
	case cluster.Held:
		if c.HoldUntil != nil {
			return fmt.Sprintf("given up in %s unless it is confirmed, start in %s", until(*c.HoldUntil, now), until(c.Start, now))
		}
	case cluster.Booked:
		return fmt.Sprintf("preparation in %s, start in %s", until(c.PrepareAt, now), until(c.Start, now))
	case cluster.Preparing, cluster.Ready:
		if now.After(c.Start) {
			return fmt.Sprintf("its start was %s ago, end in %s", short(now.Sub(c.Start)), until(c.End, now))
		}
		return "start in " + until(c.Start, now)
	case cluster.Active:
		return "end in " + until(c.End, now)
	case cluster.Ending:
		return "being wiped"
	}
	if c.EndedAt != nil {
		return "over since " + stamp(*c.EndedAt)
	}
	return "over"
}

func until(t, now time.Time) string { return short(max(0, t.Sub(now))) }

// slack says how early the cluster was ready, or what is expected.
func slack(c cluster.Cluster) string {
	d := time.Duration(c.SlackSeconds * float64(time.Second))
	switch {
	case c.ReadyAt != nil && d >= 0:
		return "ready " + short(d) + " before its start"
	case c.ReadyAt != nil:
		return "ready " + short(-d) + " after its start"
	case c.State.Begun() && c.State != cluster.Preparing:
		return "it was never ready"
	case d >= 0:
		return short(d) + " to spare, by the estimate"
	}
	return short(-d) + " late, by the estimate"
}

func gateway(c cluster.Cluster) string {
	if c.Gateway.OutsideAddress == "" {
		return "-"
	}
	if c.State == cluster.Active {
		return c.Gateway.OutsideAddress + " (open)"
	}
	return c.Gateway.OutsideAddress + " (closed)"
}

func nodeRows(c cluster.Cluster) [][]string {
	var rows [][]string
	for _, n := range c.Nodes {
		var addresses []string
		for _, leg := range n.Addresses {
			addresses = append(addresses, leg.Address)
		}
		rows = append(rows, []string{
			n.Name, n.Appliance, dash(n.Pnode), dash(stateOf(n)), dash(n.Stage),
			fmt.Sprintf("%s %3d%%", bar(n.Progress), n.Progress),
			dash(strings.Join(addresses, " ")), dash(firstLine(n.Message)),
		})
	}
	return rows
}

func stateOf(n cluster.Node) string {
	switch {
	case n.Leaving:
		return "leaving"
	case n.Joining && n.State != cluster.NodeFailed && n.State != cluster.NodeLost:
		return "joining"
	}
	return string(n.State)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

func indent(text, with string) string {
	return with + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+with)
}
