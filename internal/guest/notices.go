package guest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"quarry/internal/vnode"
)

const (
	// motdFile is what Debian's pam_motd shows at each login, beside /etc/motd.
	motdFile = "/run/motd.d/50-quarry"
	// shownFile is which text of each topic people have seen in this boot.
	shownFile = runDir + "/notices.json"
	// lookEvery is how often the notices are looked at when nothing changed:
	// clocks are set.
	lookEvery = time.Minute
)

// notices are those wanted now, and whether the agent has said so.
type notices struct {
	mu      sync.Mutex
	known   bool
	list    []vnode.Notice
	changed chan struct{} // capacity 1
}

func newNotices() *notices { return &notices{changed: make(chan struct{}, 1)} }

func (n *notices) set(list []vnode.Notice) {
	n.mu.Lock()
	n.known, n.list = true, list
	n.mu.Unlock()
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

func (n *notices) due(now time.Time) (due []vnode.Notice, next time.Time, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	due, next = vnode.Due(n.list, now)
	return due, next, n.known
}

// showNotices keeps what logins see up to date, and shows what is new to those
// who are logged in, until ctx ends.
func (g *guest) showNotices(ctx context.Context) {
	for {
		wait := lookEvery
		due, next, known := g.notices.due(time.Now())
		if known {
			if err := g.show(due); err != nil {
				g.log.WarnContext(ctx, "notices not shown", "error", err)
			}
			if !next.IsZero() {
				wait = min(wait, time.Until(next))
			}
		}
		timer := time.NewTimer(max(wait, 0))
		select {
		case <-g.notices.changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// show makes the motd the notices that are due and writes those to terminals
// that were not there before. What was shown is noted after it was: to be told
// twice is better than never.
func (g *guest) show(due []vnode.Notice) error {
	shown := map[string]string{}
	if raw, err := g.tree.read(shownFile); err == nil {
		_ = json.Unmarshal(raw, &shown) //nolint:errcheck // a damaged one is as good as none
	}
	now := map[string]string{}
	var all, fresh []string
	for _, n := range due {
		text := n.Printable()
		now[n.Topic] = text
		all = append(all, text)
		if old, before := shown[n.Topic]; old != text && (before || !n.Quiet) {
			fresh = append(fresh, text)
		}
	}
	errs := []error{g.writeMotd(all)}
	if len(fresh) > 0 {
		g.broadcast(fresh)
	}
	raw, err := json.Marshal(now)
	errs = append(errs, err, g.tree.write(file{path: shownFile, mode: 0o600, content: raw}))
	return errors.Join(errs...)
}

func (g *guest) writeMotd(texts []string) error {
	if len(texts) == 0 {
		return g.tree.remove(motdFile)
	}
	return g.tree.write(file{path: motdFile, mode: 0o644, content: []byte(strings.Join(texts, "\n") + "\n")})
}

// broadcast writes to every terminal that somebody is logged in at. It is not
// wall(1), which asks logind or utmp who is logged in: a vnode need not have
// either.
func (g *guest) broadcast(texts []string) {
	lines := "\n\a*** " + strings.Join(texts, "\n") + "\n"
	raw := []byte(strings.ReplaceAll(lines, "\n", "\r\n")) // it may be a full-screen program's
	for _, name := range terminals(os.DirFS(filepath.Join(g.tree.root, "proc"))) {
		// One that was stopped with Ctrl-S must not stop the guest.
		const flags = os.O_WRONLY | os.O_APPEND | unix.O_NOCTTY | unix.O_NONBLOCK | unix.O_NOFOLLOW
		tty, err := os.OpenFile(g.tree.at("/dev/"+name), flags, 0)
		if err != nil {
			continue // it was just left
		}
		deadline := time.Now().Add(time.Second)
		_ = tty.SetWriteDeadline(deadline) //nolint:errcheck // where it cannot have one it does not block
		_, err = tty.Write(raw)
		g.log.Info("notice shown", "terminal", name, "error", err)
		tty.Close()
	}
}
