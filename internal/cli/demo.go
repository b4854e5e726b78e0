package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/api"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/lab"
)

const (
	demoCluster = "farm"
	demoNodes   = 2
	demoJobs    = 8
	// demoLeft is what must be left of a farm's window to show it again.
	demoLeft = 15 * time.Minute
	// demoPatience bounds the wait for the cluster, for the pool to be
	// complete, and for the jobs.
	demoPatience = 45 * time.Minute
	poolPatience = 5 * time.Minute
	jobPatience  = 10 * time.Minute
)

func newDemo(a *app) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A whole site on this machine, and a first cluster in it",
		Long: withExit(`Bring up a lab unless one is up; book the cluster farm (a gateway, two compute
nodes, the roll condor) at the earliest start that can be promised; show live how
it is prepared; at its start log in from the host outside through its gateway,
show the pool, run 8 jobs and print which node ran each. The lab stays up. A farm
that is there already is used again.`, exitsRefused, exitsTimeout),
		Example: "sudo quarry demo",
		Args:    args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), a, dir) },
	}
	cmd.Flags().StringVar(&dir, "dir", lab.DefaultDir, "folder of the lab")
	return cmd
}

// demo is one run of it.
type demo struct {
	*app
	where  Context
	client *api.Client
}

func runDemo(ctx context.Context, a *app, dir string) error {
	d, err := a.inLab(ctx, dir, 3, 1)
	if err != nil {
		return err
	}
	return d.run(ctx)
}

// inLab is the tenant of the lab that is up, or of one that it brings up.
func (a *app) inLab(ctx context.Context, dir string, pnodes, gateways int) (demo, error) {
	d := demo{app: a}
	status, err := lab.Status(ctx, dir)
	if err != nil {
		return d, err
	}
	if !status.Up || !a.hasContext(demoContext) {
		a.head("A site on this machine: a manager, pnodes, and a machine outside")
		if err := a.labUp(ctx, dir, pnodes, gateways); err != nil {
			return d, err
		}
	}
	if err := a.awaitPnodes(ctx); err != nil {
		return d, err
	}
	a.context = demoContext
	if d.where, err = a.current(); err != nil {
		return d, err
	}
	d.client, err = connect(d.where)
	return d, err
}

func (a *app) hasContext(name string) bool {
	config, err := LoadConfig(ConfigPath(a.env))
	if err != nil {
		return false
	}
	_, err = config.find(name)
	return err == nil
}

func (a *app) head(text string) { fmt.Fprintf(a.out, "\n== %s\n", text) }

func (d demo) run(ctx context.Context) error {
	begun := d.now()
	if err := d.book(ctx); err != nil {
		return err
	}
	d.head("How it is prepared, until its start")
	c, err := d.watchUntilActive(ctx, demoCluster, demoPatience)
	if err != nil {
		return err
	}
	d.head("Log in from outside, at " + c.Gateway.OutsideAddress + ": the Condor pool")
	if err := d.pool(ctx, c); err != nil {
		return err
	}
	d.head(fmt.Sprintf("Submit %d jobs and see who runs them", demoJobs))
	if err := d.jobs(ctx, c); err != nil {
		return err
	}
	d.farewell(c, d.now().Sub(begun))
	return nil
}

// book makes sure that there is a farm worth waiting for.
func (d demo) book(ctx context.Context) error {
	c, err := d.client.Cluster(ctx, demoCluster)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	if err == nil && !isOver(c) {
		if usable(c, d.now()) {
			d.head(fmt.Sprintf("The cluster %s is there already (%s): it is used again", c.Name, c.State))
			return nil
		}
		d.head(fmt.Sprintf("The cluster %s is there already (%s) and nearly over: it is ended first", c.Name, c.State))
		if err := d.end(ctx, c); err != nil {
			return err
		}
	}
	d.head(fmt.Sprintf("Book the cluster %s: a gateway, %d compute nodes, the roll condor", demoCluster, demoNodes))
	keys, err := d.sshKeys(nil, d.where)
	if err != nil {
		return err
	}
	c, err = d.client.CreateCluster(ctx, cluster.Spec{
		Name: demoCluster, Rolls: []string{"condor"}, StartMode: cluster.StartASAP, Duration: 2 * time.Hour,
		Nodes: []cluster.Group{{Appliance: cluster.Compute, Count: demoNodes}}, SSHKeys: keys,
	}, false)
	if err != nil {
		return err
	}
	sayBooked(d.out, c, false, d.now())
	return nil
}

