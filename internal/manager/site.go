package manager

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/estimate"
	"quarry/internal/fault"
	"quarry/internal/store"
)

// SiteSettings are what the provider decides about the site while it runs.
type SiteSettings struct {
	// Overcommit is how much of each resource pnodes give away, in per cent of
	// what they have.
	Overcommit calendar.Overcommit `json:"overcommit"`
	// Estimates is how sure to be of how long preparing and wiping take.
	Estimates estimate.Policy `json:"estimates"`
	// Version grows with every change; it is the ETag. 0 before the first.
	Version int64 `json:"version"`
}

// SiteInfo is the site as its provider sees it.
type SiteInfo struct {
	Site
	SiteSettings
	// Pnodes is how many there are, Offers what those that can be used have
	// together, after overcommitment.
	Pnodes int           `json:"pnodes"`
	Offers calendar.Size `json:"offers"`
	// Time is the site's time, on which most of its clocks agree, and
	// ClockAheadSeconds how far the manager's own clock is ahead of it, to the
	// second.
	Time              time.Time `json:"time"`
	ClockAheadSeconds float64   `json:"clockAheadSeconds,omitempty"`
}

// SiteChange changes what it names and leaves the rest.
type SiteChange struct {
	Overcommit *calendar.Overcommit `json:"overcommit,omitempty" doc:"all ratios, in per cent; 0 is 100"`
	Estimates  *estimate.Policy     `json:"estimates,omitempty" doc:"all of it; times are nanoseconds"`
}

// check lists everything wrong with a change.
func (c SiteChange) check() error {
	var wrong []fault.Detail
	var errs []error
	if c.Overcommit != nil {
		errs = append(errs, c.Overcommit.Check())
	}
	if c.Estimates != nil {
		errs = append(errs, c.Estimates.Validate())
	}
	for _, err := range errs {
		details, err := detailsOf(err)
		if err != nil {
			return err
		}
		wrong = append(wrong, details...)
	}
	if len(wrong) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "the site cannot be set like this", wrong...)
}

// apply returns settings with the change made.
func (c SiteChange) apply(s SiteSettings) SiteSettings {
	if c.Overcommit != nil {
		s.Overcommit = *c.Overcommit
	}
	if c.Estimates != nil {
		s.Estimates = *c.Estimates
	}
	return s
}

// Site tells what the site is like.
func (m *Manager) Site(ctx context.Context, p Principal) (info SiteInfo, err error) {
	if err := provider(p); err != nil {
		return SiteInfo{}, err
	}
	info = SiteInfo{Site: m.site, SiteSettings: m.siteSettings(), Time: m.Now().UTC(), ClockAheadSeconds: m.clock.Ahead().Round(time.Second).Seconds()}
	err = m.Store.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Pnodes()
		for _, row := range rows {
			info.Pnodes++
			if p := m.calendarPnode(row); !p.Drained && !p.Lost {
				info.Offers = info.Offers.Plus(p.Overcommit.Of(p.Capacity))
			}
		}
		return err
	})
	return info, err
}

// SetSite changes the site's settings. Bookings that do not fit any more are
// planned anew, and their clusters told. ifMatch is the version the caller
// saw, 0 for any.
func (m *Manager) SetSite(ctx context.Context, p Principal, change SiteChange, ifMatch int64) (SiteInfo, error) {
	if err := provider(p); err != nil {
		return SiteInfo{}, err
	}
	if err := change.check(); err != nil {
		return SiteInfo{}, err
	}
	err := m.Store.Update(ctx, func(tx *store.Tx) error {
		was, err := readSiteSettings(tx)
		if err != nil {
			return err
		}
		if ifMatch != 0 && ifMatch != was.Version {
			return fault.New(fault.Precondition, "the site changed", fault.Detail{Field: "If-Match", Message: fmt.Sprintf(
				"you saw version %d of the site's settings, it is %d now: read them again", ifMatch, was.Version)})
		}
		next := change.apply(was)
		if next == was {
			return nil
		}
		next.Version++
		doc, err := json.Marshal(next)
		if err != nil {
			return fmt.Errorf("encode the site's settings: %w", err)
		}
		return tx.PutSetting(settingGive, doc)
	})
	if err != nil {
		return SiteInfo{}, err
	}
	if err := m.learnSite(ctx); err != nil {
		return SiteInfo{}, err
	}
	m.Log.InfoContext(ctx, "site settings changed", "overcommit", m.siteSettings().Overcommit, "estimates", m.siteSettings().Estimates)
	m.poke()
	return m.Site(ctx, p)
}

// learnSite reads the settings and lets the calendar know, so that the next
// booking is decided by them.
func (m *Manager) learnSite(ctx context.Context) error {
	var in survey
	err := m.Store.View(ctx, func(tx *store.Tx) error {
		settings, err := readSiteSettings(tx)
		if err != nil {
			return err
		}
		m.mu.Lock()
		m.settings = settings
		m.mu.Unlock()
		m.estimates.SetPolicy(settings.Estimates)
		in, err = m.survey(tx, m.Now().UTC())
		return err
	})
	if err != nil {
		return err
	}
	return m.ledger.SetPnodes(in.pnodes)
}

func (m *Manager) siteSettings() SiteSettings {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settings
}

// readSiteSettings reads what was set; nothing set is no overcommitment and
// the default policy of estimates.
func readSiteSettings(tx *store.Tx) (s SiteSettings, err error) {
	s.Estimates = estimate.DefaultPolicy
	raw, err := tx.Setting(settingGive)
	if fault.KindOf(err) == fault.NotFound {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("read the site's settings: %w", err)
	}
	return s, nil
}
