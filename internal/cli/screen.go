package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"

	"quarry/internal/cluster"
)

// screen shows a cluster as it changes: on a terminal one view that is drawn
// over, elsewhere a line for each change.
type screen struct {
	out   io.Writer // takes colours away where they do not belong
	file  *os.File  // the terminal, nil when there is none
	drawn int       // lines to go up before drawing again
	last  map[string]string
}

func (a *app) screen() *screen {
	s := &screen{out: a.people(), last: map[string]string{}}
	if onTerminal(a.out) && a.getenv("TERM") != "dumb" {
		s.file = a.out.(*os.File)
	}
	return s
}

func (s *screen) show(c cluster.Cluster, now time.Time) {
	if s.file == nil {
		s.lines(c, now)
		return
	}
	s.draw(c, now)
}

// finish leaves the whole view behind, also where only lines were shown.
func (s *screen) finish(c cluster.Cluster, now time.Time) {
	if c.Name == "" {
		return
	}
	if s.file != nil {
		s.draw(c, now)
		return
	}
	fmt.Fprintln(s.out)
	showCluster(s.out, c, now)
}

// draw goes back to the top of the last view and writes the new one over it.
// Lines are cut at the terminal's edge: a wrapped one would be miscounted.
func (s *screen) draw(c cluster.Cluster, now time.Time) {
	var view bytes.Buffer
	showCluster(&view, c, now)
	width, _, err := term.GetSize(s.file.Fd())
	if err != nil || width <= 0 {
		width = 80
	}
	var out strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&out, "\x1b[%dA\r\x1b[J", s.drawn)
	}
	s.drawn = 0
	for line := range strings.Lines(view.String()) {
		out.WriteString(ansi.Truncate(strings.TrimRight(line, "\n"), width, "…") + "\x1b[0m\n")
		s.drawn++
	}
	io.WriteString(s.out, out.String())
}

// lines writes what changed since the last time.
func (s *screen) lines(c cluster.Cluster, now time.Time) {
	s.line(now, "cluster", string(c.State)+": "+string(c.State), fmt.Sprintf("%s: %s (slack: %s)", c.State, clock(c, now), slack(c)))
	for _, n := range c.Nodes {
		what := fmt.Sprintf("%s %s %3d%%", dash(n.Stage), bar(n.Progress), n.Progress)
		if m := firstLine(n.Message); m != "" {
			what += " " + m
		}
		s.line(now, n.Name, what, what)
	}
}

// line writes text about one thing unless key is what it was.
func (s *screen) line(now time.Time, name, key, text string) {
	if s.last[name] == key {
		return
	}
	s.last[name] = key
	fmt.Fprintf(s.out, "%s  %-12s %s\n", now.UTC().Format("15:04:05"), name, text)
}
