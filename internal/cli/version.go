package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version is this program's; the commit it was built from is told beside it.
const Version = "0.1.0"

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which Quarry this is",
		Long:    withExit("Say which version this is, from which commit and by which Go it was built."),
		Example: "quarry version -o json",
		Args:    args(),
		RunE: func(*cobra.Command, []string) error {
			v := map[string]string{"version": Version, "commit": commit(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			return a.print(v, func(w io.Writer) {
				fmt.Fprintf(w, "quarry %s (%s, %s, %s)\n", v["version"], v["commit"], v["go"], v["platform"])
			})
		},
	}
}

func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown commit"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "unknown commit"
}
