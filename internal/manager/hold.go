package manager

import (
	"context"
	"fmt"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// maxHold bounds how long room may be kept without a word.
const maxHold = 7 * 24 * time.Hour

// HoldCluster books a cluster that is given up by itself unless ConfirmCluster
// follows within hold; until then nothing of it is prepared. It is for callers
// who have to book elsewhere, too, before they know that they want it.
func (m *Manager) HoldCluster(ctx context.Context, p Principal, spec cluster.Spec, hold time.Duration, dryRun bool) (cluster.Cluster, error) {
	if err := boundHold(hold); err != nil {
		return cluster.Cluster{}, err
	}
	return m.create(ctx, p, spec, hold.Round(time.Second), dryRun)
}

const heldTitle = "the cluster cannot be held"

func boundHold(hold time.Duration) error {
	if hold < time.Second || hold > maxHold {
		return fault.New(fault.Invalid, heldTitle, fault.Detail{Field: "hold", Message: fmt.Sprintf(
			"%s is not between 1s and %s", hold, maxHold)})
	}
	return nil
}

func checkHold(spec cluster.Spec, hold time.Duration) error {
	if hold > 0 && spec.StartMode == cluster.StartNow {
		return fault.New(fault.Invalid, heldTitle, fault.Detail{Field: "hold", Message: "a cluster that starts now cannot wait for a confirmation: give a later start, or book it at once"})
	}
	return nil
}

// held checks that a hold is over before the preparation begins.
func (b *booking) held(c *calendar.Calendar, plan calendar.Plan) error {
	until := b.now.Add(b.hold)
	if until.After(plan.From) {
		c.Remove(b.id)
		return fault.New(fault.Refused, heldTitle, fault.Detail{Field: "hold", Message: holdTooLong(until, plan.From, plan.Request.Start)})
	}
	b.c.State, b.c.HoldUntil = cluster.Held, &until
	return nil
}

func holdTooLong(until, prepareAt, start time.Time) string {
	return fmt.Sprintf("the hold lasts until %s, and for the start at %s preparation begins at %s: hold it for less, or start later",
		until.Format(time.RFC3339), start.UTC().Format(time.RFC3339), prepareAt.Format(time.RFC3339))
}

// windowText says when a cluster is, and what comes before.
func windowText(c cluster.Cluster) string {
	text := fmt.Sprintf("from %s to %s; preparation begins at %s",
		c.Start.Format(time.RFC3339), c.End.Format(time.RFC3339), c.PrepareAt.Format(time.RFC3339))
	if c.State == cluster.Held && c.HoldUntil != nil {
		text += fmt.Sprintf("; given up at %s unless it is confirmed", c.HoldUntil.Format(time.RFC3339))
	}
	if c.Estimate.PrepareWhy != "" {
		text += fmt.Sprintf("; preparing is expected to take %s: %s", c.Estimate.Prepare(), c.Estimate.PrepareWhy)
	}
	return text
}

// expiry says when a cluster's hold was over.
func expiry(c cluster.Cluster) string {
	if c.HoldUntil == nil {
		return ""
	}
	return ", held until " + c.HoldUntil.Format(time.RFC3339)
}
