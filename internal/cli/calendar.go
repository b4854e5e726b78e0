package cli

import "github.com/spf13/cobra"

// newCalendar is the command group of the site's calendar.
func newCalendar(*app) *cobra.Command {
	return group(&cobra.Command{
		Use:     "calendar",
		Short:   "What is booked of the site, and what could be",
		Long:    withExit("What is booked of the site, and what could be.", exitsRefused),
		Example: "quarry calendar --help",
	})
}
