package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/roll"
	"quarry/rolls"
)

// walkOptions are the flags of roll walk, as they were written.
type walkOptions struct {
	dirs       []string
	rolls      []string
	appliance  string
	host       string
	system     string
	arch       string
	nodes      []string
	parameters []string
	attributes []string
	explain    bool
	rocks      rocksOptions
}

func newRollWalk(a *app) *cobra.Command {
	var o walkOptions
	cmd := &cobra.Command{
		Use:   "walk",
		Short: "Walk the graph of rolls and show what an appliance is made of",
		Long: withExit(`Walk the graph of rolls from an appliance, without a manager, and print its
profile: the nodes in their order, and every package, file, service and script
with the roll, file and line that brought it.

The rolls are those that ship with Quarry and those in the folders of --rolls: a
folder of a roll, or a folder of such folders. The walk is of the rolls named by
--roll, by default those in the folders, and of what they require.

--explain says of every node by which edges it got in or what kept it out, and
why it comes after the node before it.` + rocksHelp),
		Example: `quarry roll walk --roll condor --appliance compute
quarry roll walk --rolls ./hello --appliance gateway --nodes compute=4 --explain
quarry roll walk --rolls ./rolls --roll app@2 --appliance compute --param app.threads=8 -o json
quarry roll walk --rocks distro --appliance compute --attrs compute.attrs --compat rocks -o json`,
		Args:              args(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&o.explain, "explain", false, "say why each node is in the profile or not, and why in this order")
	return cmd
}

// flags are those that say what is walked.
func (o *walkOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&o.dirs, "rolls", nil, "folder of a roll or of rolls (repeatable)")
	f.StringSliceVar(&o.rolls, "roll", nil, "rolls, as NAME or NAME@VERSION, separated by commas or repeated")
	f.StringVar(&o.appliance, "appliance", cluster.Compute, "appliance from which to walk; with --rocks a node of the graph")
	f.StringVar(&o.host, "host", "", "name of a vnode, for attributes of a host")
	f.StringVar(&o.system, "os", "debian/trixie", "operating system of the vnode, family/release")
	f.StringVar(&o.arch, "architecture", "amd64", "architecture of the vnode")
	f.StringArrayVar(&o.nodes, "nodes", []string{"gateway=1", "compute=2"}, "how many vnodes of an appliance the cluster has, as NAME=N (repeatable)")
	f.StringArrayVar(&o.parameters, "param", nil, "a roll's parameter as ROLL.KEY=VALUE (repeatable)")
	f.StringArrayVar(&o.attributes, "attr", nil, "an attribute as [SCOPE/NAME:]ROLL.KEY=VALUE (repeatable)")
	o.rocks.flags(cmd)
}

// walked is what roll walk prints.
type walked struct {
	Profile     roll.Profile      `json:"profile"`
	Explanation *roll.Explanation `json:"explanation,omitempty"`
}

func (o walkOptions) run(ctx context.Context, a *app) error {
	if len(o.rocks.trees) > 0 {
		return o.rocks.run(ctx, a, o.appliance, o.explain)
	}
	sel, attrs, err := o.selection()
	if err != nil {
		return notByServer(err)
	}
	var out walked
	if out.Profile, err = sel.Walk(o.appliance, attrs); err != nil {
		return notByServer(err)
	}
	if o.explain {
		x, err := sel.Explain(o.appliance, attrs)
		if err != nil {
			return notByServer(err)
		}
		out.Explanation = &x
	}
	return a.print(out, out.show)
}

// selection reads the rolls that are meant, and what their conditions can ask for.
func (o walkOptions) selection() (*roll.Selection, roll.Attributes, error) {
	catalog, own, err := loadCatalog(o.dirs)
	if err != nil {
		return nil, nil, err
	}
	if len(o.rolls) == 0 {
		o.rolls = own
	}
	sel, err := catalog.Select(o.rolls)
	if err != nil {
		return nil, nil, err
	}
	attrs, err := o.facts(sel)
	return sel, attrs, err
}

