package cli

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quarry/internal/roll/rocks"
	"quarry/internal/roll/rocks/source"
)

// rocksOptions are the flags of roll walk for a tree of Rocks rolls.
type rocksOptions struct {
	attrs, compat       string
	trees, allow, evals []string
}

const rocksHelp = `

With --rocks it reads Rocks rolls instead (a distribution tree with graphs/default,
nodes and site-nodes, a roll's source tree, a roll ISO, a kickstart RPM) and shows what the node --appliance of its graph gets: the
nodes in their order, the packages, the scripts, the main section. With --compat
rocks all is as Rocks itself would make it. Without, the profile of a sound tree
is the same, but what Rocks would pass over in silence is refused, with file and
line, what Rocks does and what to do; --allow lets a rule through. The eval
elements of Rocks are never run: --eval gives what one prints.`

func (o *rocksOptions) flags(cmd *cobra.Command) {
	var ids []string
	for _, r := range rocks.Rules() {
		if r.Allowed {
			ids = append(ids, r.ID)
		}
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.trees, "rocks", nil, "Rocks rolls: a distribution tree, a roll's sources, an ISO or an RPM (repeatable; later ones lie over earlier ones)")
	f.StringVar(&o.attrs, "attrs", "", `with --rocks: file of the node's attributes, in lines "name: value"`)
	f.StringVar(&o.compat, "compat", "", `with --rocks: "rocks" does to the letter what Rocks does`)
	f.StringSliceVar(&o.allow, "allow", nil, "with --rocks: let findings of this rule through (repeatable)")
	f.StringArrayVar(&o.evals, "eval", nil, "with --rocks: what an eval element prints, as FILE:LINE=VALUE or FILE:LINE=@PATH (repeatable)")
	cmd.MarkFlagsMutuallyExclusive("rocks", "rolls")
	cmd.MarkFlagsMutuallyExclusive("rocks", "roll")
	must(cmd.MarkFlagFilename("attrs"))
	must(cmd.RegisterFlagCompletionFunc("compat", cobra.FixedCompletions([]string{"rocks"}, cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("allow", cobra.FixedCompletions(ids, cobra.ShellCompDirectiveNoFileComp)))
}

// rocksWalk is what programs get.
type rocksWalk struct {
	Order       []rocksNode         `json:"order"`
	Packages    rocksPackages       `json:"packages"`
	Posts       []rocksPost         `json:"posts"`
	Main        []string            `json:"main"`
	Diagnostics []rocks.Finding     `json:"diagnostics"`
	Explain     []rocks.Explanation `json:"explain,omitempty"`
}

type rocksNode struct {
	Node string `json:"node"`
	File string `json:"file"`
}

type rocksPackages struct {
	On  []string `json:"on"`
	Off []string `json:"off"`
}

type rocksPost struct {
	Node        string `json:"node"`
	Roll        string `json:"roll"`
	Interpreter string `json:"interpreter"`
	Arg         string `json:"arg"`
}

func (o rocksOptions) run(ctx context.Context, a *app, root string, explain bool) error {
	profile, _, err := o.walk(ctx, root)
	if err != nil {
		return err
	}
	out := newRocksWalk(profile)
	if explain {
		out.Explain = profile.Explain()
	}
	if err := a.print(out, func(w io.Writer) { out.show(w, a.err) }); err != nil {
		return err
	}
	if slices.ContainsFunc(out.Diagnostics, func(f rocks.Finding) bool { return f.Severity == rocks.Failure }) {
		return exitStatus(exitFailed)
	}
	return nil
}

// walk gives the profile of a node, and the attributes. What is refused is
// among the profile's findings, as is what was wrong with its sources.
func (o rocksOptions) walk(ctx context.Context, root string) (*rocks.Profile, map[string]string, error) {
	options, err := o.options()
	if err != nil {
		return nil, nil, err
	}
	attrs, err := readAttributes(o.attrs)
	if err != nil {
		return nil, nil, err
	}
	if err := rocksSources(o.trees); err != nil {
		return nil, nil, err
	}
	tree, found, err := source.Read(ctx, o.trees...)
	if err != nil {
		return nil, nil, notByServer(err)
	}
	profile, _ := tree.Walk(root, attrs, options)
	profile.Findings = append(append([]rocks.Finding{}, found...), profile.Findings...)
	return profile, attrs, nil
}

// options checks the flags.
func (o rocksOptions) options() (rocks.Options, error) {
	options := rocks.Options{Compat: o.compat == "rocks", Allow: map[string]bool{}, Evals: map[string]string{}}
	if o.compat != "" && o.compat != "rocks" {
		return options, usage("--compat %q is not known: write rocks, or leave it out", o.compat)
	}
	for _, id := range o.allow {
		known := slices.IndexFunc(rocks.Rules(), func(r rocks.Rule) bool { return r.ID == id })
		if known < 0 {
			return options, usage("--allow %q is not a rule: docs/rocks.md lists them", id)
		}
		if !rocks.Rules()[known].Allowed {
			return options, usage("--allow %q: without that there is no profile", id)
		}
		options.Allow[id] = true
	}
	for _, given := range o.evals {
		place, value, ok := strings.Cut(given, "=")
		if !ok || !strings.Contains(place, ":") {
			return options, usage("--eval %q: write FILE:LINE=VALUE, such as nodes/site.xml:12=10.1.1.1", given)
		}
		if path, ok := strings.CutPrefix(value, "@"); ok {
			data, err := os.ReadFile(path)
			if err != nil {
				return options, usage("--eval %s: %v", place, err)
			}
			value = string(data)
		}
		options.Evals[strings.TrimPrefix(place, "./")] = value
	}
	return options, nil
}

func readAttributes(path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("--attrs: %v", err)
	}
	attrs, err := rocks.ParseAttributes(data)
	if err != nil {
		return nil, usage("--attrs %s: %v", path, err)
	}
	return attrs, nil
}

func newRocksWalk(p *rocks.Profile) rocksWalk {
	out := rocksWalk{
		Order: []rocksNode{}, Posts: []rocksPost{}, Main: []string{}, Diagnostics: []rocks.Finding{},
		Packages: rocksPackages{On: []string{}, Off: []string{}},
	}
	for _, n := range p.Order {
		out.Order = append(out.Order, rocksNode{Node: n.Name, File: n.Files[len(n.Files)-1]})
	}
	out.Packages.On = append(out.Packages.On, p.On...)
	out.Packages.Off = append(out.Packages.Off, p.Off...)
	for _, s := range p.Posts {
		if !s.Log {
			out.Posts = append(out.Posts, rocksPost{Node: s.Node, Roll: s.Roll, Interpreter: s.Interpreter, Arg: s.Arg})
		}
	}
	for _, l := range p.Main {
		out.Main = append(out.Main, strings.Split(l.Text, "\n")...)
	}
	out.Diagnostics = append(out.Diagnostics, p.Findings...)
	return out
}
