package bench

import (
	"fmt"
	"time"

	"quarry/internal/calendar"
)

// earliest asks for the first start of a thousand nodes for ten hours, from
// anywhere in the time that is booked.
func (b Calendar) earliest(d *desk, held int) (float64, error) {
	w := b.workload("ask", 2, held, d.now)
	var times []time.Duration
	for range b.Questions {
		req := w.request(min(bigNodes, b.Pnodes), bigLength)
		var ok bool
		var err error
		began := time.Now()
		d.ledger.Ask(func(c *calendar.Calendar) { _, ok, err = c.Earliest(req, req.Start, d.now.Add(horizon)) })
		times = append(times, time.Since(began))
		if err != nil || !ok {
			return 0, fmt.Errorf("no start for %d nodes within %s: %w", bigNodes, horizon, err)
		}
	}
	return p99(times), nil
}

// refuse asks for more than there is room for, and wants to know why and what
// could be instead.
func (b Calendar) refuse(d *desk, held int) (float64, error) {
	w := b.workload("refused", 3, held, d.now)
	var times []time.Duration
	for tries := 0; len(times) < b.Questions; tries++ {
		// Ever more, so that an empty site refuses too, in the end.
		nodes := bigNodes + w.chance.IntN(bigNodes) + b.Pnodes*tries/b.Questions
		req := w.request(nodes, bigLength)
		var refusal *calendar.Refusal
		began := time.Now()
		d.ledger.Ask(func(c *calendar.Calendar) { refusal = c.Explain(req, d.now, d.now.Add(horizon)) })
		took := time.Since(began)
		if refusal == nil {
			continue
		}
		if len(refusal.Alternatives) < alternatives {
			return 0, fmt.Errorf("%d nodes at %s are refused with %d alternatives only: %w", nodes, req.Start, len(refusal.Alternatives), refusal)
		}
		times = append(times, took)
	}
	return p99(times), nil
}
