package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"quarry/internal/api"
	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// goal is what somebody waits for.
type goal string

const (
	goalReady  goal = "ready"
	goalActive goal = "active"
	goalEnded  goal = "ended"
)

// reached says whether c is where g wants it, or an error when it will never
// get there.
func (g goal) reached(c cluster.Cluster) (bool, error) {
	over := isOver(c)
	if g == goalEnded {
		return over, nil
	}
	got := c.ReadyAt
	if g == goalActive {
		got = c.ActiveAt
	}
	if got != nil && c.State != cluster.Failed {
		return true, nil
	}
	if over || c.State == cluster.Failed || c.State == cluster.Ending || c.State == cluster.Cancelled {
		return false, errors.New(hopeless(c, g))
	}
	return false, nil
}

// isOver says whether nothing is left of a cluster.
func isOver(c cluster.Cluster) bool {
	if c.State == cluster.Ended {
		return true
	}
	return c.EndedAt != nil && (c.State == cluster.Failed || c.State == cluster.Cancelled)
}

// hopeless says that a cluster will not get to g, with every reason there is.
func hopeless(c cluster.Cluster, g goal) string {
	var why []string
	for _, n := range c.Nodes {
		if n.State == cluster.NodeFailed || n.State == cluster.NodeLost {
			why = append(why, fmt.Sprintf("%s: %s", n.Name, dash(n.Message)))
		}
	}
	for _, o := range c.Conditions {
		if o.Status == "False" && o.Message != "" {
			why = append(why, fmt.Sprintf("%s: %s", o.Type, o.Message))
		}
	}
	text := fmt.Sprintf("%s is %s and will not be %s", c.Name, c.State, g)
	if len(why) > 0 {
		text += "\n" + indent(strings.Join(why, "\n"), "  ")
	}
	return text
}

// poll asks for a cluster again and again. A manager that does not answer for
// a while, because it restarts, is asked again.
type poll struct {
	client *api.Client
	name   string
	every  time.Duration
	each   func(cluster.Cluster) // called with every answer
	silent func(error)           // called when the manager begins not to answer
}

// until returns the cluster once it reached g, with an error once it cannot
// or ctx is over.
func (p poll) until(ctx context.Context, g goal) (cluster.Cluster, error) {
	var last cluster.Cluster
	lost := false
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for {
		c, err := p.client.Cluster(ctx, p.name)
		if err != nil && !passing(err) {
			return last, err
		}
		if err != nil && ctx.Err() == nil && !lost {
			p.silent(err)
		}
		lost = err != nil
		if err == nil {
			last = c
			if p.each != nil {
				p.each(c)
			}
			if done, err := g.reached(c); done || err != nil {
				return c, err
			}
		}
		select {
		case <-ctx.Done():
			return last, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// poller asks the manager about a cluster every second.
func (a *app) poller(client *api.Client, name string) poll {
	return poll{client: client, name: name, every: time.Second, silent: func(err error) {
		fmt.Fprintf(a.err, "quarry: the manager does not answer, asking on: %v\n", err)
	}}
}

// passing says whether asking again may help.
func passing(err error) bool {
	kind := fault.KindOf(err)
	return kind == "" || kind == fault.Unavailable
}
