package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/api"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/lab"
	"quarry/internal/roll"
)

const (
	tryPatience = 30 * time.Minute // until the cluster is active
	tryFor      = 2 * time.Hour
	tryEnding   = 2 * time.Minute // to take away what a trial that broke off made
)

// tryOptions are the flags of roll try.
type tryOptions struct {
	labDir     string
	dirs       []string
	appliance  string
	parameters []string
	attributes []string
	keep       bool
}

func newRollTry(a *app) *cobra.Command {
	var o tryOptions
	cmd := &cobra.Command{
		Use:   "try DIR [-- COMMAND...]",
		Short: "Boot a vnode from a roll that you write, in a lab",
		Long: withExit(`Check a roll, bring up a small lab unless one is up, publish the roll there under
a version of its own, and book a cluster of a gateway and one vnode of an
appliance of the roll; show how it is prepared; then log in on that vnode. When
you leave the shell the cluster is ended and the version deleted; the lab stays.

What follows -- is run on the vnode instead of a shell. Without a terminal and
without a command, or with --keep, the cluster stays, and how to log in is said.
When a script or a check fails, its last lines are shown.`,
			exitsRefused, exitsTimeout, "n  otherwise the exit status of the shell or the command"),
		Example: "sudo quarry roll try hello\nsudo quarry roll try hello --appliance gateway -- systemctl --failed\nsudo quarry roll try app --rolls ./others --keep",
		Args:    nameAndCommand("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), a, args[0], args[1:])
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.labDir, "dir", lab.DefaultDir, "folder of the lab")
	f.StringArrayVar(&o.dirs, "rolls", nil, "folder of a roll that it goes with (repeatable)")
	f.StringVar(&o.appliance, "appliance", "", "appliance to boot (default the roll's first, or where its edges hang)")
	f.StringArrayVar(&o.parameters, "param", nil, "a roll's parameter as ROLL.KEY=VALUE (repeatable)")
	f.StringArrayVar(&o.attributes, "attr", nil, "an attribute as [SCOPE/NAME:]ROLL.KEY=VALUE (repeatable)")
	f.BoolVar(&o.keep, "keep", false, "leave the cluster and the version where they are")
	return cmd
}

// trial is one run of roll try.
type trial struct {
	demo
	tryOptions
	provider *api.Client
	roll     *roll.Roll
	pushed   []string // "name@version"
	spec     cluster.Spec
}

func (o tryOptions) run(ctx context.Context, a *app, dir string, command []string) (err error) {
	t := trial{tryOptions: o}
	packs, err := t.read(append([]string{dir}, o.dirs...))
	if err != nil {
		return notByServer(err)
	}
	if t.demo, err = a.inLab(ctx, o.labDir, 1, 1); err != nil {
		return err
	}
	if err := t.prepareSpec(); err != nil {
		return err
	}
	keep := o.keep || len(command) == 0 && !onTerminal(a.out)
	defer func() {
		if !keep || err != nil && !o.keep {
			t.clean(context.WithoutCancel(ctx))
		}
	}()
	if err := t.push(ctx, packs); err != nil {
		return err
	}
	if err := t.book(ctx); err != nil {
		return err
	}
	c, err := t.watchUntilActive(ctx, t.spec.Name, tryPatience)
	if err != nil {
		return err
	}
	return t.enter(ctx, c, command, keep)
}

// prepareSpec says what is booked: as little as shows the appliance.
func (t *trial) prepareSpec() error {
	var wrong fault.List
	create := createOptions{parameters: t.parameters, attributes: t.attributes}
	t.spec = cluster.Spec{
		Name:  strings.TrimRight(fmt.Sprintf("try-%.50s", strings.ReplaceAll(t.roll.Name, "_", "-")), "-"),
		Rolls: t.pushed, StartMode: cluster.StartNow, Duration: tryFor,
		Parameters: create.readParameters(&wrong), Attributes: create.readAttributes(&wrong),
	}
	if t.appliance == "" {
		t.appliance = hangsOn(t.roll)
	}
	if t.appliance == "" {
		wrong.Add("--appliance", "the roll brings no appliance and hangs on none that ships with Quarry: say which to boot")
	}
	if t.appliance != cluster.Gateway {
		t.spec.Nodes = []cluster.Group{{Appliance: t.appliance, Count: 1}}
	}
	if list := wrong.Details(); len(list) > 0 {
		return &usageError{title: "the trial is not described properly", details: list}
	}
	keys, err := t.sshKeys(nil, t.where)
	t.spec.SSHKeys = keys
	return err
}

// hangsOn is the appliance that shows most of a roll: one of its own, or else
// the one that ships with Quarry and that its first edge hangs on.
func hangsOn(r *roll.Roll) string {
	if len(r.Appliances) > 0 {
		return r.Appliances[0].Name
	}
	for _, e := range r.Edges {
		switch e.FromNode {
		case "base/compute", "base/base":
			return cluster.Compute
		case "gateway/gateway":
			return cluster.Gateway
		}
	}
	return ""
}

// book books the cluster, after the end of what an earlier trial left.
func (t *trial) book(ctx context.Context) error {
	old, err := t.client.Cluster(ctx, t.spec.Name)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	if err == nil && !isOver(old) {
		t.head("The cluster of an earlier trial is ended first")
		if err := t.end(ctx, old); err != nil {
			return err
		}
	}
	t.head(fmt.Sprintf("Book %s: a gateway and one %s, of %s", t.spec.Name, t.appliance, strings.Join(t.pushed, ", ")))
	c, err := t.client.CreateCluster(ctx, t.spec, false)
	if err != nil {
		return err
	}
	sayBooked(t.out, c, false, t.now())
	return nil
}

// enter logs in on the vnode, or says how.
func (t *trial) enter(ctx context.Context, c cluster.Cluster, command []string, keep bool) error {
	node := cluster.Gateway
	if t.appliance != cluster.Gateway {
		node = t.appliance + "-0"
	}
	if len(command) == 0 && !onTerminal(t.out) {
		t.head("Log in, and end it when you are done")
		fmt.Fprintf(t.out, "  quarry cluster ssh %[1]s --node %[2]s\n  quarry cluster end %[1]s\n", c.Name, node)
		return nil
	}
	argv, err := sshCommand(c, t.where, node, command)
	if err != nil {
		return err
	}
	if len(command) == 0 {
		t.head("A shell on " + node + "; the gateway is " + c.Gateway.OutsideAddress)
	}
	err = t.runProgram(ctx, argv)
	if keep {
		fmt.Fprintf(t.err, "The cluster stays: quarry cluster end %s\n", c.Name)
	}
	return err
}

// clean takes away what the trial made.
func (t *trial) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, tryEnding)
	defer cancel()
	if c, err := t.client.Cluster(ctx, t.spec.Name); err == nil && !isOver(c) {
		fmt.Fprintf(t.err, "ending %s\n", c.Name)
		if err := t.end(ctx, c); err != nil {
			fmt.Fprintf(t.err, "quarry: %s is not ended: %v\n", c.Name, err)
		}
	}
	for _, ref := range t.pushed {
		if err := t.provider.DeleteRoll(ctx, ref); err != nil && fault.KindOf(err) != fault.NotFound {
			fmt.Fprintf(t.err, "quarry: %s is not deleted: %v\n", ref, err)
		}
	}
}