// loadCatalog reads the shipped rolls and those of the folders, whose
// references it returns as well.
func loadCatalog(dirs []string) (roll.Catalog, []string, error) {
	catalog, err := roll.LoadAll(rolls.FS())
	if err != nil {
		return nil, nil, err
	}
	var own []string
	for _, dir := range dirs {
		found, err := loadFolder(dir)
		if err != nil {
			return nil, nil, err
		}
		catalog = catalog.With(found...)
		for _, r := range found {
			own = append(own, r.Ref())
		}
	}
	return catalog, own, nil
}

// loadFolder reads a folder of a roll, or of folders of rolls.
func loadFolder(dir string) ([]*roll.Roll, error) {
	full, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the rolls: %w", err)
	}
	if info, err := os.Stat(full); err != nil || !info.IsDir() {
		return nil, usage("%s is not a folder", dir)
	}
	if _, err := os.Stat(filepath.Join(full, "roll.yaml")); !errors.Is(err, fs.ErrNotExist) {
		r, err := roll.Load(os.DirFS(filepath.Dir(full)), filepath.Base(full))
		return []*roll.Roll{r}, err
	}
	found, err := roll.LoadAll(os.DirFS(full))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, usage("%s holds no roll: name the folder of a roll.yaml, or one of such folders", dir)
	}
	return found.Newest(), nil
}

// facts are what the walk's conditions can ask for; every wrong value is told.
func (o walkOptions) facts(sel *roll.Selection) (roll.Attributes, error) {
	family, release, _ := strings.Cut(o.system, "/")
	create := createOptions{parameters: o.parameters, attributes: o.attributes}
	var wrong fault.List
	given, settings := create.readParameters(&wrong), create.readAttributes(&wrong)
	counts := map[string]int{}
	for _, text := range o.nodes {
		g, err := parseCount(text)
		if err != nil {
			wrong.Add("--nodes", err.Error())
			continue
		}
		counts[g.Appliance] = g.Count
	}
	if list := wrong.Details(); len(list) > 0 {
		return nil, &usageError{title: "the walk is not described properly", details: list}
	}
	params, err := sel.Check(given)
	wrong.AddAll(err)
	wrong.AddAll(sel.CheckAttributes(settings))
	attrs := roll.Attributes{"os": family, "release": release, "architecture": o.arch, "nodes": counts}
	for name, value := range params {
		attrs[name] = value
	}
	where := roll.Where{OS: family, Release: release, Appliance: o.appliance, Host: o.host}
	for name, value := range sel.At(where, settings) {
		attrs[name] = value
	}
	return attrs, wrong.Err(fault.Invalid, "The values do not fit the rolls")
}

func (o walked) show(w io.Writer) {
	fmt.Fprintf(w, "%s of %s\n\n", o.Profile.Appliance, strings.Join(o.Profile.Rolls, ", "))
	if o.Explanation != nil {
		showExplanation(w, *o.Explanation)
	} else {
		for i, node := range o.Profile.Order {
			fmt.Fprintf(w, "%3d  %s\n", i+1, node)
		}
	}
	var rows [][]string
	for _, origin := range o.Profile.Origins() {
		rows = append(rows, origin[:])
	}
	if len(rows) > 0 {
		fmt.Fprintln(w)
		printTable(w, []string{"KIND", "WHAT", "FROM"}, rows)
	}
}

func showExplanation(w io.Writer, x roll.Explanation) {
	line := func(what string, r roll.Reason) {
		if at := r.From.Place(); at != "" {
			fmt.Fprintf(w, "       %s: %s (%s)\n", what, r.Text, at)
			return
		}
		fmt.Fprintf(w, "       %s: %s\n", what, r.Text)
	}
	for i, m := range x.In {
		fmt.Fprintf(w, "%3d  %s\n", i+1, m.Node)
		for _, r := range m.By {
			line("in by", r)
		}
		if m.After != nil {
			line("here", *m.After)
		}
	}
	for _, absent := range x.Out {
		fmt.Fprintf(w, "out  %s\n", absent.Node)
		for _, r := range absent.Because {
			line("because", r)
		}
		if len(absent.Because) == 0 {
			fmt.Fprintln(w, "       because: no edge leads to it")
		}
	}
}
