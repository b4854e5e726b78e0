package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"quarry/internal/cluster"
)

func newCluster(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use:     "cluster",
		Aliases: []string{"clusters"},
		Short:   "Book clusters, watch them, use them, end them",
	},
		newClusterCreate(a), newClusterList(a), newClusterShow(a), newClusterEvents(a), newClusterLock(a),
		newClusterWait(a), newClusterSSH(a), newClusterEnd(a), newClusterCancel(a),
		newClusterExtend(a), newClusterShorten(a), newClusterMove(a), newClusterGrow(a), newClusterShrink(a),
		newClusterConfirm(a), newClusterRelease(a),
	)
}

func newClusterList(a *app) *cobra.Command {
	var over bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List your clusters",
		Long:    withExit("List the clusters of your tenant; the provider sees everybody's. Those that are\nover are shown with --all.", exitsRefused),
		Example: "quarry cluster list\nquarry cluster list --all -o json",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Clusters(cmd.Context(), over)
			if err != nil {
				return err
			}
			return a.print(all, func(w io.Writer) { listClusters(w, all) })
		},
	}
	cmd.Flags().BoolVar(&over, "all", false, "also those that are over")
	return cmd
}

func listClusters(w io.Writer, all []cluster.Cluster) {
	var rows [][]string
	for _, c := range all {
		rows = append(rows, []string{
			c.Name, c.Tenant, string(c.State), fmt.Sprint(len(c.Nodes)),
			stamp(c.Start), stamp(c.End), dash(c.Gateway.OutsideAddress),
		})
	}
	printTable(w, []string{"NAME", "TENANT", "STATE", "NODES", "START", "END", "GATEWAY"}, rows)
}

// completeClusters completes the name of a cluster, and nothing after it.
func (a *app) completeClusters(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	client, err := a.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	all, err := client.Clusters(cmd.Context(), false)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, c := range all {
		names = append(names, c.Name+"\t"+string(c.State))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