// usable says whether a farm that is there will serve for a demo.
func usable(c cluster.Cluster, now time.Time) bool {
	switch c.State {
	case cluster.Booked, cluster.Preparing, cluster.Ready, cluster.Active:
		return c.End.Sub(now) >= demoLeft
	}
	return false
}

func (d demo) end(ctx context.Context, c cluster.Cluster) error {
	if c.State == cluster.Active || c.State == cluster.Ready || c.State == cluster.Preparing {
		if _, err := d.client.EndCluster(ctx, c.Name); err != nil {
			return err
		}
	}
	_, err := d.poller(d.client, c.Name).until(ctx, goalEnded)
	return err
}

func (d demo) watchUntilActive(ctx context.Context, name string, patience time.Duration) (cluster.Cluster, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience,
		&timeoutError{fmt.Sprintf("%s was not active within %s", name, short(patience))})
	defer cancel()
	screen := d.screen()
	p := d.poller(d.client, name)
	p.each = func(c cluster.Cluster) { screen.show(c, d.now()) }
	c, err := p.until(ctx, goalActive)
	screen.finish(c, d.now())
	return c, err
}

// pool shows condor_status once every compute node has a slot in it.
func (d demo) pool(ctx context.Context, c cluster.Cluster) error {
	ctx, cancel := context.WithTimeoutCause(ctx, poolPatience,
		&timeoutError{"the pool did not have the slots of both compute nodes within " + short(poolPatience)})
	defer cancel()
	for {
		out, err := d.outside(ctx, c, "", "condor_status")
		if err == nil && hasSlots(out, c) {
			fmt.Fprintln(d.out, strings.TrimRight(out, "\n"))
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(3 * time.Second):
		}
	}
}

func hasSlots(status string, c cluster.Cluster) bool {
	for _, n := range c.Nodes {
		if n.Appliance == cluster.Compute && !strings.Contains(status, n.Name) {
			return false
		}
	}
	return true
}

// outside runs a command on the gateway from where the context leads.
func (d demo) outside(ctx context.Context, c cluster.Cluster, stdin string, command ...string) (string, error) {
	argv, err := sshCommand(c, d.where, "", command)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out, problems bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = strings.NewReader(stdin), &out, &problems, d.env
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("on the gateway, %s: %w: %s", command[0], err, strings.TrimSpace(problems.String()))
	}
	return out.String(), nil
}

func (d demo) farewell(c cluster.Cluster, took time.Duration) {
	d.head("Done")
	fmt.Fprintf(d.out, "%s was %s.\n", c.Name, slack(c))
	if c.ReadyAt != nil {
		fmt.Fprintf(d.out, "From its booking to ready it took %s; this demo took %s.\n", short(c.ReadyAt.Sub(c.CreatedAt)), short(took))
	}
	fmt.Fprintf(d.out, `
Try next:
  quarry cluster show %[1]s
  quarry cluster events %[1]s
  quarry cluster ssh %[1]s
  quarry cluster ssh %[1]s --node compute-0 -- uptime
  quarry cluster create pages --roll web --appliance web=2 --start asap --for 1h
  quarry node list --context provider

Take it all down:
  sudo quarry lab down

(If quarry is not in your PATH, it is %[2]s)
`, c.Name, programOr("bin/quarry"))
}

func programOr(other string) string {
	path, err := program()
	if err != nil {
		return other
	}
	return path
}
