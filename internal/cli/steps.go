package cli

import (
	"fmt"
	"io"
)

// steps shows the progress of one long command on standard error: one line
// that is written over on a terminal, a line for each step elsewhere.
type steps struct {
	out      io.Writer
	terminal bool
	last     string
}

func newSteps(a *app) *steps {
	return &steps{out: a.err, terminal: onTerminal(a.err) && a.getenv("TERM") != "dumb"}
}

func (s *steps) show(step string, done, total int) {
	if step == s.last {
		return
	}
	s.last = step
	percent := 100 * done / max(1, total)
	if s.terminal {
		fmt.Fprintf(s.out, "\r\x1b[K%s %3d%% %s", bar(percent), percent, step)
		return
	}
	fmt.Fprintf(s.out, "%3d%% %s\n", percent, step)
}

// end leaves the terminal at the beginning of a line.
func (s *steps) end() {
	if s.terminal && s.last != "" {
		fmt.Fprint(s.out, "\r\x1b[K")
	}
}
