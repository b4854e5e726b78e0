package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
)

// limits are what a tenant may hold: 0 is as the site's defaults say, -1 (and 0
// in these) is no limit.
type limits struct {
	CPUs      int64 `json:"maxCPUs"`
	MemoryMiB int64 `json:"maxMemoryMiB"`
	Addresses int64 `json:"maxAddresses"`
	NodeHours int64 `json:"maxNodeHours"`
	Period    int64 `json:"nodeHoursSeconds"`
}

// monday is where periods are counted from: 1970-01-05 00:00 UTC.
const monday = 4 * 24 * 3600

func (b *backup) readLimits(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, "SELECT tenant, doc FROM limits", func(rows *sql.Rows) error {
		var tenant, raw string
		if err := rows.Scan(&tenant, &raw); err != nil {
			return err
		}
		var l limits
		if err := json.Unmarshal([]byte(raw), &l); err != nil {
			return fmt.Errorf("limits of tenant %q: %w", tenant, err)
		}
		b.limits[tenant] = l
		return nil
	})
}

// limitsOf are those that hold for a tenant; 0 is none.
func (b *backup) limitsOf(tenant string) limits {
	own, usual := b.limits[tenant], b.limits[""]
	if own.NodeHours == 0 {
		own.Period = usual.Period
	}
	pick := func(own, usual int64) int64 {
		if own == 0 {
			own = usual
		}
		return max(own, 0)
	}
	return limits{
		pick(own.CPUs, usual.CPUs), pick(own.MemoryMiB, usual.MemoryMiB), pick(own.Addresses, usual.Addresses),
		pick(own.NodeHours, usual.NodeHours), own.Period,
	}
}

// checkLimits finds tenants that hold more than they may now. It takes for
// granted that no limit was lowered since they booked, and that none of theirs
// was set anew: a store keeps the limits as they are, not as they were.
func (b *backup) checkLimits() (wrong []string) {
	all := map[string][]cluster{}
	for _, id := range sorted(b.clusters) {
		all[b.clusters[id].tenant] = append(all[b.clusters[id].tenant], b.clusters[id])
	}
	for _, tenant := range sorted(all) {
		l := b.limitsOf(tenant)
		wrong = append(wrong, l.checkSeconds(tenant, all[tenant])...)
	}
	for _, c := range b.past { // counts for node-hours still
		all[c.tenant] = append(all[c.tenant], c)
	}
	for _, tenant := range sorted(all) {
		l := b.limitsOf(tenant)
		wrong = append(wrong, l.checkPeriods(tenant, all[tenant])...)
	}
	return wrong
}

// checkSeconds adds up what a tenant holds when each of its windows begins.
func (l limits) checkSeconds(tenant string, list []cluster) (wrong []string) {
	for _, at := range list {
		var sum [3]int64
		for _, c := range list {
			if c.start > at.start || at.start >= c.end {
				continue
			}
			sum[2]++ // each cluster has one outside address
			for _, v := range c.vnodes {
				sum[0] += v.size[0]
				sum[1] += v.size[1]
			}
		}
		for i, most := range [3]int64{l.CPUs, l.MemoryMiB, l.Addresses} {
			if most > 0 && sum[i] > most {
				wrong = append(wrong, fmt.Sprintf("beyond: at %s tenant %s holds %d %s and may hold %d",
					when(at.start), tenant, sum[i], [3]string{"CPUs", "MiB of memory", "outside addresses"}[i], most))
			}
		}
	}
	return wrong
}

// checkPeriods adds up the seconds of vnodes within each period.
func (l limits) checkPeriods(tenant string, list []cluster) (wrong []string) {
	if l.NodeHours == 0 || l.Period == 0 {
		return nil
	}
	spent := map[int64]int64{}
	for _, c := range list {
		if c.bestEffort {
			continue
		}
		for at := c.start; at < c.end; {
			n := (at - monday) / l.Period
			if at < monday+n*l.Period { // before that Monday
				n--
			}
			next := min(c.end, monday+(n+1)*l.Period)
			spent[n] += (next - at) * int64(len(c.vnodes))
			at = next
		}
	}
	for n, seconds := range spent {
		if seconds > l.NodeHours*3600 {
			wrong = append(wrong, fmt.Sprintf("beyond: tenant %s spends %.1f node-hours in the period from %s and may spend %d",
				tenant, float64(seconds)/3600, when(monday+n*l.Period), l.NodeHours))
		}
	}
	return wrong
}
