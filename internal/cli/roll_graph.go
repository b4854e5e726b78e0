package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"quarry/internal/render/picture"
	"quarry/internal/roll/rocks"
)

// pictures are the forms of a graph.
var pictures = map[string]func(picture.Graph, picture.Options) []byte{"dot": picture.DOT, "svg": picture.SVG, "html": picture.HTML}

// graphOptions are the flags of roll graph.
type graphOptions struct {
	walk   walkOptions
	format string
	out    string
	all    bool
	draw   picture.Options
}

func newRollGraph(a *app) *cobra.Command {
	var o graphOptions
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Draw the graph of rolls as an appliance walks it",
		Long: withExit(`Draw the graph of rolls, without a manager, as the walk from an appliance sees it:
every node in the colour of its roll with its number in the profile, every edge
with its condition, dashed where that does not hold. --path-to lights the way to
a node. What is walked is said as for roll walk.

Formats: html is a page with zoom, search, the way to every node and what its
files say; it loads nothing from anywhere. svg is a picture. dot is for Graphviz.`),
		Example: `quarry roll graph --roll condor --appliance compute --out condor.html
quarry roll graph --roll condor --appliance gateway --path-to condor/pool --format svg --out gateway.svg
quarry roll graph --rocks distro --appliance compute --attrs compute.attrs --format dot | dot -Tpdf -o compute.pdf`,
		Args:              args(),
		RunE:              func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.walk.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "html", "dot, svg or html")
	f.StringVar(&o.out, "out", "", "file to write (default: standard output)")
	f.StringVar(&o.draw.PathTo, "path-to", "", "light the way to this node")
	f.BoolVar(&o.draw.Order, "order", false, "draw which node comes before which too")
	f.BoolVar(&o.all, "all", false, "draw the nodes too that no edge leads to from the appliance")
	must(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"html", "svg", "dot"}, cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.MarkFlagFilename("out"))
	return cmd
}

func (o graphOptions) run(ctx context.Context, a *app) error {
	draw := pictures[o.format]
	if draw == nil {
		return usage("--format %q is not known: write dot, svg or html", o.format)
	}
	g, err := o.graph(ctx, a)
	if err != nil {
		return notByServer(err)
	}
	if !o.all {
		reached := g.From(g.Root)
		if to := o.draw.PathTo; g.Has(to) && !reached.Has(to) {
			return usage("--path-to %s: no edge leads there from %s; --all draws it all the same", to, g.Root)
		}
		g = reached
	}
	if to := o.draw.PathTo; to != "" && !g.Has(to) {
		return usage("--path-to %s: the graph has no such node%s", to, nearest(to, g))
	}
	return writeOut(a, o.out, draw(g, o.draw))
}

// nearest names nodes whose names hold what was given, or are held by it.
func nearest(given string, g picture.Graph) string {
	var near []string
	for _, n := range g.Nodes {
		if strings.Contains(n.Name, given) || strings.HasSuffix(n.Name, "/"+given) {
			near = append(near, n.Name)
		}
	}
	if len(near) == 0 || len(near) > 5 {
		return ""
	}
	return "; there is " + strings.Join(near, ", ")
}

func (o graphOptions) graph(ctx context.Context, a *app) (picture.Graph, error) {
	if len(o.walk.rocks.trees) == 0 {
		sel, attrs, err := o.walk.selection()
		if err != nil {
			return picture.Graph{}, err
		}
		return picture.FromRolls(sel, o.walk.appliance, attrs)
	}
	p, _, err := o.walk.rocks.walk(ctx, o.walk.appliance)
	if err != nil {
		return picture.Graph{}, err
	}
	g, err := picture.FromRocks(p)
	if err == nil && !g.Has(o.walk.appliance) {
		showFindings(a.err, failures(p.Findings))
		return g, exitStatus(exitFailed)
	}
	if n := len(failures(p.Findings)); n > 0 {
		fmt.Fprintf(a.err, "%d findings make the profile one not to use: quarry roll walk lists them\n", n)
	}
	return g, err
}

func failures(all []rocks.Finding) []rocks.Finding {
	var list []rocks.Finding
	for _, f := range all {
		if f.Severity == rocks.Failure {
			list = append(list, f)
		}
	}
	return list
}

// writeOut writes to a file, or to standard output where none is named.
func writeOut(a *app, path string, data []byte) error {
	if path == "" {
		_, err := a.out.Write(data)
		return err
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
