package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"quarry/internal/vnode"
)

// Seen is what is known of one vnode at an instant.
type Seen struct {
	Stage    string
	Progress int
	Ready    bool
	Failed   bool
	Message  string
	// Lost is set while its pnode does not answer.
	Lost bool
	// IdleSince is since when nobody is logged in and nothing is done; nil
	// while somebody is, or it is not known.
	IdleSince *time.Time
	// Gone is set when its pnode said that nothing of it is left.
	Gone bool
}

// World is what is known of a cluster at an instant.
type World struct {
	Now time.Time
	// Unsure is set while Now may be wrong: nothing ends because of it then.
	Unsure bool
	Nodes  map[string]Seen // by vnode name; absent: nothing is known
	// Opened is when the gateway's pnode opened the outside leg.
	Opened *time.Time
	// Expected is when the estimate says the cluster will be ready.
	Expected time.Time
	// Why says what the estimate rests on.
	Why string
	// Risk says why the start may not be kept, "" for no reason.
	Risk string
	// Plight says what keeps the pnodes of a cluster that has begun from keeping
	// it, "" for nothing.
	Plight string
	// Fail says why the cluster can never become ready, "" while it may.
	Fail string
	// UnusedWarn is after how long without use a running cluster is warned, and
	// UnusedReclaim after how long its window is ended; 0 for never.
	UnusedWarn, UnusedReclaim time.Duration
	// GiveUp is set when waiting for lost pnodes to clean up is over.
	GiveUp bool
}

// Step compares a cluster with the world and returns what it is now, and what
// happened. It is idempotent: a second call with the same world changes
// nothing and tells of nothing. The caller sets Seq, and Version.
func Step(c Cluster, w World) (Cluster, []Event) {
	s := stepper{c: c, w: w}
	s.c.Nodes = slices.Clone(c.Nodes)
	s.c.Conditions = slices.Clone(c.Conditions)
	s.expire()
	s.begin()
	s.unused()
	s.stop()
	s.nodes()
	s.part()
	s.advance()
	s.conditions()
	return s.c, s.events
}

type stepper struct {
	c      Cluster
	w      World
	events []Event
}

func (s *stepper) tell(kind, node, format string, args ...any) {
	s.events = append(s.events, Event{
		Time: s.w.Now, Cluster: s.c.Name, Node: node, Type: kind, Message: fmt.Sprintf(format, args...),
	})
}

// detail says for programs what was told last.
func (s *stepper) detail(d EventDetail) { s.events[len(s.events)-1].Detail = &d }

func (s *stepper) nodes() {
	if s.c.State.waits() || s.c.EndedAt != nil {
		return
	}
	for i := range s.c.Nodes {
		n := &s.c.Nodes[i]
		seen, known := s.w.Nodes[n.Name]
		if !known {
			continue
		}
		before := *n
		out := s.c.State.over() || n.Leaving
		seen.Gone = seen.Gone && out
		if out && !seen.Gone && !seen.Lost {
			continue // on its way out, whatever it was doing before
		}
		n.State = nodeState(*n, seen)
		if seen.Gone {
			n.Stage, n.Progress, n.Message = "", 0, ""
		} else if !seen.Lost {
			n.Stage, n.Progress, n.Message = seen.Stage, seen.Progress, seen.Message
		}
		switch {
		case n.State == before.State && n.Stage == before.Stage:
		case n.State == NodeFailed:
			s.tell("node", n.Name, "failed: %s", n.Message)
		case n.State == NodeLost:
			s.tell("warning", n.Name, "pnode %s does not answer", n.Pnode)
			s.detail(EventDetail{Silent: n.Pnode})
		case n.State == NodeGone:
			s.tell("node", n.Name, "stopped and wiped on %s", n.Pnode)
		default:
			s.tell("node", n.Name, "%s on %s", n.Stage, n.Pnode)
			s.detail(EventDetail{Heard: n.Pnode})
		}
	}
}

func nodeState(n Node, seen Seen) NodeState {
	switch {
	case seen.Gone:
		return NodeGone
	case seen.Lost:
		return NodeLost
	case seen.Failed:
		return NodeFailed
	case seen.Ready:
		return NodeReady
	case seen.Stage == "":
		return n.State
	}
	return NodePreparing
}

// part lets vnodes go that are gone, and joining ones in that are up.
func (s *stepper) part() {
	if s.c.State.over() {
		return
	}
	s.c.Nodes = slices.DeleteFunc(s.c.Nodes, func(n Node) bool { return n.Leaving && n.State == NodeGone })
	for i := range s.c.Nodes {
		if n := &s.c.Nodes[i]; n.Joining && vnode.Up(n.Stage) && n.State != NodeFailed && n.State != NodeLost {
			n.Joining = false
			s.tell("node", n.Name, "joined: the other nodes know it now")
		}
	}
}

// expire gives up a hold that nobody confirmed.
func (s *stepper) expire() {
	c := &s.c
	if c.State != Held || c.HoldUntil == nil || !s.past(*c.HoldUntil) {
		return
	}
	at := s.w.Now
	c.State, c.End, c.EndedAt = Cancelled, at, &at
	s.tell("cancelled", "", "the hold was not confirmed by %s", c.HoldUntil.UTC().Format(time.RFC3339))
	s.detail(EventDetail{Operation: "expire"})
}

func (s *stepper) begin() {
	if s.c.State == Booked && !s.w.Now.Before(s.c.PrepareAt) {
		s.c.State = Preparing
		s.tell("preparing", "", "preparation begins %s", beforeOrAfter(s.c.Start.Sub(s.w.Now)))
	}
}

