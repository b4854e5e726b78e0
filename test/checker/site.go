package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// window is [From, To) in which a pnode holds nothing.
type window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// ratios are how much of what it has a pnode gives away, in per cent; 0 is as
// usual.
type ratios struct {
	CPUs   int64 `json:"cpus"`
	Memory int64 `json:"memory"`
	Disk   int64 `json:"disk"`
}

// room is what a pnode gives away: its own ratio counts before the site's.
func room(has amount, site, own ratios) amount {
	usual := [3]int64{site.CPUs, site.Memory, site.Disk}
	for i, percent := range [3]int64{own.CPUs, own.Memory, own.Disk} {
		if percent == 0 {
			percent = usual[i]
		}
		if percent != 0 {
			has[i] = has[i] * percent / 100
		}
	}
	return has
}

func (b *backup) readSite(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, "SELECT value FROM settings WHERE key = 'give'", func(rows *sql.Rows) error {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			return err
		}
		var settings struct {
			Overcommit ratios `json:"overcommit"`
		}
		if err := json.Unmarshal(raw, &settings); err != nil {
			return fmt.Errorf("settings of the site: %w", err)
		}
		b.site = settings.Overcommit
		return nil
	})
}

func (b *backup) readPnodes(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, "SELECT name, facts, settings FROM pnodes", func(rows *sql.Rows) error {
		var name, rawFacts, rawSettings string
		if err := rows.Scan(&name, &rawFacts, &rawSettings); err != nil {
			return err
		}
		var facts struct {
			CPUs      int64 `json:"cpus"`
			MemoryMiB int64 `json:"memoryMiB"`
			DiskMiB   int64 `json:"diskMiB"`
			Uplink    bool  `json:"uplink"`
		}
		var settings struct {
			Maintenance []window `json:"maintenance"`
			Overcommit  ratios   `json:"overcommit"`
		}
		if err := json.Unmarshal([]byte(rawFacts), &facts); err != nil {
			return fmt.Errorf("facts of pnode %s: %w", name, err)
		}
		if err := json.Unmarshal([]byte(rawSettings), &settings); err != nil {
			return fmt.Errorf("settings of pnode %s: %w", name, err)
		}
		b.pnodes[name] = pnode{
			room(amount{facts.CPUs, facts.MemoryMiB, facts.DiskMiB}, b.site, settings.Overcommit), facts.Uplink, settings.Maintenance,
		}
		return nil
	})
}

// checkMaintenance finds what a pnode is to carry while it is in maintenance.
func (c *claims) checkMaintenance(pnodes map[string]pnode) (wrong []string) {
	for _, name := range sorted(c.pnodes) {
		for _, w := range pnodes[name].maintenance {
			for _, h := range c.pnodes[name] {
				if h.from < w.To.Unix() && w.From.Unix() < h.to && !h.knows(name) {
					wrong = append(wrong, fmt.Sprintf("closed: pnode %q is in maintenance from %s to %s and is held by %s from %s to %s (%s)",
						name, when(w.From.Unix()), when(w.To.Unix()), h.by, when(h.from), when(h.to), c.source))
				}
			}
		}
	}
	return wrong
}

// knows reports whether a cluster says by itself that a pnode cannot keep it, or
// that there is no room elsewhere for that vnode. That is no fault: the provider
// closed the pnode, or lowered what it gives, when there was no other room. (A
// hold does not say so.)
func (h claim) knows(pnode string) bool {
	for _, p := range h.plights {
		if strings.Contains(p, "pnode "+pnode+" ") || strings.Contains(p+",", " "+h.vnode+",") {
			return true
		}
	}
	return false
}
