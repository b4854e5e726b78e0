package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"quarry/internal/fault"
	"quarry/internal/manager"
	"quarry/internal/roll"
)

func newRoll(a *app) *cobra.Command {
	return group(&cobra.Command{Use: "roll", Aliases: []string{"rolls"}, Short: "The applications that clusters are made of"},
		newRollList(a), newRollShow(a), newRollNew(a), newRollCheck(a), newRollTry(a), newRollWalk(a), newRollGraph(a),
		newRollKickstart(a), newRollImport(a),
		newRollLock(a), newRollDiff(a), newRollSBOM(a),
		newRollPush(a), newRollPull(a), newRollDelete(a))
}

func newRollList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the rolls of the site",
		Long: withExit(`List the rolls that your clusters can be made of, each with its newest version: those
that the provider publishes, and your own, which nobody else sees.`, exitsRefused),
		Example: "quarry roll list",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Rolls(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(all, func(w io.Writer) {
				var rows [][]string
				for _, r := range all {
					rows = append(rows, []string{r.Name, r.Version, r.Owner, orNone(appliances(r)), r.Summary})
				}
				printTable(w, []string{"NAME", "VERSION", "OWNER", "APPLIANCES", "SUMMARY"}, rows)
			})
		},
	}
}

func appliances(r manager.RollInfo) []string {
	var names []string
	for _, kind := range r.Appliances {
		names = append(names, kind.Name)
	}
	return names
}

func newRollShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME[@VERSION]",
		Short:             "Show a roll: what it is for, its appliances and parameters",
		Long:              withExit("Show what a roll is for, which appliances it brings, and which parameters it takes.", exitsRefused, exitsNotFound),
		Example:           "quarry roll show condor",
		Args:              args("NAME[@VERSION]"),
		ValidArgsFunction: a.completeRolls,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			r, err := client.Roll(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) { showRoll(w, r) })
		},
	}
}

func showRoll(w io.Writer, r manager.RollInfo) {
	fmt.Fprintf(w, "%s %s: %s\n", r.Name, r.Version, r.Summary)
	fmt.Fprintf(w, "%s; versions: %s\n", r.Owner, strings.Join(r.Versions, ", "))
	if len(r.Hidden) > 0 {
		fmt.Fprintf(w, "your own of that name cannot be used any more: %s\n", strings.Join(r.Hidden, ", "))
	}
	if r.Description != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(r.Description))
	}
	if len(r.Appliances) > 0 {
		var rows [][]string
		for _, kind := range r.Appliances {
			rows = append(rows, []string{kind.Name, fmt.Sprint(kind.Count), kind.Summary})
		}
		fmt.Fprintln(w)
		printTable(w, []string{"APPLIANCE", "COUNT", "SUMMARY"}, rows)
	}
	for _, line := range [][2]string{{"requires", strings.Join(r.Requires, "; ")}, {"conflicts with", strings.Join(r.Conflicts, "; ")}, {"provides", strings.Join(r.Provides, "; ")}} {
		if line[1] != "" {
			fmt.Fprintf(w, "\n%s %s\n", line[0], line[1])
		}
	}
	showValues(w, "PARAMETER", r.Name, r.Parameters)
	showValues(w, "ATTRIBUTE", r.Name, r.Attributes)
}

func showValues(w io.Writer, what, owner string, list []roll.Parameter) {
	if len(list) == 0 {
		return
	}
	var rows [][]string
	for _, p := range list {
		value := "must be given"
		if p.Default != nil {
			value = *p.Default
		}
		if p.Type == roll.TypeSecret {
			value = "drawn for each cluster"
		}
		rows = append(rows, []string{owner + "." + p.Name, p.Type, dash(value), p.Help})
	}
	fmt.Fprintln(w)
	printTable(w, []string{what, "TYPE", "DEFAULT", "HELP"}, rows)
}

func newRollCheck(a *app) *cobra.Command {
	var dirs []string
	cmd := &cobra.Command{
		Use:   "check DIR",
		Short: "Check a roll that you write",
		Long: withExit(`Check a roll's folder, alone and together with the rolls that ship with Quarry
and those of --rolls, without a manager: every mistake is listed with its file
and line, and the exit status is 1. What only looks forgotten is told as well.`),
		Example: "quarry roll check rolls/condor\nquarry roll check app --rolls ./others",
		Args:    args("DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.checkRoll(args[0], dirs)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	cmd.Flags().StringArrayVar(&dirs, "rolls", nil, "folder of a roll or of rolls that it goes with (repeatable)")
	return cmd
}

// notByServer makes err a plain failure with the same text: nothing was asked
// of a server, so nothing was refused by one.
func notByServer(err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return fault.New("", e.Title, e.Details...)
	}
	return err
}

func (a *app) completeRolls(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	client, err := a.client()
	if err != nil || len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, err := client.Rolls(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, r := range all {
		names = append(names, r.Name+"\t"+r.Summary)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