func (s *stepper) stop() {
	c := &s.c
	if c.State == Preparing && s.w.Fail != "" {
		c.State, c.End = Failed, s.w.Now
		s.tell("failed", "", "%s", s.w.Fail)
		s.detail(EventDetail{Operation: "fail"})
	}
	if (c.State == Preparing || c.State == Ready || c.State == Active) && s.past(c.End) {
		c.State = Ending
		s.tell("ending", "", "the window is over: closing the gateway, stopping and wiping vnodes")
	}
}

// past reports whether an instant is surely over.
func (s *stepper) past(at time.Time) bool { return !s.w.Unsure && !s.w.Now.Before(at) }

func (s *stepper) advance() {
	c, now := &s.c, s.w.Now
	if c.State == Preparing && s.all(NodeReady) {
		at := now
		c.State, c.ReadyAt = Ready, &at
		c.SlackSeconds = c.Start.Sub(now).Seconds()
		s.tell("ready", "", "every vnode is ready, %s", beforeOrAfter(c.Start.Sub(now)))
	}
	if c.State == Ready && s.w.Opened != nil {
		at := *s.w.Opened
		c.State, c.ActiveAt = Active, &at
		s.tell("active", "", "handed over: the gateway answers at %s", c.Gateway.OutsideAddress)
	}
	if c.State.over() && c.EndedAt == nil && (s.all(NodeGone) || s.w.GiveUp) {
		at := now
		c.EndedAt = &at
		if c.State == Ending {
			c.State = Ended
		}
		s.tell("ended", "", "stopped and wiped")
	}
}

func beforeOrAfter(d time.Duration) string {
	if d >= 0 {
		return d.Round(time.Second).String() + " before the start"
	}
	return (-d).Round(time.Second).String() + " after the start"
}

func (s *stepper) all(want NodeState) bool {
	return !slices.ContainsFunc(s.c.Nodes, func(n Node) bool {
		aside := want == NodeReady && n.Aside() // nobody waits for those
		return n.State != want && !aside
	})
}

func (s *stepper) conditions() {
	c := &s.c
	if c.State == Preparing || c.State == Ready || c.State == Active {
		if open := s.unready(); len(open) == 0 {
			s.set(ConditionReady, "True", "AllNodesReady", "every vnode reported in and passed its checks")
		} else {
			s.set(ConditionReady, "False", "NodesNotReady", "waiting for "+strings.Join(open, ", "))
		}
	}
	s.placed()
	switch {
	case c.EndedAt != nil:
		s.clean()
	case c.ReadyAt != nil && !c.ReadyAt.After(c.Start):
		s.set(ConditionOnTime, "True", "ReadyBeforeStart", "ready before its start")
	case c.ReadyAt != nil:
		s.set(ConditionOnTime, "False", "ReadyLate", fmt.Sprintf("ready %s", beforeOrAfter(c.Start.Sub(*c.ReadyAt))))
	case c.State == Preparing || c.State == Booked || c.State == Held:
		s.outlook()
	}
}

// placed says whether the pnodes can keep what they have of a cluster that has
// begun, once there was something to say about that.
func (s *stepper) placed() {
	c := &s.c
	said := slices.ContainsFunc(c.Conditions, func(c Condition) bool { return c.Type == ConditionPlaced })
	switch {
	case s.w.Plight != "" && (c.State == Preparing || c.State == Ready || c.State == Active):
		s.set(ConditionPlaced, "False", "PnodeChanged", s.w.Plight)
	case said:
		s.set(ConditionPlaced, "True", "PnodesFit", "its pnodes have what it needs")
	}
}

func (s *stepper) unready() []string {
	var names []string
	for _, n := range s.c.Nodes {
		if n.State != NodeReady && !n.Leaving {
			names = append(names, n.Name)
		}
	}
	return names
}

// outlook says before the start whether the start will be kept.
func (s *stepper) outlook() {
	c, w := &s.c, s.w
	for _, n := range c.Nodes {
		if (n.State == NodeFailed || n.State == NodeLost) && !n.Aside() {
			s.set(ConditionOnTime, "False", "NodeNotReady", fmt.Sprintf("%s is %s: %s", n.Name, n.State, lastLine(n.Message)))
			return
		}
	}
	switch {
	case w.Risk != "":
		s.set(ConditionOnTime, "False", "AtRisk", w.Risk)
	case !w.Now.Before(c.Start):
		s.set(ConditionOnTime, "False", "Late", "the start has passed and the cluster is not ready yet")
	case w.Expected.After(c.Start):
		s.set(ConditionOnTime, "False", "AtRisk",
			fmt.Sprintf("the estimate says ready at about %s, after the start%s",
				w.Expected.UTC().Truncate(time.Minute).Add(time.Minute).Format("15:04 MST"), because(w.Why)))
	default:
		s.set(ConditionOnTime, "True", "Expected", "expected to be ready before the start")
	}
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func (s *stepper) clean() {
	if s.all(NodeGone) {
		s.set(ConditionClean, "True", "Wiped", "every pnode says that nothing is left")
		return
	}
	s.set(ConditionClean, "Unknown", "PnodeLost", "a pnode did not answer; it wipes its part by itself, at the end or when it is back")
}

func (s *stepper) set(kind, status, reason, message string) {
	next := Condition{Type: kind, Status: status, Reason: reason, Message: message, Since: s.w.Now}
	i := slices.IndexFunc(s.c.Conditions, func(c Condition) bool { return c.Type == kind })
	if i < 0 {
		i = len(s.c.Conditions)
		s.c.Conditions = append(s.c.Conditions, Condition{})
	}
	old := s.c.Conditions[i]
	if old.Status == status && old.Reason == reason {
		if old.Message == message {
			return
		}
		next.Since = old.Since
	} else if (kind == ConditionOnTime || kind == ConditionPlaced) && status == "False" {
		s.tell("warning", "", "%s", message)
	}
	s.c.Conditions[i] = next
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
