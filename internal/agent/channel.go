package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/time/rate"

	"quarry/internal/vnode"
)

const (
	maxLine    = 300  // bytes of a text of one line
	maxMessage = 4000 // bytes of what a guest or a log said
	maxCount   = 1 << 20
	talkRate   = 5 // messages per second and guest, in the long run
	talkBurst  = 20
	sendWithin = 10 * time.Second
	dialWithin = 5 * time.Second
	// hearWithin is how long a connection may be silent; guests say where they
	// are every ten seconds. QEMU can leave a port deaf after its last reader
	// closed in the middle of much talk: connecting once more wakes it.
	hearWithin = 25 * time.Second
)

// converse keeps a connection to the guest and passes on what it says, cleaned
// and at a bounded rate, until the context ends.
func (r *runner) converse(ctx context.Context, heard chan<- vnode.FromGuest) {
	pause := backoff{first: 250 * time.Millisecond, most: 3 * time.Second}
	limit := rate.NewLimiter(talkRate, talkBurst)
	for ctx.Err() == nil {
		err := r.listen(ctx, limit, heard, pause.reset)
		r.log.DebugContext(ctx, "the guest's channel is closed", "error", err)
		sleep(ctx, pause.next())
	}
}

// listen reads one connection until it breaks.
func (r *runner) listen(ctx context.Context, limit *rate.Limiter, heard chan<- vnode.FromGuest, spoke func()) error {
	conn, err := r.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	w := &writer{conn: conn}
	if err := w.say(vnode.ToGuest{Type: "ping", Time: r.a.now()}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go r.pushIdentity(ctx, w)
	in := vnode.NewReader(conn)
	for {
		if err := limit.Wait(ctx); err != nil {
			return err
		}
		if err := conn.SetReadDeadline(time.Now().Add(hearWithin)); err != nil {
			return err
		}
		var m vnode.FromGuest
		err := in.Read(&m)
		if errors.Is(err, vnode.ErrGarbage) || errors.Is(err, vnode.ErrTooLong) {
			r.log.DebugContext(ctx, "a guest's message is dropped", "error", err)
			continue
		}
		if err != nil {
			return err
		}
		spoke()
		if m.Type == "hello" {
			if err := w.say(r.identity()); err != nil {
				return err
			}
		}
		select {
		case heard <- cleanMessage(m):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *runner) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := r.a.dial(ctx, r.a.files.socket(r.key))
	if err != nil {
		return nil, fmt.Errorf("connect to the guest: %w", err)
	}
	return conn, nil
}

// identity is the newest one.
func (r *runner) identity() vnode.ToGuest {
	aim := r.aim()
	return vnode.ToGuest{
		Type: "identity", Identity: &aim.vnode.Identity, Assembled: aim.assembled, Notices: aim.notices, Time: r.a.now(),
	}
}

// pushIdentity tells a connected guest when its identity changes, for example
// because another vnode of its cluster moved, when all of them are up, and when
// there is something else to tell the people on it.
func (r *runner) pushIdentity(ctx context.Context, w *writer) {
	told := r.identity()
	for {
		err := r.aimed.until(ctx, func() bool {
			m := r.identity()
			return told.Assembled != m.Assembled || !reflect.DeepEqual(told.Notices, m.Notices) || !reflect.DeepEqual(told.Identity, m.Identity)
		})
		if err != nil {
			return
		}
		m := r.identity()
		told = m
		if w.say(m) != nil {
			return
		}
	}
}

// writer lets one message after the other into a connection.
type writer struct {
	mu   sync.Mutex
	conn net.Conn
	used bool
}

func (w *writer) say(m vnode.ToGuest) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.conn.SetWriteDeadline(time.Now().Add(sendWithin)); err != nil {
		return err
	}
	if !w.used { // ends what a predecessor may have left half written
		if _, err := w.conn.Write([]byte("\n")); err != nil {
			return err
		}
		w.used = true
	}
	return vnode.Write(w.conn, m)
}

// cleanMessage makes what a guest said safe to keep and to show.
func cleanMessage(m vnode.FromGuest) vnode.FromGuest {
	m.Step = cleanText(m.Step, maxLine)
	m.Message = cleanText(m.Message, maxMessage)
	m.BootID = cleanText(m.BootID, 64)
	guestStages := []string{vnode.StageIdentity, vnode.StageScripts, vnode.StageCluster, vnode.StageChecks, vnode.StageReady}
	if !slices.Contains(guestStages, m.Stage) {
		m.Stage = ""
	}
	m.Total = min(max(m.Total, 0), maxCount)
	m.Done = min(max(m.Done, 0), m.Total)
	m.Took = max(m.Took, 0)
	m.Sessions = min(max(m.Sessions, 0), maxCount)
	m.IdleSeconds = min(max(m.IdleSeconds, 0), int64(maxIdle/time.Second))
	return m
}

// cleanText keeps what can be printed of s and its line ends. Of a text that
// is too long it keeps the end, where a log says what went wrong.
func cleanText(s string, most int) string {
	if len(s) > 4*most { // do not walk through megabytes
		s = s[len(s)-4*most:]
	}
	s = strings.Map(func(c rune) rune {
		switch {
		case c == '\n', unicode.IsPrint(c) && c != unicode.ReplacementChar:
			return c
		case c == '\t':
			return ' '
		}
		return -1
	}, s)
	s = strings.TrimSpace(s)
	if len(s) <= most {
		return s
	}
	s = s[len(s)-most+len("…"):]
	for len(s) > 0 && s[0]&0xC0 == 0x80 { // do not begin within a character
		s = s[1:]
	}
	return "…" + s
}
