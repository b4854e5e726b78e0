package quota

import (
	"fmt"
	"strings"
	"time"

	"quarry/internal/calendar"
)

// Excess is one limit that a booking would exceed.
type Excess struct {
	// Limit is the flag that sets it: "max-cpus", "max-memory",
	// "max-addresses", "max-node-hours", "horizon", "longest" or "notice".
	Limit string `json:"limit"`
	// Allowed, Used and Asked are CPUs, MiB, addresses, node-hours or seconds.
	// Used is what the tenant holds beside this cluster.
	Allowed float64 `json:"allowed"`
	Used    float64 `json:"used,omitempty"`
	Asked   float64 `json:"asked"`
	// Fits is how much of what is asked for would be allowed.
	Fits float64 `json:"fits"`
	// At is when most is used, or when the period of the node-hours begins.
	At time.Time `json:"at,omitzero"`
	// By are the tenant's own clusters that use it then.
	By      []Part `json:"by,omitempty"`
	Message string `json:"message"`
}

// Part is what one of the tenant's clusters uses of a limit.
type Part struct {
	Name   string    `json:"name"`
	Amount float64   `json:"amount"`
	Until  time.Time `json:"until"`
}

// Refusal is a request that is more than its tenant may hold.
type Refusal struct {
	Request calendar.Request
	Over    []Excess
}

func (r *Refusal) Error() string {
	lines := make([]string, len(r.Over))
	for i, o := range r.Over {
		lines[i] = o.Message
	}
	return strings.Join(lines, "; ")
}

// mostParts bounds how many clusters an Excess names.
const mostParts = 5

// Check lists every limit that a booking would exceed; none when it is
// allowed. before is what the booking counted until now, nil for a new one:
// what a change does not add to is never held against it, so that giving back
// is always allowed. The Use is of the tenant's other bookings.
func (u *Use) Check(before *Claim, after Claim) []Excess {
	var over []Excess
	for r := range (amounts{}) {
		if e, bad := u.overAt(r, before, after); bad {
			over = append(over, e)
		}
	}
	if e, bad := u.overPeriod(before, after); bad {
		over = append(over, e)
	}
	return append(over, u.overTime(before, after)...)
}

// window is [from, to) in seconds.
type window struct{ from, to int64 }

// added are the parts of a booking's window in which it takes more of a
// resource than before. What is past is left out.
func (u *Use) added(resource int, before *Claim, after Claim) []window {
	from, to := max(after.from(), u.now.Unix()), after.to()
	if before == nil || after.amounts()[resource] > before.amounts()[resource] {
		return []window{{from, to}}
	}
	return []window{{from, min(to, before.from())}, {max(from, before.to()), to}}
}

var resources = [3]struct{ limit, unit string }{{"max-cpus", "CPUs"}, {"max-memory", "MiB of memory"}, {"max-addresses", "outside addresses"}}

func (u *Use) overAt(resource int, before *Claim, after Claim) (Excess, bool) {
	allowed, asked := u.limits.bound(resource), after.amounts()[resource]
	if allowed == 0 || asked == 0 {
		return Excess{}, false
	}
	var used, at int64 = -1, 0
	for _, w := range u.added(resource, before, after) {
		if w.from >= w.to {
			continue
		}
		if most, since := u.peak(resource, w.from, w.to); most > used {
			used, at = most, since
		}
	}
	if used < 0 || used+asked <= allowed {
		return Excess{}, false
	}
	e := Excess{
		Limit: resources[resource].limit, Allowed: float64(allowed), Used: float64(used), Asked: float64(asked),
		Fits: float64(max(0, allowed-used)), At: instant(at),
	}
	for _, c := range u.own {
		if amount := c.amounts()[resource]; amount > 0 && c.from() <= at && at < c.to() && len(e.By) < mostParts {
			e.By = append(e.By, Part{c.Name, float64(amount), c.End.UTC()})
		}
	}
	e.Message = fmt.Sprintf("%s %d: this asks for %d %s", e.Limit, allowed, asked, resources[resource].unit)
	if used > 0 {
		e.Message += fmt.Sprintf(" and you hold %d at %s (%s)", used, stamp(e.At), e.parts())
	}
	e.Message += fmt.Sprintf("; %.0f would fit", e.Fits)
	return e, true
}

