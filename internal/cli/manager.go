package cli

import (
	"github.com/spf13/cobra"
)

func newManager(a *app) *cobra.Command {
	return group(&cobra.Command{Use: "manager", Short: "The daemon that books, prepares, hands over and ends"})
}
func newAgent(a *app) *cobra.Command {
	return group(&cobra.Command{Use: "agent", Short: "The daemon on every pnode"})
}
func newLab(a *app) *cobra.Command {
	return group(&cobra.Command{Use: "lab", Short: "A whole site on this machine"})
}
func newDemo(a *app) *cobra.Command {
	return group(&cobra.Command{Use: "demo", Short: "A whole site on this machine, and a first cluster in it"})
}
