package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/calendar"
	"quarry/internal/fault"
	"quarry/internal/simulate"
)

// simulation is what was asked of quarry simulate.
type simulation struct {
	site     string
	policies []string
	seed     uint64
	failures []string
	wrong    simulate.Failures
	swf      simulate.Options
	svg      string
	quiet    bool
}

func newSimulate(a *app) *cobra.Command {
	var s simulation
	cmd := &cobra.Command{
		Use:   "simulate TRACE",
		Short: "Play a trace of bookings on a virtual clock",
		Long: withExit(`Play a trace of bookings through the manager's own decisions on a virtual clock,
and show how full the site was, what was refused, who waited and who was late.
Each --policy and each --failures is a column. No site is needed, and nothing
is booked. The same trace, site and seeds always give the same result.

TRACE is a file, - for standard input, packed with gzip or not, of one of

  Quarry's own JSON     what was asked for, and when; see docs/simulator.md
  Standard Workload     the format of the Parallel Workloads Archive: every job
  Format (SWF)          becomes a cluster that starts as soon as possible

The site is described in YAML (--site). Without it an SWF trace is played on
the machine that its header describes, with gateways enough for all its jobs.`),
		Example: `quarry simulate trace.json --site site.yaml --policy spread --policy pack
quarry simulate LOG.swf.gz --cpus 8 --failures 1 --failures 2 --mtbf 720h --mttr 2h
quarry simulate trace.json --site site.yaml -o json --svg week.svg`,
		Args:              args("TRACE"),
		RunE:              func(cmd *cobra.Command, args []string) error { return inFiles(a.simulate(cmd, args[0], s)) },
		ValidArgsFunction: completeFirstFile,
	}
	f := cmd.Flags()
	f.StringVar(&s.site, "site", "", "file that describes the site")
	f.StringArrayVar(&s.policies, "policy", nil, "policy of clusters that name none: spread or pack; may be repeated (default spread)")
	f.Uint64Var(&s.seed, "seed", 1, "seed of how long things take")
	f.StringArrayVar(&s.failures, "failures", nil, "seed of what goes wrong; may be repeated (default nothing does)")
	f.Var(&s.wrong.MTBF, "mtbf", "mean time until a pnode falls silent, with --failures (default the site's)")
	f.Var(&s.wrong.MTTR, "mttr", "mean time until it is heard again (default the site's)")
	f.Float64Var(&s.wrong.Boot, "boot-failures", 0, "share of vnodes whose scripts fail (default the site's)")
	f.Float64Var(&s.wrong.Slow, "slow", 0, "share of preparations that are slow (default the site's)")
	f.Float64Var(&s.wrong.Times, "slow-times", 0, "how many times as long these take (default the site's, else 3)")
	f.IntVar(&s.swf.CPUs, "cpus", 0, "processors of a job for each vnode, for SWF (default those of one node)")
	f.IntVar(&s.swf.MemoryMiB, "memory", 0, "memory of a vnode in MiB where the job does not say, for SWF (default 2048 for each processor)")
	f.StringVar(&s.svg, "svg", "", "draw the utilisation into this file")
	f.BoolVarP(&s.quiet, "quiet", "q", false, "no progress on standard error")
	cmd.AddCommand(newSimulateRecord(a))
	must(cmd.RegisterFlagCompletionFunc("policy", cobra.FixedCompletions([]string{"spread", "pack"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func completeFirstFile(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}

func (a *app) simulate(cmd *cobra.Command, path string, s simulation) error {
	runs, err := s.runs()
	if err != nil {
		return err
	}
	if s.swf.CPUs < 0 || s.swf.MemoryMiB < 0 {
		return usage("--cpus and --memory are not negative")
	}
	read := func() (*simulate.Trace, error) { return simulate.Open(path, s.swf) }
	if path == "-" {
		read = func() (*simulate.Trace, error) { return simulate.Read("standard input", a.in, s.swf) }
	}
	trace, err := read()
	if err != nil {
		return err
	}
	site, err := s.pickSite(trace)
	if err != nil {
		return err
	}
	outcomes, err := a.play(cmd.Context(), trace, site, runs, s.quiet)
	if err != nil {
		return err
	}
	if s.svg != "" {
		if err := os.WriteFile(s.svg, simulate.SVG(trace.Name, outcomes), 0o644); err != nil {
			return fmt.Errorf("write the drawing: %w", err)
		}
	}
	result := simulate.Summarize(trace, outcomes)
	return a.print(result, func(w io.Writer) { showSimulation(w, result) })
}

// inFiles makes what is wrong with the trace or the site the caller's: no
// server has refused anything.
func inFiles(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return &usageError{title: f.Title, details: f.Details}
	}
	return err
}

// runs are the columns.
func (s simulation) runs() ([]simulate.Run, error) {
	policies, failures := s.policies, s.failures
	if len(policies) == 0 {
		policies = []string{string(calendar.Spread)}
	}
	if len(failures) == 0 {
		failures = []string{"0"}
	}
	var runs []simulate.Run
	for _, p := range policies {
		if p != string(calendar.Spread) && p != string(calendar.Pack) {
			return nil, usage("--policy %q is neither %s nor %s", p, calendar.Spread, calendar.Pack)
		}
		for _, f := range failures {
			seed, err := strconv.ParseUint(f, 10, 64)
			if err != nil || seed == 0 && len(s.failures) > 0 {
				return nil, usage("--failures %q is no seed: give a whole number from 1", f)
			}
			runs = append(runs, simulate.Run{Policy: calendar.Policy(p), Seed: s.seed, Failures: seed})
		}
	}
	return runs, nil
}

// pickSite takes the site that was given, else the trace's own, and what the
// flags say goes wrong there.
func (s simulation) pickSite(t *simulate.Trace) (*simulate.Site, error) {
	site := t.Site
	if s.site != "" {
		var err error
		if site, err = simulate.OpenSite(s.site); err != nil {
			return nil, err
		}
	}
	if site == nil {
		return nil, usage("the trace does not say on which site: describe it with --site")
	}
	given := s.wrong
	if given != (simulate.Failures{}) && len(s.failures) == 0 {
		return nil, usage("what goes wrong is drawn with --failures SEED: give at least one")
	}
	if err := site.Failures.Override(given); err != nil {
		return nil, err
	}
	if len(s.failures) > 0 && site.Failures == (simulate.Failures{}) {
		return nil, fault.New(fault.Invalid, "nothing goes wrong", fault.Detail{
			Field:   "--failures",
			Message: "neither the site nor a flag says what: give --mtbf and --mttr, --boot-failures or --slow",
		})
	}
	return site, nil
}

// play plays all runs, as many at the same time as there are CPUs.
func (a *app) play(ctx context.Context, t *simulate.Trace, site *simulate.Site, runs []simulate.Run, quiet bool) ([]*simulate.Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	outcomes, errs := make([]*simulate.Outcome, len(runs)), make([]error, len(runs))
	done := make([]atomic.Int64, len(runs))
	var work, told sync.WaitGroup
	if !quiet {
		told.Go(func() { a.tellProgress(ctx, done, len(t.Entries)) })
	}
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, r := range runs {
		free <- struct{}{}
		work.Go(func() {
			defer func() { <-free }()
			outcomes[i], errs[i] = simulate.Play(ctx, t, site, r, func(n int) { done[i].Store(int64(n)) })
		})
	}
	work.Wait()
	cancel()
	told.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", runs[i], err)
		}
	}
	return outcomes, nil
}

// tellProgress says every two seconds how far the runs are.
func (a *app) tellProgress(ctx context.Context, done []atomic.Int64, entries int) {
	every := time.NewTicker(2 * time.Second)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		var sum int64
		for i := range done {
			sum += done[i].Load()
		}
		fmt.Fprintf(a.err, "%d of %d entries in %d runs played\n", sum, int64(entries)*int64(len(done)), len(done))
	}
}

func showSimulation(w io.Writer, r simulate.Report) {
	for _, why := range slices.Sorted(maps.Keys(r.LeftOut)) {
		fmt.Fprintf(w, "left out %d jobs: %s\n", r.LeftOut[why], why)
	}
	head := []string{""}
	for _, s := range r.Runs {
		title := s.Policy
		if s.Failures != 0 {
			title += fmt.Sprintf(" failures %d", s.Failures)
		}
		head = append(head, title)
	}
	printTable(w, head, r.Rows())
	fmt.Fprintln(w, "booked is from start to end, held also while prepared and wiped; in brackets of the pnodes without an uplink")
}
