package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

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
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Change the site's settings",
		Long: withExit(`Change what the provider decides about the site while it runs. What is not named
stays as it is.

--overcommit gives away more of a resource than pnodes have, in per cent of it:
cpus=400 lets four vnodes share a CPU; 0 is 100. A pnode may have ratios of its
own (quarry node set --overcommit). When a ratio shrinks, booked clusters that
do not fit any more are planned anew, and told.`, exitsRefused),
		Example: "quarry site set --overcommit cpus=400,memory=100 --context provider",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("overcommit") {
				return usage("nothing to set: see %q", cmd.CommandPath()+" --help")
			}
			ratios, err := parseRatios(overcommit)
			if err != nil {
				return usage("--overcommit: %v", err)
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			was, err := client.Site(cmd.Context())
			if err != nil {
				return err
			}
			next := withRatios(was.Overcommit, ratios)
			s, err := client.SetSite(cmd.Context(), manager.SiteChange{Overcommit: &next}, was.SiteSettings.Version)
			if err != nil {
				return err
			}
			return a.print(s, func(w io.Writer) { showSite(w, s) })
		},
	}
	cmd.Flags().StringVar(&overcommit, "overcommit", "", "ratios in per cent, as in cpus=400,memory=100,disk=0")
	return cmd
}

func showSite(w io.Writer, s manager.SiteInfo) {
	for _, line := range [][2]string{
		{"server", s.Server},
		{"outside", fmt.Sprintf("%s, of which %s to %s for gateways, router %s", s.OutsideNetwork, s.OutsideFirst, s.OutsideLast, s.OutsideRouter)},
		{"vlans", fmt.Sprintf("%d to %d", s.VLANFirst, s.VLANLast)},
		{"pnodes", fmt.Sprint(s.Pnodes)},
		{"gives away", fmt.Sprintf("%d CPUs, %s memory, %s disk", s.Offers.CPUs, size(s.Offers.MemoryMiB), size(s.Offers.DiskMiB))},
		{"overcommit", showRatios(s.Overcommit, "100%")},
	} {
		fmt.Fprintf(w, "%-11s %s\n", line[0], line[1])
	}
}