// overPeriod is the period in which most node-hours too many would be spent.
func (u *Use) overPeriod(before *Claim, after Claim) (worst Excess, over bool) {
	l := u.limits
	if l.MaxNodeHours == 0 || after.BestEffort || after.from() >= after.to() {
		return Excess{}, false
	}
	allowed, most := l.MaxNodeHours*3600, int64(0)
	for n := l.period(after.from()); n <= l.period(after.to()-1); n++ {
		from, to := l.periodFrom(n), l.periodFrom(n+1)
		asked, used := after.nodeSeconds(from, to), u.spentIn(n)
		if before != nil && asked <= before.nodeSeconds(from, to) || used+asked-allowed <= most {
			continue
		}
		most, over = used+asked-allowed, true
		worst = Excess{
			Limit: "max-node-hours", Allowed: float64(l.MaxNodeHours), Used: hours(used), Asked: hours(asked),
			Fits: hours(max(0, allowed-used)), At: instant(from), By: u.spenders(from, to),
		}
	}
	if !over {
		return Excess{}, false
	}
	worst.Message = fmt.Sprintf("max-node-hours %d/%s: this asks for %.1f node-hours in the period from %s",
		l.MaxNodeHours, span(l.NodeHoursSeconds), worst.Asked, stamp(worst.At))
	if worst.Used > 0 {
		worst.Message += fmt.Sprintf(" and you have booked %.1f of them (%s)", worst.Used, worst.parts())
	}
	worst.Message += fmt.Sprintf("; %.1f would fit; the next period begins at %s", worst.Fits, stamp(worst.At.Add(span(l.NodeHoursSeconds))))
	return worst, true
}

func (u *Use) spenders(from, to int64) (parts []Part) {
	for _, list := range [][]Claim{u.own, u.past} {
		for _, c := range list {
			if n := c.nodeSeconds(from, to); n > 0 && len(parts) < mostParts {
				parts = append(parts, Part{c.Name, hours(n), c.End.UTC()})
			}
		}
	}
	return parts
}

// overTime are the limits on when and how long.
func (u *Use) overTime(before *Claim, after Claim) (over []Excess) {
	ahead := int64(after.Start.Sub(u.now).Seconds())
	length := after.to() - after.from()
	add := func(limit string, allowed, asked int64, message string) {
		over = append(over, Excess{Limit: limit, Allowed: float64(allowed), Asked: float64(asked), Fits: float64(allowed), Message: message})
	}
	if most := u.limits.HorizonSeconds; most > 0 && after.Start.After(u.now.Add(span(most))) && (before == nil || after.Start.After(before.Start)) {
		add("horizon", most, ahead, fmt.Sprintf("horizon %s: the start %s is later than %s, up to which you may book now",
			span(most), stamp(after.Start), stamp(u.now.Add(span(most)))))
	}
	if most := u.limits.LongestSeconds; most > 0 && length > most && (before == nil || length > before.to()-before.from()) {
		add("longest", most, length, fmt.Sprintf("longest %s: the window of %s is longer", span(most), span(length)))
	}
	least := u.limits.NoticeSeconds
	if least > 0 && !after.BestEffort && after.Start.Before(u.now.Add(span(least))) && (before == nil || after.Start.Before(before.Start)) {
		add("notice", least, ahead, fmt.Sprintf("notice %s: the start %s is sooner than %s, the first start you may book now",
			span(least), stamp(after.Start), stamp(u.now.Add(span(least)))))
	}
	return over
}

func (e Excess) parts() string {
	var list []string
	for _, p := range e.By {
		list = append(list, fmt.Sprintf("%s: %s until %s", p.Name, number(p.Amount), stamp(p.Until)))
	}
	return strings.Join(list, ", ")
}

func number(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }

func hours(seconds int64) float64 { return float64(seconds) / 3600 }

func instant(s int64) time.Time { return time.Unix(s, 0).UTC() }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
