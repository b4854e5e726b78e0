package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"

	"quarry/internal/api"
	"quarry/internal/calendar"
	"quarry/internal/render/chart"
)

// watchEvery is how often a chart is drawn anew.
const watchEvery = 5 * time.Second

// terminal is standard output where a person looks at it.
func (a *app) terminal() (*os.File, bool) {
	if !onTerminal(a.out) || a.getenv("TERM") == "dumb" {
		return nil, false
	}
	return a.out.(*os.File), true
}

// watchCalendar draws the chart over itself until the user interrupts it.
func (a *app) watchCalendar(ctx context.Context, client *api.Client, look func() (calendar.Look, error), text chart.TextOptions) error {
	file, ok := a.terminal()
	if !ok || a.output != "table" {
		return usage("--watch draws on a terminal: leave it out, and --output %s with it", a.output)
	}
	out := a.people()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for drawn := 0; ; {
		l, err := look()
		if err != nil {
			return err
		}
		o, err := client.Calendar(ctx, l)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		lines := strings.SplitAfter(strings.TrimSuffix(chart.Text(o, text), "\n"), "\n")
		if _, height, err := term.GetSize(file.Fd()); err == nil && len(lines) > height-1 && height > 1 {
			lines = lines[:height-1] // what scrolled away cannot be drawn over
		}
		if drawn > 0 {
			fmt.Fprintf(out, "\x1b[%dA\r\x1b[J", drawn)
		}
		io.WriteString(out, strings.TrimSuffix(strings.Join(lines, ""), "\n")+"\n")
		drawn = len(lines)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
