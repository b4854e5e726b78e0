package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"quarry/internal/manager"
)

func newImage(a *app) *cobra.Command {
	return group(&cobra.Command{Use: "image", Aliases: []string{"images"}, Short: "The images that vnodes boot (provider)"},
		newImageList(a), newImageBuild(a), newImagePrune(a))
}

func newImageList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the images in the manager's store",
		Long:    withExit("List the images in the manager's store, and which clusters boot them.", exitsRefused),
		Example: "quarry image list --context provider",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Images(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(all, func(w io.Writer) { listImages(w, all) })
		},
	}
}

func listImages(w io.Writer, all []manager.ImageInfo) {
	var rows [][]string
	for _, i := range all {
		rows = append(rows, []string{
			i.Address[:min(12, len(i.Address))], fmt.Sprintf("%d MiB", i.Bytes>>20),
			stamp(i.CreatedAt), stamp(i.UsedAt), orNone(i.Clusters),
		})
	}
	printTable(w, []string{"IMAGE", "SIZE", "CREATED", "USED", "CLUSTERS"}, rows)
}

func newImagePrune(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "prune",
		Short: "Remove images that no cluster needs",
		Long: withExit(`Remove images that no live cluster boots, least recently used first, down to
the limit of the store.`, exitsRefused),
		Example: "quarry image prune --context provider",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			gone, err := client.PruneImages(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(gone, func(w io.Writer) { sayAddresses(w, "removed", gone) })
		},
	}
}

func sayAddresses(w io.Writer, what string, addresses []string) {
	for _, address := range addresses {
		fmt.Fprintf(w, "%s %s\n", what, address[:min(12, len(address))])
	}
	if len(addresses) == 0 {
		fmt.Fprintf(w, "none %s\n", what)
	}
}
