package cli

import "github.com/spf13/cobra"

func newClusterLock(a *app) *cobra.Command {
	var appliances []string
	cmd := &cobra.Command{
		Use:   "lock NAME [FILE]",
		Short: "Get what a cluster's nodes are made from",
		Long: withExit(`Get the lock of a cluster: every package with its version and hash, every file
and script, for each kind of node, as they were when the cluster was booked. It
is written to FILE, or to standard output. It can be had until the cluster is
over; "quarry image build" makes the same images from it at any time, and
"quarry roll diff" compares it with another.`, exitsRefused, exitsNotFound),
		Example: "quarry cluster lock farm farm.lock\nquarry cluster lock farm | quarry roll sbom -",
		Args:    argsUpTo(1, "NAME", "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			lock, err := client.ClusterLock(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if lock, err = only(lock, appliances); err != nil {
				return err
			}
			return a.writeLock(lock, args[1:])
		},
		ValidArgsFunction: a.completeClusters,
	}
	cmd.Flags().StringSliceVar(&appliances, "appliance", nil, "only these appliances")
	return cmd
}
