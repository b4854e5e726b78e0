package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"quarry/internal/estimate"
	"quarry/internal/manager"
)

func newSite(a *app) *cobra.Command {
	return group(&cobra.Command{Use: "site", Short: "What the provider decides about the site (provider)"},
		newSiteShow(a), newSiteSet(a))
}

func newSiteShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Show the site and its settings",
		Long:    withExit("Show what the site gives away, and what the provider decided about it.", exitsRefused),
		Example: "quarry site show --context provider",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			s, err := client.Site(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(s, func(w io.Writer) { showSite(w, s) })
		},
	}
}

func newSiteSet(a *app) *cobra.Command {
	var overcommit string
	var policy estimate.Policy
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Change the site's settings",
		Long: withExit(`Change what the provider decides about the site while it runs. What is not named
stays as it is.

--overcommit gives away more of a resource than pnodes have, in per cent of it:
cpus=400 lets four vnodes share a CPU; 0 is 100. A pnode may have ratios of its
own (quarry node set --overcommit). When a ratio shrinks, booked clusters that
do not fit any more are planned anew, and told.

Clusters are prepared so early that --estimate-percentile per cent of
preparations like theirs are done by the start, as sure as
--estimate-confidence per cent: by what was measured on the same pnodes. One
whose images are there is given no less than --prepare-floor and no more than
--prepare-ceiling; what is held after an end for wiping is between --wipe-floor
and --wipe-ceiling.`, exitsRefused),
		Example: "quarry site set --overcommit cpus=400,memory=100 --context provider\nquarry site set --estimate-percentile 99 --prepare-floor 30s --context provider",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			named := false
			cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { named = named || f.Changed })
			if !named {
				return usage("nothing to set: see %q", cmd.CommandPath()+" --help")
			}
			var ratios map[string]int
			if cmd.Flags().Changed("overcommit") {
				var err error
				if ratios, err = parseRatios(overcommit); err != nil {
					return usage("--overcommit: %v", err)
				}
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			was, err := client.Site(cmd.Context())
			if err != nil {
				return err
			}
			give, estimates := withRatios(was.Overcommit, ratios), withPolicy(cmd.Flags(), was.Estimates, policy)
			s, err := client.SetSite(cmd.Context(), manager.SiteChange{Overcommit: &give, Estimates: &estimates}, was.SiteSettings.Version)
			if err != nil {
				return err
			}
			return a.print(s, func(w io.Writer) { showSite(w, s) })
		},
	}
	cmd.Flags().StringVar(&overcommit, "overcommit", "", "ratios in per cent, as in cpus=400,memory=100,disk=0")
	std := estimate.DefaultPolicy
	f := cmd.Flags()
	f.Float64Var(&policy.Percentile, "estimate-percentile", std.Percentile, "per cent of preparations that take no longer than is held for them")
	f.Float64Var(&policy.Confidence, "estimate-confidence", std.Confidence, "per cent, how sure that is")
	f.DurationVar(&policy.PrepareFloor, "prepare-floor", std.PrepareFloor, "least time to prepare in")
	f.DurationVar(&policy.PrepareCeiling, "prepare-ceiling", std.PrepareCeiling, "most time to prepare in")
	f.DurationVar(&policy.WipeFloor, "wipe-floor", std.WipeFloor, "least time to wipe in")
	f.DurationVar(&policy.WipeCeiling, "wipe-ceiling", std.WipeCeiling, "most time to wipe in")
	return cmd
}

// withPolicy takes from set what was named on the command line.
func withPolicy(flags *pflag.FlagSet, was, set estimate.Policy) estimate.Policy {
	for name, take := range map[string]func(){
		"estimate-percentile": func() { was.Percentile = set.Percentile },
		"estimate-confidence": func() { was.Confidence = set.Confidence },
		"prepare-floor":       func() { was.PrepareFloor = set.PrepareFloor },
		"prepare-ceiling":     func() { was.PrepareCeiling = set.PrepareCeiling },
		"wipe-floor":          func() { was.WipeFloor = set.WipeFloor },
		"wipe-ceiling":        func() { was.WipeCeiling = set.WipeCeiling },
	} {
		if flags.Changed(name) {
			take()
		}
	}
	return was
}

func showSite(w io.Writer, s manager.SiteInfo) {
	for _, line := range [][2]string{
		{"server", s.Server},
		{"outside", fmt.Sprintf("%s, of which %s to %s for gateways, router %s", s.OutsideNetwork, s.OutsideFirst, s.OutsideLast, s.OutsideRouter)},
		{"vlans", fmt.Sprintf("%d to %d", s.VLANFirst, s.VLANLast)},
		{"time", stamp(s.Time) + clockAhead(", but the manager's own clock is", s.ClockAheadSeconds)},
		{"pnodes", fmt.Sprint(s.Pnodes)},
		{"gives away", fmt.Sprintf("%d CPUs, %s memory, %s disk", s.Offers.CPUs, size(s.Offers.MemoryMiB), size(s.Offers.DiskMiB))},
		{"overcommit", showRatios(s.Overcommit, "100%")},
		{"estimates", fmt.Sprintf("%g %% of preparations with %g %% confidence", s.Estimates.Percentile, s.Estimates.Confidence)},
		{"prepare", fmt.Sprintf("%s to %s", s.Estimates.PrepareFloor, s.Estimates.PrepareCeiling)},
		{"wipe", fmt.Sprintf("%s to %s", s.Estimates.WipeFloor, s.Estimates.WipeCeiling)},
	} {
		fmt.Fprintf(w, "%-11s %s\n", line[0], line[1])
	}
}
