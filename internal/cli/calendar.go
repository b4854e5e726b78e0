package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"quarry/internal/api"
	"quarry/internal/calendar"
	"quarry/internal/render/chart"
	"quarry/internal/render/ics"
)

// newCalendar is the command group of the site's calendar; alone it draws it.
func newCalendar(a *app) *cobra.Command {
	var o calendarOptions
	cmd := group(&cobra.Command{
		Use:   "calendar",
		Short: "Draw what is booked of the site, or ask what could be",
		Long: withExit(`Draw what is held of the site over a window: the use of its capacity, how full
each pnode is, and each cluster with its phases. You see your own clusters by
their names and those of others as sizes only; the provider sees all as
TENANT/NAME. Times are in your time zone.

  --by site     how much of the site is held: CPUs, memory, disk, pools
  --by pnode    how full each pnode is, by the resource that is held most
  --by cluster  each cluster: preparation, window, wiping

Without --by all three are drawn. Where the locale is not UTF-8, or with
--ascii, plain characters are used.

The window begins a little before now, or at --from: an instant as in
2026-01-31T09:00:00Z, a day as in 2026-01-31, now, or some time from now as in
+2h or -1d. Clusters that are over are shown with what they held.

Other outputs: json and yaml (what the API answers), ics (your clusters, for the
calendars of people), svg (a picture for pages).`, exitsRefused),
		Example: `quarry calendar
quarry calendar --from 2026-01-31 --for 7d --by cluster
quarry calendar --for 30d -o ics > clusters.ics
quarry calendar --for 2d -o svg > site.svg`,
	}, newCalendarFree(a), newCalendarEarliest(a), newCalendarFits(a), newCalendarWhy(a))
	unknown := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknown(cmd, args)
		}
		return a.calendar(cmd.Context(), o)
	}
	alsoOutputs(cmd, "ics", "svg")
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "", "where the window begins (a little before now)")
	f.StringVar(&o.length, "for", "24h", "how long the window is")
	f.StringSliceVar(&o.by, "by", nil, "what is drawn: site, pnode, cluster (all)")
	f.IntVar(&o.width, "width", 0, "columns (those of the terminal, else 100)")
	f.BoolVar(&o.ascii, "ascii", false, "use plain characters only")
	f.IntVar(&o.limit, "limit", 100, "how many pnodes, and how many clusters, are on a page")
	f.IntVar(&o.page, "page", 1, "which page")
	f.BoolVarP(&o.watch, "watch", "w", false, "draw it anew every few seconds until you interrupt it")
	must(cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions([]string{"site", "pnode", "cluster"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

type calendarOptions struct {
	from, length       string
	by                 []string
	width, limit, page int
	ascii, watch       bool
}

func (a *app) calendar(ctx context.Context, o calendarOptions) error {
	parts, err := chartParts(o.by)
	if err != nil {
		return err
	}
	length, err := parseDuration(o.length)
	if err != nil {
		return usage("--for: %v", err)
	}
	if o.width != 0 && o.width < chart.LeastWidth {
		return usage("--width %d is too narrow: give at least %d", o.width, chart.LeastWidth)
	}
	text := chart.TextOptions{Parts: parts, Width: a.width(o.width), Zone: time.Local, ASCII: o.ascii || !a.utf8(), Paint: paintChart}
	look := func() (calendar.Look, error) {
		from, err := windowStart(o.from, a.now(), length)
		return calendar.Look{From: from, To: from.Add(length), Slots: chart.Columns(text.Width), Limit: o.limit, Page: o.page}, err
	}
	first, err := look()
	if err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	if o.watch {
		return a.watchCalendar(ctx, client, look, text)
	}
	if a.output == "ics" {
		return a.calendarICS(ctx, client, first)
	}
	if a.output == "svg" {
		first.Slots = svgSlots
	}
	seen, err := client.Calendar(ctx, first)
	if err != nil {
		return err
	}
	if a.output == "svg" {
		_, err := a.out.Write(chart.SVG(seen, chart.SVGOptions{Parts: parts, Zone: time.Local}))
		return err
	}
	return a.print(seen, func(w io.Writer) { fmt.Fprint(w, chart.Text(seen, text)) })
}

// svgSlots are enough for a picture of usual width.
const svgSlots = 240

func chartParts(by []string) ([]chart.Part, error) {
	var parts []chart.Part
	for _, word := range by {
		switch p := chart.Part(word); p {
		case chart.Site, chart.Pnodes, chart.Clusters:
			parts = append(parts, p)
		default:
			return nil, usage("--by %q is not known: write site, pnode or cluster", word)
		}
	}
	return parts, nil
}

// calendarICS writes every booking of the window that is seen by name, of all pages.
func (a *app) calendarICS(ctx context.Context, client *api.Client, l calendar.Look) error {
	l.Slots, l.Limit, l.Page = 1, calendar.MaxLimit, 1
	var all []calendar.BookingOverview
	for {
		o, err := client.Calendar(ctx, l)
		if err != nil {
			return err
		}
		all = append(all, o.Bookings...)
		if l.Page++; l.Page > o.Pages {
			_, err := a.out.Write(ics.Write("Quarry", o.Now, all))
			return err
		}
	}
}

// windowStart reads --from; without it a window begins so long before now that
// one sees what runs.
func windowStart(text string, now time.Time, length time.Duration) (time.Time, error) {
	sign := time.Duration(1)
	switch {
	case text == "":
		grain := time.Minute
		if length >= 12*time.Hour {
			grain = time.Hour
		}
		return now.Add(-length / 24).Truncate(grain), nil
	case text == "now":
		return now.Truncate(time.Second), nil
	case text[0] == '-':
		sign = -1
		fallthrough
	case text[0] == '+':
		d, err := parseDuration(text[1:])
		if err != nil {
			return time.Time{}, usage("--from: %v", err)
		}
		return now.Add(sign * d).Truncate(time.Second), nil
	}
	return instantOrDay("--from", text, time.Local)
}

// instantOrDay reads an instant, or the beginning of a day in a zone.
func instantOrDay(flag, text string, zone *time.Location) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return day, nil
	}
	at, err := parseInstant(text)
	if err != nil {
		return time.Time{}, usage("%s: %q is neither an instant as in 2026-01-31T09:00:00Z nor a day as in 2026-01-31", flag, text)
	}
	return at, nil
}

// width is that of the terminal unless it was given.
func (a *app) width(given int) int {
	if given > 0 {
		return given
	}
	if f, ok := a.terminal(); ok {
		if columns, _, err := term.GetSize(f.Fd()); err == nil && columns > 0 {
			return max(chart.LeastWidth, columns)
		}
	}
	return 100
}

// utf8 reports whether the locale's characters are UTF-8.
func (a *app) utf8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToUpper(a.getenv(name)); v != "" {
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return false
}

// paintChart gives parts of a chart their colours.
func paintChart(k chart.Kind, text string) string {
	style := lipgloss.NewStyle()
	switch k {
	case chart.Head:
		style = style.Bold(true)
	case chart.Prepare, chart.Wipe:
		style = style.Foreground(lipgloss.Yellow)
	case chart.Window:
		style = style.Foreground(lipgloss.Green)
	case chart.Level:
		style = style.Foreground(lipgloss.Cyan)
	case chart.Full, chart.Closed, chart.Now:
		style = style.Foreground(lipgloss.Red)
	case chart.Dim:
		style = style.Faint(true)
	}
	return style.Render(text)
}
