package cli

import (
	"testing"
	"time"

	"quarry/internal/cluster"
)

func TestGoal(t *testing.T) {
	at := noon
	const (
		waits = iota
		done
		never
	)
	for _, c := range []struct {
		name                 string
		c                    cluster.Cluster
		ready, active, ended int
	}{
		{"booked", cluster.Cluster{State: cluster.Booked}, waits, waits, waits},
		{"preparing", cluster.Cluster{State: cluster.Preparing}, waits, waits, waits},
		{"ready", cluster.Cluster{State: cluster.Ready, ReadyAt: &at}, done, waits, waits},
		{"active", cluster.Cluster{State: cluster.Active, ReadyAt: &at, ActiveAt: &at}, done, done, waits},
		{"ending", cluster.Cluster{State: cluster.Ending, ReadyAt: &at, ActiveAt: &at}, done, done, waits},
		{"ended", cluster.Cluster{State: cluster.Ended, ReadyAt: &at, ActiveAt: &at, EndedAt: &at}, done, done, done},
		{"ended, never ready", cluster.Cluster{State: cluster.Ended, EndedAt: &at}, never, never, done},
		{"failed", cluster.Cluster{State: cluster.Failed}, never, never, waits},
		{"failed after it was ready", cluster.Cluster{State: cluster.Failed, ReadyAt: &at}, never, never, waits},
		{"failed and wiped", cluster.Cluster{State: cluster.Failed, EndedAt: &at}, never, never, done},
		{"cancelled", cluster.Cluster{State: cluster.Cancelled}, never, never, waits},
		{"cancelled and wiped", cluster.Cluster{State: cluster.Cancelled, EndedAt: &at}, never, never, done},
	} {
		for g, want := range map[goal]int{goalReady: c.ready, goalActive: c.active, goalEnded: c.ended} {
			ok, err := g.reached(c.c)
			got := waits
			if ok {
				got = done
			}
			if err != nil {
				got = never
			}
			if got != want {
				t.Errorf("%s, for %s: %d, want %d", c.name, g, got, want)
			}
		}
	}
}

func TestSlack(t *testing.T) {
	at := noon
	for _, c := range []struct {
		c    cluster.Cluster
		want string
	}{
		{cluster.Cluster{State: cluster.Active, ReadyAt: &at, SlackSeconds: 130}, "ready 2m10s before its start"},
		{cluster.Cluster{State: cluster.Active, ReadyAt: &at, SlackSeconds: -5}, "ready 5s after its start"},
		{cluster.Cluster{State: cluster.Preparing, SlackSeconds: 60}, "1m to spare, by the estimate"},
		{cluster.Cluster{State: cluster.Preparing, SlackSeconds: -60}, "1m late, by the estimate"},
		{cluster.Cluster{State: cluster.Failed}, "it was never ready"},
	} {
		if got := slack(c.c); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", time.Minute: "1m", 10 * time.Minute: "10m", 61 * time.Second: "1m1s",
		time.Hour: "1h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s", 20 * time.Hour: "20h",
	} {
		if got := short(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
