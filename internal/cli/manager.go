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
