package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/api"
	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// createOptions are the flags of cluster create, as they were written.
type createOptions struct {
	file       string
	rolls      []string
	compute    int
	appliances []string
	cpus       int
	memory     string
	disk       string
	parameters []string
	attributes []string
	keyFiles   []string
	placement  placement
	window     window
	hold       string
	bestEffort bool
	dryRun     bool
	changed    func(flag string) bool // was it given on the command line?
}

func newClusterCreate(a *app) *cobra.Command {
	var o createOptions
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Book a cluster",
		Long: withExit(`Book a cluster: a gateway, the nodes asked for, a private network, and the
applications of the rolls, for a window of time. The booking is admitted as a
whole or refused with every reason and what would fit.

--start asap is the earliest start that can be promised: the cluster is ready
before it. --start now opens the window at once, and the cluster becomes ready
later. --start +8m counts from now. --cpus, --memory and --disk size every node
named by --compute and --appliance; the gateway keeps its defaults unless it is
named as --appliance gateway=1.

--policy, --together, --require, --prefer and --apart say which pnodes the nodes
go to. A label is uplink, a tag that the provider gave, or arch=, accelerator=
or rack= with a value: --require compute=ssd --prefer compute=rack=r1.

The ssh keys open the account admin on every node. They come from --ssh-key, or
else from the context, or else from ~/.ssh/id_*.pub.

With -f the specification is read from a YAML file ("-" is standard input):

  name: farm
  rolls: [condor]
  nodes:
    - {appliance: compute, count: 2, memory: 640M, disk: 4G, prefer: [ssd], apart: true}
  policy: spread
  start: +8m
  for: 1h
  parameters: {condor.slots: partitionable}
  attributes:
    - {name: app.threads, host: compute-1, value: 8}`, exitsRefused),
		Example: `quarry cluster create farm --roll condor --compute 2 --start asap --for 1h
quarry cluster create pages --roll web --appliance web=2 --start +8m --for 2h
quarry cluster create -f cluster.yaml --dry-run`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.changed = cmd.Flags().Changed
			return o.run(cmd.Context(), a, args)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.hold, "hold", "", "hold the cluster for so long, as in 15m: it is given up unless it is confirmed")
	cmd.Flags().BoolVar(&o.bestEffort, "best-effort", false, "take what is free, and give it up as soon as a booking needs it")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would be booked, book nothing")
	return cmd
}

// flags are those that describe a cluster.
func (o *createOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "file of the specification in YAML, - for standard input")
	f.StringSliceVar(&o.rolls, "roll", nil, "rolls, as NAME or NAME@VERSION, separated by commas or repeated")
	f.IntVar(&o.compute, "compute", 0, "number of compute nodes")
	f.StringArrayVar(&o.appliances, "appliance", nil, "N nodes of an appliance as NAME=N (repeatable)")
	f.IntVar(&o.cpus, "cpus", 0, "CPUs of a node")
	f.StringVar(&o.memory, "memory", "", "memory of a node, as in 512M")
	f.StringVar(&o.disk, "disk", "", "disk of a node, as in 4G")
	f.StringArrayVar(&o.parameters, "param", nil, "a roll's parameter for the whole cluster as ROLL.KEY=VALUE (repeatable)")
	f.StringArrayVar(&o.attributes, "attr", nil, "an attribute of the vnodes as [SCOPE/NAME:]ROLL.KEY=VALUE, SCOPE one of os, appliance, host (repeatable)")
	f.StringArrayVar(&o.keyFiles, "ssh-key", nil, "file of public ssh keys for the account admin (repeatable)")
	f.StringVar(&o.window.start, "start", "", "start: asap, now, +8m or an instant (default asap)")
	f.StringVar(&o.window.length, "for", "", "length of the window, as in 1h (default 1h)")
	f.StringVar(&o.window.end, "end", "", "end of the window, an instant as in 2026-01-31T09:00[Europe/Berlin]")
	o.placement.flags(f)
	completePlacement(cmd)
}

func (o createOptions) run(ctx context.Context, a *app, args []string) error {
	spec, err := o.keyed(a, args)
	if err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	booked, err := o.book(ctx, client, spec)
	if err != nil {
		return o.booker(a).withCommands(err)
	}
	return a.print(booked, func(w io.Writer) { sayBooked(w, booked, o.dryRun, a.now()) })
}

func (o createOptions) book(ctx context.Context, client *api.Client, spec cluster.Spec) (cluster.Cluster, error) {
	if o.hold == "" {
		return client.CreateCluster(ctx, spec, o.dryRun)
	}
	hold, err := parseDuration(o.hold)
	if err != nil {
		return cluster.Cluster{}, usage("--hold: %v", err)
	}
	return client.HoldCluster(ctx, spec, hold, o.dryRun)
}

func (o createOptions) booker(a *app) booker {
	return booker{context: a.context, keyFiles: o.keyFiles, file: o.file != ""}
}

// keyed is what is asked for, with the keys that open it.
func (o createOptions) keyed(a *app, args []string) (cluster.Spec, error) {
	spec, err := o.spec(a.in, args, a.now())
	if err != nil {
		return cluster.Spec{}, err
	}
	where, err := a.current()
	if err != nil {
		return cluster.Spec{}, err
	}
	if len(spec.SSHKeys) == 0 || len(o.keyFiles) > 0 {
		keys, err := a.sshKeys(o.keyFiles, where)
		if err != nil {
			return cluster.Spec{}, err
		}
		spec.SSHKeys = append(spec.SSHKeys, keys...)
	}
	return spec, nil
}

