package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// placement is how a cluster's nodes are to be placed on pnodes, as written.
type placement struct {
	policy, together       string
	require, prefer, apart []string
}

// placementNames are the flags of a placement.
func placementNames() []string { return []string{"policy", "together", "require", "prefer", "apart"} }

func (p *placement) flags(f *pflag.FlagSet) {
	f.StringVar(&p.policy, "policy", "", "lay the nodes out over pnodes: spread or pack (default spread)")
	f.StringVar(&p.together, "together", "", "one rack of the site for all nodes: prefer or require")
	f.StringArrayVar(&p.require, "require", nil, "a label that the pnodes of an appliance have, as APPLIANCE=LABEL (repeatable)")
	f.StringArrayVar(&p.prefer, "prefer", nil, "a label that they had better have, the first weighs most, as APPLIANCE=LABEL (repeatable)")
	f.StringSliceVar(&p.apart, "apart", nil, "appliances of which no two nodes share a pnode, separated by commas or repeated")
}

func completePlacement(cmd *cobra.Command) {
	for flag, words := range map[string][]string{
		"policy":   {string(calendar.Spread), string(calendar.Pack)},
		"together": {string(calendar.PreferRack), string(calendar.RequireRack)},
	} {
		must(cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)))
	}
}

// put writes the placement into a specification. The gateway's group is made
// where only its placement is given.
func (p placement) put(spec *cluster.Spec, wrong *fault.List) {
	spec.Policy, spec.Together = calendar.Policy(p.policy), calendar.Together(p.together)
	each := func(flag string, texts []string, do func(g *cluster.Group, label string)) {
		for _, text := range texts {
			appliance, label, found := strings.Cut(text, "=")
			if flag != "--apart" && (!found || appliance == "" || label == "") {
				wrong.Add(flag, fmt.Sprintf("%q is not APPLIANCE=LABEL, as in compute=ssd or compute=rack=r1", text))
				continue
			}
			if g := groupOf(spec, appliance); g != nil {
				do(g, label)
			} else {
				wrong.Add(flag, fmt.Sprintf("%q: no nodes of appliance %q are asked for", text, appliance))
			}
		}
	}
	each("--require", p.require, func(g *cluster.Group, label string) { g.Require = append(g.Require, label) })
	each("--prefer", p.prefer, func(g *cluster.Group, label string) { g.Prefer = append(g.Prefer, label) })
	each("--apart", p.apart, func(g *cluster.Group, _ string) { g.Apart = true })
}

func groupOf(spec *cluster.Spec, appliance string) *cluster.Group {
	i := slices.IndexFunc(spec.Nodes, func(g cluster.Group) bool { return g.Appliance == appliance })
	if i < 0 && appliance == cluster.Gateway {
		i = len(spec.Nodes)
		spec.Nodes = append(spec.Nodes, cluster.Group{Appliance: cluster.Gateway, Count: 1})
	}
	if i < 0 {
		return nil
	}
	return &spec.Nodes[i]
}

// placementFlags say how a specification is to be placed.
func placementFlags(spec cluster.Spec) (flags []string) {
	if spec.Policy != "" && spec.Policy != calendar.Spread {
		flags = append(flags, "--policy "+quote(string(spec.Policy)))
	}
	if spec.Together != calendar.Anywhere {
		flags = append(flags, "--together "+quote(string(spec.Together)))
	}
	for _, g := range spec.Nodes {
		for _, label := range g.Require {
			flags = append(flags, "--require "+quote(g.Appliance+"="+label))
		}
		for _, label := range g.Prefer {
			flags = append(flags, "--prefer "+quote(g.Appliance+"="+label))
		}
		if g.Apart {
			flags = append(flags, "--apart "+quote(g.Appliance))
		}
	}
	return flags
}
