package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/manager"
)

func newCalendarWhy(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "why CLUSTER",
		Short: "Say why a cluster is where and when it is",
		Long: withExit(`Say why a cluster is where and when it is: how its start came about, what is held
before and after its window, why each node is on its pnode, whether it could start
sooner, with the command that moves it there, or what stands against that, and why
it may be late. Your own clusters are named, those of others are not.`, exitsRefused, exitsNotFound),
		Example:           "quarry calendar why farm",
		Args:              args("CLUSTER"),
		ValidArgsFunction: a.completeClusters,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			why, err := client.WhyCluster(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(why, func(w io.Writer) { showWhy(w, why, booker{context: a.context, cluster: args[0]}) })
		},
	}
}

func showWhy(w io.Writer, y manager.Why, b booker) {
	fmt.Fprintf(w, "%s is %s, from %s to %s: %s\n", y.Cluster, y.State, stamp(y.Start), stamp(y.End), y.Asked)
	for _, p := range y.Parts {
		fmt.Fprintf(w, "%-8s %s: %s\n", p.What, short(time.Duration(p.Seconds*float64(time.Second))), p.Because)
	}
	for _, risk := range y.Risks {
		fmt.Fprintf(w, "at risk  %s\n", risk)
	}
	for _, v := range y.Vnodes {
		fmt.Fprintf(w, "\n%s on %s, one of %d that could take it; %s left there\n", v.Vnode, v.Pnode, v.Eligible, v.Free)
		fmt.Fprintln(w, "  - "+strings.Join(v.Because, "\n  - "))
	}
	if y.Sooner == nil {
		return
	}
	fmt.Fprintln(w)
	switch s := y.Sooner; {
	case s.Change != nil:
		fmt.Fprintf(w, "By now it could start at %s.\nMove it: %s\n", stamp(s.Start), b.changeCommand(*s.Change))
		if len(s.Reasons) > 0 {
			fmt.Fprintln(w, "What stands against", stamp(s.From)+":")
		}
	case len(s.Reasons) == 0:
		fmt.Fprintln(w, "It cannot start sooner: the preparation takes until then, or your limits are for then.")
	default:
		fmt.Fprintln(w, "It cannot start sooner. What stands against", stamp(s.From)+":")
	}
	for _, r := range y.Sooner.Reasons {
		fmt.Fprintln(w, "  - "+r.Message)
	}
}
