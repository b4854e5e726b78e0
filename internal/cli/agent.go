package cli

import (
	"github.com/spf13/cobra"
)

func newAgent(a *app) *cobra.Command {
	return group(&cobra.Command{Use: "agent", Short: "The daemon on every pnode"})
}
