package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/api"
	"quarry/internal/cluster"
	"quarry/internal/manager"
)

const exitsNoFit = "3  it does not fit, or the question was refused; every reason is listed"

func newCalendarEarliest(a *app) *cobra.Command {
	var o createOptions
	var within string
	cmd := &cobra.Command{
		Use:   "earliest NAME",
		Short: "Find the first start of a cluster",
		Long: withExit(`Find the first start at which a cluster could be booked for its own length, and
print the command that books it as it is. Nothing is booked. The flags are those of
quarry cluster create; with --start, starts before that are not looked at.`, exitsNoFit),
		Example: `quarry calendar earliest farm --roll condor --compute 8 --cpus 2 --for 10h
quarry calendar earliest -f cluster.yaml --within 7d -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.changed = cmd.Flags().Changed
			d, err := parseDuration(within)
			if err != nil {
				return usage("--within: %v", err)
			}
			return o.ask(cmd.Context(), a, args, func(ctx context.Context, c *api.Client, spec cluster.Spec) (manager.Answer, error) {
				return c.Earliest(ctx, spec, d)
			})
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&within, "within", "30d", "how far ahead to look")
	return cmd
}

func newCalendarFits(a *app) *cobra.Command {
	var o createOptions
	cmd := &cobra.Command{
		Use:   "fits NAME",
		Short: "Say whether a cluster could be booked",
		Long: withExit(`Say whether a cluster could be booked as it is asked for, where it would be and
when its preparation would begin, or why not and what could be instead. Nothing is
booked. The flags are those of quarry cluster create.`, exitsNoFit),
		Example:           "quarry calendar fits farm --roll condor --compute 8 --start 2026-12-01T08:00Z --for 10h",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.changed = cmd.Flags().Changed
			return o.ask(cmd.Context(), a, args, func(ctx context.Context, c *api.Client, spec cluster.Spec) (manager.Answer, error) {
				return c.Fits(ctx, spec)
			})
		},
	}
	o.flags(cmd)
	return cmd
}

// ask prints an answer; one that says no has the exit status of a refusal.
func (o createOptions) ask(ctx context.Context, a *app, args []string,
	put func(context.Context, *api.Client, cluster.Spec) (manager.Answer, error),
) error {
	spec, err := o.keyed(a, args)
	if err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	answer, err := put(ctx, client, spec)
	if err != nil {
		return err
	}
	if err := a.print(answer, func(w io.Writer) { o.booker(a).say(w, answer, a.now()) }); err != nil {
		return err
	}
	if !answer.Fits {
		return exitStatus(exitRefused)
	}
	return nil
}

// say writes an answer for people.
func (b booker) say(w io.Writer, answer manager.Answer, now time.Time) {
	if !answer.Fits {
		fmt.Fprintln(w, "It does not fit:")
		for _, d := range answer.Problems {
			fmt.Fprintln(w, "  - "+d.String())
		}
		if answer.Refusal != nil && len(answer.Refusal.Alternatives) > 0 {
			fmt.Fprintln(w, "\nInstead:")
			for _, alternative := range answer.Refusal.Alternatives {
				fmt.Fprintln(w, "  "+b.commands(alternative))
			}
		}
		return
	}
	fmt.Fprintf(w, "It fits from %s to %s, starting in %s", stamp(answer.Start), stamp(answer.End), until(answer.Start, now))
	fmt.Fprintf(w, "; preparation would begin at %s\n", stamp(answer.PrepareAt))
	if o := answer.OnTime; o != nil && o.Status == "False" {
		fmt.Fprintln(w, "But: "+o.Message)
	}
	var rows [][]string
	for _, v := range answer.Vnodes {
		rows = append(rows, []string{v.Name, v.Pnode})
	}
	printTable(w, []string{"NODE", "PNODE"}, rows)
	if len(answer.Yielding) > 0 {
		fmt.Fprintln(w, "\nBest-effort clusters that would yield, told as soon as it is booked:")
	}
	for _, y := range answer.Yielding {
		fmt.Fprintln(w, "  - "+yields(y))
	}
	fmt.Fprintf(w, "\nBook it: %s\n", b.command(*answer.Spec))
}

// yields says what would become of a best-effort cluster.
func yields(y manager.Yielding) string {
	name := "another tenant's cluster"
	if y.Name != "" {
		name = "your cluster " + y.Name
	}
	if y.GivenUp {
		return name + " is given up"
	}
	return fmt.Sprintf("%s ends at %s instead of %s, %s after it is told", name, stamp(y.End), stamp(y.Was), short(y.End.Sub(y.Told)))
}
