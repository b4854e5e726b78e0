package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newRoot(a *app) *cobra.Command {
	root := group(&cobra.Command{
		Use:   "quarry",
		Short: "Virtual clusters on real machines, ready at the booked minute",
		Long: `Quarry turns a site of real machines into virtual clusters. A tenant books a
cluster for a window of time; at its start the cluster is ready, proved isolated
and handed over; at its end nothing of it is left.

The server and the credential come from, in this order: --server and --token;
QUARRY_SERVER and QUARRY_TOKEN; the context named by --context; the current
context of the configuration file ($QUARRY_CONFIG, or
~/.config/quarry/config.yaml).`,
		Example: `# A whole site on this machine, and a first cluster in it
sudo quarry demo

# Book a cluster for two hours and wait for it
quarry cluster create farm --roll condor --compute 2 --for 2h
quarry cluster wait farm --for active`,
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.server, "server", "", "manager to talk to, a URL (QUARRY_SERVER)")
	flags.StringVar(&a.token, "token", "", "bearer token (QUARRY_TOKEN; flags are visible to other users)")
	flags.StringVar(&a.context, "context", "", "context of the configuration file to use")
	flags.StringVarP(&a.output, "output", "o", "table", "output: table, json or yaml; some commands have more")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%v", err) })
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.check(cmd) }
	must(root.RegisterFlagCompletionFunc("output", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return outputs(cmd), cobra.ShellCompDirectiveNoFileComp
	}))
	must(root.RegisterFlagCompletionFunc("context", a.completeContexts))
	root.AddCommand(
		newCluster(a), newCalendar(a), newAccounting(a), newNode(a), newSite(a), newRoll(a), newImage(a), newTenant(a), newToken(a),
		newManager(a), newAgent(a), newLab(a), newDemo(a), newBench(a), newSimulate(a), newVersion(a), newDocs(a),
	)
	return root
}

// must is for programming errors in the tree of commands; every test sees them.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// group makes cmd a command that only holds others: alone it shows its help,
// with a word it does not know it is a usage error.
func group(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		message := fmt.Sprintf("there is no command %q in %q", args[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			message += ": did you mean " + strings.Join(near, " or ") + "?"
		}
		return usage("%s", message)
	}
	cmd.AddCommand(children...)
	return cmd
}

// args wants exactly the named arguments.
func args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, got []string) error {
		if len(got) < len(names) {
			return usage("%q wants %s: see %q", cmd.CommandPath(), strings.Join(names[len(got):], " and "), cmd.CommandPath()+" --help")
		}
		if len(got) > len(names) {
			return usage("%q does not know what to do with %q", cmd.CommandPath(), strings.Join(got[len(names):], " "))
		}
		return nil
	}
}

// argsUpTo wants the named arguments, of which the last few may be left out.
func argsUpTo(optional int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, got []string) error {
		n := min(len(names), max(len(got), len(names)-optional))
		return args(names[:n]...)(cmd, got)
	}
}

// withExit adds the section about exit codes to a command's help. more are
// further lines, such as "5  it did not happen in time".
func withExit(long string, more ...string) string {
	lines := append([]string{"0  done", "1  failed", "2  the command line is wrong"}, more...)
	return strings.TrimSpace(long) + "\n\nExit status\n\n  " + strings.Join(lines, "\n  ")
}

// Lines of withExit.
const (
	exitsRefused  = "3  refused by the server, which lists every reason"
	exitsNotFound = "4  not found"
	exitsTimeout  = "5  it did not happen in time"
)