// spec is what the command line, or the file it names, asks for.
func (o createOptions) spec(stdin io.Reader, args []string, now time.Time) (cluster.Spec, error) {
	if o.file != "" {
		return o.specFromFile(stdin, args, now)
	}
	var wrong fault.List
	spec := cluster.Spec{Rolls: o.rolls, StartMode: cluster.StartASAP, BestEffort: o.bestEffort}
	if len(args) == 1 {
		spec.Name = args[0]
	} else {
		wrong.Add("NAME", "a cluster needs a name (or a file: -f cluster.yaml)")
	}
	setWindow(&spec, o.window, now, &wrong)
	spec.Nodes = o.groups(&wrong)
	o.placement.put(&spec, &wrong)
	spec.Parameters = o.readParameters(&wrong)
	spec.Attributes = o.readAttributes(&wrong)
	if len(wrong.Details()) > 0 {
		return cluster.Spec{}, &usageError{title: "the cluster is not described properly", details: wrong.Details()}
	}
	return spec, nil
}

func (o createOptions) groups(wrong *fault.List) []cluster.Group {
	var groups []cluster.Group
	if o.changed("compute") {
		if o.compute <= 0 {
			wrong.Add("--compute", fmt.Sprintf("%d is no number of nodes: give 1 or more", o.compute))
		}
		groups = append(groups, cluster.Group{Appliance: cluster.Compute, Count: o.compute})
	}
	for _, text := range o.appliances {
		g, err := parseCount(text)
		if err != nil {
			wrong.Add("--appliance", err.Error())
		}
		groups = append(groups, g)
	}
	if o.changed("cpus") && o.cpus <= 0 {
		wrong.Add("--cpus", fmt.Sprintf("%d is no number of CPUs: give 1 or more", o.cpus))
	}
	memory, disk := o.sizeOf("memory", o.memory, wrong), o.sizeOf("disk", o.disk, wrong)
	for i := range groups {
		groups[i].CPUs, groups[i].MemoryMiB, groups[i].DiskMiB = o.cpus, memory, disk
	}
	return groups
}

// sizeOf is the size in MiB that a flag gives, 0 when it was not given.
func (o createOptions) sizeOf(flag, text string, wrong *fault.List) int {
	if !o.changed(flag) {
		return 0
	}
	n, err := parseSize(text)
	if err != nil {
		wrong.Add("--"+flag, err.Error())
	}
	return n
}

func (o createOptions) readParameters(wrong *fault.List) map[string]string {
	var parameters map[string]string
	for _, text := range o.parameters {
		key, value, err := parseParameter(text)
		if err != nil {
			wrong.Add("--param", err.Error())
			continue
		}
		if parameters == nil {
			parameters = map[string]string{}
		}
		parameters[key] = value
	}
	return parameters
}

func (o createOptions) readAttributes(wrong *fault.List) []cluster.Attribute {
	var list []cluster.Attribute
	for _, text := range o.attributes {
		a, err := parseAttribute(text)
		if err != nil {
			wrong.Add("--attr", err.Error())
			continue
		}
		list = append(list, a)
	}
	return list
}

// specFromFile reads the file; the name, the window and more keys may be
// given beside it, what nodes there are may not.
func (o createOptions) specFromFile(stdin io.Reader, args []string, now time.Time) (cluster.Spec, error) {
	var clash []string
	for _, flag := range append([]string{"roll", "compute", "appliance", "cpus", "memory", "disk", "param", "attr", "best-effort"}, placementNames()...) {
		if o.changed(flag) {
			clash = append(clash, "--"+flag)
		}
	}
	if len(clash) > 0 {
		return cluster.Spec{}, usage("%s cannot be given together with --file: write it into the file", strings.Join(clash, ", "))
	}
	in, name := stdin, "standard input"
	if o.file != "-" {
		f, err := os.Open(o.file)
		if err != nil {
			return cluster.Spec{}, usage("cannot read the specification: %v", err)
		}
		defer f.Close()
		in, name = f, o.file
	}
	spec, err := readSpec(in, name, now)
	if err != nil {
		return cluster.Spec{}, err
	}
	spec.Name = slices.Concat(args, []string{spec.Name})[0]
	var wrong fault.List
	setWindow(&spec, o.window, now, &wrong)
	if len(wrong.Details()) > 0 {
		return cluster.Spec{}, &usageError{title: "the window is not described properly", details: wrong.Details()}
	}
	if spec.StartMode == "" {
		spec.StartMode = cluster.StartASAP
	}
	return spec, nil
}

func sayBooked(w io.Writer, c cluster.Cluster, dryRun bool, now time.Time) {
	verb := map[bool]string{false: "Booked", true: "Would book"}[dryRun]
	if c.State == cluster.Held {
		verb = map[bool]string{false: "Holding", true: "Would hold"}[dryRun]
	}
	fmt.Fprintf(w, "%s %s from %s to %s: %d nodes", verb, c.Name, stamp(c.Start), stamp(c.End), len(c.Nodes))
	if c.Start.After(now) {
		fmt.Fprintf(w, ", starting in %s", short(c.Start.Sub(now)))
	}
	fmt.Fprintln(w)
	switch {
	case dryRun:
	case c.HoldUntil != nil:
		fmt.Fprintf(w, "It is given up at %s unless you confirm it: quarry cluster confirm %s\n", stamp(*c.HoldUntil), c.Name)
	default:
		fmt.Fprintf(w, "Watch it: quarry cluster show %s --watch\n", c.Name)
	}
}
