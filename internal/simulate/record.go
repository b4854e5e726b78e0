package simulate

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"quarry/internal/manager"
	"quarry/internal/quota"
)

// Source is a live site, as its provider sees it.
type Source interface {
	Site(ctx context.Context) (manager.SiteInfo, error)
	Pnodes(ctx context.Context) ([]manager.PnodeInfo, error)
	DefaultLimits(ctx context.Context) (quota.Limits, error)
	Tenants(ctx context.Context) ([]manager.TenantInfo, error)
	TenantLimits(ctx context.Context, tenant string) (manager.TenantLimits, error)
	Record(ctx context.Context, from, to time.Time, after string) (manager.Record, error)
}

// Recording is what a live site's bookings were written down as.
type Recording struct {
	Trace *Trace
	// Notes say what of the site is not in it.
	Notes []string
}

// RecordFrom writes a live site's bookings down: those that were made before to
// (zero for now) and not over at from.
func RecordFrom(ctx context.Context, src Source, from, to time.Time) (Recording, error) {
	info, err := src.Site(ctx)
	if err != nil {
		return Recording{}, err
	}
	pnodes, err := src.Pnodes(ctx)
	if err != nil {
		return Recording{}, err
	}
	var all []manager.Recorded
	for after, first := "", true; first || after != ""; first = false {
		page, err := src.Record(ctx, from, to, after)
		if err != nil {
			return Recording{}, err
		}
		all, after = append(all, page.Clusters...), page.Next
	}
	r := Recording{Trace: &Trace{Name: "record", Entries: entriesOf(all)}}
	r.Trace.Site, r.Notes = siteOf(info, pnodes, all)
	return r, r.Trace.Site.readLimits(ctx, src)
}

// readLimits takes over what tenants may hold now.
func (s *Site) readLimits(ctx context.Context, src Source) (err error) {
	if s.Limits, err = src.DefaultLimits(ctx); err != nil {
		return err
	}
	tenants, err := src.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		l, err := src.TenantLimits(ctx, t.Name)
		if err != nil {
			return err
		}
		if l.Set == (quota.Limits{}) {
			continue
		}
		if s.Tenants == nil {
			s.Tenants = map[string]quota.Limits{}
		}
		s.Tenants[t.Name] = l.Set
	}
	return nil
}

// placed is an entry with where it comes in the order of the site's events.
type placed struct {
	seq int64
	Entry
}

// entriesOf puts what was asked, and what pnodes did, in the order in which the
// manager decided it.
func entriesOf(all []manager.Recorded) []Entry {
	var list []placed
	var signs []manager.Sign
	for _, r := range all {
		list = append(list, placed{r.Seq, bookOf(r)})
		for _, a := range r.Asked {
			e := Entry{At: a.At, Do: Do(a.Operation), Tenant: r.Tenant, Cluster: r.Spec.Name, End: a.End, Appliance: a.Appliance, Count: a.Count, Nodes: a.Nodes}
			if a.Operation == manager.Move {
				e.Start = a.Start
			}
			list = append(list, placed{a.Seq, e})
		}
		signs = append(signs, r.Signs...)
	}
	slices.SortFunc(list, func(a, b placed) int { return cmp.Compare(a.seq, b.seq) })
	var entries []Entry
	for _, p := range list {
		if n := len(entries); n > 0 && p.At.Before(entries[n-1].At) {
			p.At = entries[n-1].At // bookings are stamped with whole seconds
		}
		entries = append(entries, p.Entry)
	}
	t := Trace{Entries: append(entries, silences(signs)...)}
	t.sort()
	return t.Entries
}

func bookOf(r manager.Recorded) Entry {
	e := Entry{At: r.At, Do: Book, Tenant: r.Tenant, Hold: Duration(r.Hold), Made: r.Made}
	spec := r.Spec
	e.For, spec.Duration = Duration(spec.Duration), 0
	e.Spec = &spec
	took := Took{Build: inMillis(r.BuildSeconds), Prepare: inMillis(r.PrepareSeconds), Wipe: inMillis(r.WipeSeconds)}
	if took != (Took{}) {
		e.Took = &took
	}
	return e
}

func inMillis(s float64) Duration {
	return Duration(time.Duration(math.Round(s*1000)) * time.Millisecond)
}

