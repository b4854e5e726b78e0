package guest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"quarry/internal/vnode"
)

// agent is the host's side of a guest's channel.
type agent struct {
	conns chan net.Conn
	conn  net.Conn
	in    *vnode.Reader

	pullThePlug func() // ends the guest at once
}

func newAgent() *agent { return &agent{conns: make(chan net.Conn)} }

// open is what the guest opens: it waits until the agent connects.
func (a *agent) open(ctx context.Context) (io.ReadWriteCloser, error) {
	select {
	case c := <-a.conns:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *agent) connect() {
	here, there := net.Pipe()
	a.conn, a.in = here, vnode.NewReader(here)
	a.conns <- there
}

func (a *agent) read(t *testing.T) vnode.FromGuest {
	t.Helper()
	var m vnode.FromGuest
	if err := a.in.Read(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// until reads up to the first message of a kind and stage.
func (a *agent) until(t *testing.T, kind, stage string) vnode.FromGuest {
	t.Helper()
	for {
		m := a.read(t)
		if m.Type == kind && m.Stage == stage {
			return m
		}
		if m.Type == "failed" {
			t.Fatalf("failed while waiting for %s %s: %s", kind, stage, m.Message)
		}
	}
}

func (a *agent) send(t *testing.T, m vnode.ToGuest) {
	t.Helper()
	if err := vnode.Write(a.conn, m); err != nil {
		t.Fatal(err)
	}
}

// startLink runs a link until the test's end.
func startLink(t *testing.T, open func(context.Context) (io.ReadWriteCloser, error), handle func(vnode.ToGuest)) *link {
	l := &link{
		open: open, bootID: "boot", log: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1),
		handle: func(_ context.Context, m vnode.ToGuest) { handle(m) },
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { l.run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return l
}

func TestHelloIsRepeatedUntilTheIdentityComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAgent()
		l := startLink(t, a.open, func(vnode.ToGuest) {})
		a.connect()
		start := time.Now()
		for range 4 {
			if m := a.read(t); m.Type != "hello" || m.BootID != "boot" {
				t.Fatalf("got %+v, want hello", m)
			}
		}
		if took := time.Since(start); took != 3*helloEvery {
			t.Errorf("4 hellos took %s, want %s", took, 3*helloEvery)
		}
		l.settled()
		l.report(vnode.FromGuest{Type: "step", Stage: vnode.StageScripts, Step: "a/b"})
		for range 3 {
			if m := a.read(t); m.Type != "step" || m.Step != "a/b" {
				t.Fatalf("got %+v, want the step", m)
			}
		}
	})
}

func TestANewConnectionLearnsHowThingsStand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAgent()
		l := startLink(t, a.open, func(vnode.ToGuest) {})
		a.connect()
		a.read(t)
		l.settled()
		a.conn.Close()
		for range 100 { // more than the queue holds, while nobody listens
			l.report(vnode.FromGuest{Type: "step", Stage: vnode.StageScripts})
		}
		l.report(vnode.FromGuest{Type: "failed", Stage: vnode.StageScripts, Message: "why"})
		a.connect()
		if m := a.read(t); m.Type != "hello" || m.Stage != vnode.StageScripts {
			t.Fatalf("got %+v, want hello with the stage", m)
		}
		if m := a.read(t); m.Type != "failed" || m.Message != "why" {
			t.Fatalf("got %+v, want what is current", m)
		}
	})
}

func TestAnAgentThatStopsReadingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAgent()
		startLink(t, a.open, func(vnode.ToGuest) {})
		a.connect() // and never read
		start := time.Now()
		a.connect() // taken only when the guest has left the first one
		if took := time.Since(start); took != writeLimit+reopenPause {
			t.Errorf("left after %s, want %s", took, writeLimit+reopenPause)
		}
		if m := a.read(t); m.Type != "hello" {
			t.Fatalf("got %+v, want hello", m)
		}
	})
}

func TestGarbageDoesNotEndTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAgent()
		got := make(chan string, 1)
		startLink(t, a.open, func(m vnode.ToGuest) { got <- m.Type })
		a.connect()
		a.read(t)
		go io.Copy(io.Discard, a.conn)
		_, err := io.WriteString(a.conn, "\x00\xff\n[]\n"+strings.Repeat("x", vnode.MaxMessage+9)+"\n{\"type\":7}\n")
		if err != nil {
			t.Fatal(err)
		}
		a.send(t, vnode.ToGuest{Type: "ping"})
		if kind := <-got; kind != "ping" {
			t.Fatalf("got %q, want ping", kind)
		}
	})
}

func TestAChannelThatCannotBeOpenedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, tries := newAgent(), 0
		startLink(t, func(ctx context.Context) (io.ReadWriteCloser, error) {
			if tries++; tries < 5 {
				return nil, errors.New("no device")
			}
			return a.open(ctx)
		}, func(vnode.ToGuest) {})
		a.connect()
		if m := a.read(t); m.Type != "hello" {
			t.Fatalf("got %+v, want hello", m)
		}
	})
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte("{\"type\":\"ping\"}\n{\"type\":\"identity\",\"identity\":{\"hostname\":\"a\"}}\n"))
	f.Add([]byte("{\"type\":\"shutdown\",\"time\":\"2026-01-01T00:00:00Z\"}\n\n{"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		sys := &fakeSystem{owners: map[string]string{}}
		g := newGuest(sys)
		g.link.handle = g.handle
		err := g.link.receive(t.Context(), strings.NewReader(string(raw)))
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("ended with %v before the end", err)
		}
		if len(g.link.queue) > queueLimit {
			t.Fatalf("queue grew to %d", len(g.link.queue))
		}
	})
}
