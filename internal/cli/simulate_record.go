package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/simulate"
)

// recordOptions is what was asked of quarry simulate record.
type recordOptions struct{ from, to, out, siteOut string }

func newSimulateRecord(a *app) *cobra.Command {
	var o recordOptions
	cmd := &cobra.Command{
		Use:   "record",
		Short: "Write a live site's bookings down as a trace (provider)",
		Long: withExit(`Write down what was asked of a live site, and how long it took, as a trace that
"quarry simulate" plays: bookings with their specifications, without keys and
accounts, holds, changes, cancels and early ends, pnodes that fell silent as far
as events tell, and the measured times of images, preparation and wiping. The
site as it is now comes with it.

The trace has the clusters that were booked before --to and were not over at
--from, from their booking to whatever became of them. Requests that were
refused are not kept by a site, so they are not in it. What else is missing is
said on standard error.`, exitsRefused),
		Example: `quarry simulate record --context provider > site.trace.json
quarry simulate record --from 2026-03-01 --to 2026-04-01 --out march.trace.json --site-out site.yaml
quarry simulate march.trace.json --policy spread --policy pack`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.record(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "", "an instant, or a day (the beginning)")
	f.StringVar(&o.to, "to", "", "an instant, or a day, which does not count any more (now)")
	f.StringVar(&o.out, "out", "", "file for the trace (standard output)")
	f.StringVar(&o.siteOut, "site-out", "", "file for the site, to change it; otherwise it is in the trace alone")
	return cmd
}

func (a *app) record(ctx context.Context, o recordOptions) error {
	var from, to time.Time
	for _, w := range []struct {
		flag, text string
		at         *time.Time
	}{{"--from", o.from, &from}, {"--to", o.to, &to}} {
		if w.text == "" {
			continue
		}
		var err error
		if *w.at, err = instantOrDay(w.flag, w.text, time.UTC); err != nil {
			return err
		}
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	r, err := simulate.RecordFrom(ctx, client, from, to)
	if err != nil {
		return err
	}
	for _, note := range r.Notes {
		fmt.Fprintln(a.err, "quarry: "+note)
	}
	if o.siteOut != "" {
		raw, err := r.Trace.Site.YAML()
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.siteOut, raw, 0o644); err != nil {
			return fmt.Errorf("write the site: %w", err)
		}
	}
	return writeTrace(a.out, o.out, r.Trace)
}

// writeTrace writes a trace into a file, or to out for none.
func writeTrace(out io.Writer, path string, t *simulate.Trace) (err error) {
	if path == "" {
		return t.Write(out)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the trace: %w", err)
	}
	defer func() {
		if closed := f.Close(); err == nil && closed != nil {
			err = fmt.Errorf("write the trace: %w", closed)
		}
	}()
	return t.Write(f)
}