// silences are when pnodes fell silent and were heard again, as far as the
// events of clusters tell.
func silences(signs []manager.Sign) []Entry {
	slices.SortFunc(signs, func(a, b manager.Sign) int { return cmp.Compare(a.Seq, b.Seq) })
	var entries []Entry
	silent := map[string]bool{}
	for _, s := range signs {
		if s.Silent == silent[s.Pnode] {
			continue
		}
		silent[s.Pnode] = s.Silent
		e := Entry{At: s.At, Do: Recover, Pnode: s.Pnode}
		if s.Silent {
			e.At, e.Do = s.At.Add(-manager.LostAfter-time.Second), Lose
		}
		entries = append(entries, e)
	}
	return entries
}

// siteOf describes the site as it is now, and says what it cannot.
func siteOf(info manager.SiteInfo, pnodes []manager.PnodeInfo, all []manager.Recorded) (*Site, []string) {
	s := &Site{
		Version: Version, VLANs: fmt.Sprintf("%d-%d", info.VLANFirst, info.VLANLast), Addresses: info.OutsideFirst + "-" + info.OutsideLast,
		Overcommit: info.Overcommit,
	}
	left := map[string]int{}
	for _, p := range pnodes {
		f := p.Facts
		if f.CPUs < 1 || f.MemoryMiB < 1 || f.DiskMiB < 1 || f.Accelerator == "" {
			left["pnodes that cannot hold anything, or have not reported"]++
			continue
		}
		s.Pnodes = append(s.Pnodes, Pnodes{
			Name: p.Name, Count: 1, CPUs: f.CPUs, MemoryMiB: f.MemoryMiB, DiskMiB: f.DiskMiB, Uplink: f.Uplink,
			Rack: p.Settings.Rack, Arch: f.Arch, Accelerator: f.Accelerator, Tags: p.Settings.Tags,
			Maintenance: p.Settings.Maintenance, Overcommit: p.Settings.Overcommit,
		})
	}
	failed := 0
	var build, prepare, wipe []float64
	old := 0
	for _, r := range all {
		if r.Old {
			old++
		}
		build, prepare, wipe = measured(build, r.BuildSeconds), measured(prepare, r.PrepareSeconds), measured(wipe, r.WipeSeconds)
		for _, a := range r.Asked {
			if a.Failed {
				failed++
			}
		}
	}
	s.Build, s.Prepare, s.Wipe = timesOf(build), timesOf(prepare), timesOf(wipe)
	notes := []string{"requests that were refused, drained pnodes and what was measured before are not in it: a site does not keep them, or not when they were"}
	if old > 0 {
		notes = append(notes, fmt.Sprintf("clusters that an older release booked are in it as they came to be, without holds and changes, since its events do not tell these: %d", old))
	}
	if failed > 0 {
		notes = append(notes, fmt.Sprintf("clusters that failed are cancelled at that instant: %d", failed))
	}
	for _, what := range slices.Sorted(maps.Keys(left)) {
		notes = append(notes, fmt.Sprintf("%s: %d", what, left[what]))
	}
	return s, notes
}

func measured(list []float64, s float64) []float64 {
	if s <= 0 {
		return list
	}
	return append(list, s)
}

// timesOf describes measured seconds: their median, and the spread that two
// thirds of a log-normal time lie in.
func timesOf(list []float64) Times {
	if len(list) == 0 {
		return Times{}
	}
	slices.Sort(list)
	at := func(share float64) float64 { return list[int(share*float64(len(list)-1))] }
	median := at(0.5)
	spread := math.Sqrt(at(5.0/6) / at(1.0/6))
	return Times{Median: inMillis(median), Spread: math.Round(max(1, min(100, spread))*100) / 100, Least: inMillis(list[0]), Most: inMillis(list[len(list)-1])}
}

// Write writes the trace as lines of JSON, its site in the first one.
func (t *Trace) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	first := struct {
		Version int   `json:"version"`
		Site    *Site `json:"site,omitempty"`
	}{Version, t.Site}
	if err := enc.Encode(first); err != nil {
		return fmt.Errorf("encode the trace: %w", err)
	}
	for i, e := range t.Entries {
		if err := enc.Encode(e); err != nil {
			return fmt.Errorf("encode entry %d of the trace: %w", i+1, err)
		}
	}
	return out.Flush()
}

// YAML is the site as OpenSite reads it.
func (s *Site) YAML() ([]byte, error) {
	raw, err := yaml.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the site: %w", err)
	}
	return raw, nil
}
