package guest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"quarry/internal/vnode"
)

// A unit is reloaded when a file that it reads has changed while the vnode was
// up, and at no other time; also when the guest dies in between.
func TestUnitsReadAgainWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, id := newFake(t), withScripts(t)
		id.Files = append(id.Files, vnode.File{Path: "/etc/names", Mode: "0644", Owner: "root:root", Content: "one\n", Reload: "dnsmasq.service"})
		const reload = "systemctl try-reload-or-restart -- dnsmasq.service"
		a, _, _ := start(t, f)
		a.connect()
		a.read(t)
		a.send(t, vnode.ToGuest{Type: "identity", Identity: id})
		a.until(t, "health", vnode.StageReady)
		if f.called(reload) != 0 {
			t.Fatalf("reloaded before it ran: %q", f.calls)
		}
		id.Files[len(id.Files)-1].Content = "one\ntwo\n"
		a.send(t, vnode.ToGuest{Type: "identity", Identity: id})
		a.drain(t, time.Minute)
		id.TimeZone = "Europe/Helsinki"
		a.send(t, vnode.ToGuest{Type: "identity", Identity: id})
		a.drain(t, time.Minute)
		if f.called(reload) != 1 {
			t.Fatalf("want one reload: %q", f.calls)
		}
	})
}

func TestAReloadIsNotForgotten(t *testing.T) {
	f := newFake(t)
	g := newGuest(f)
	names := file{path: "/etc/names", mode: 0o644, content: []byte("one\n")}
	if err := g.replace("dnsmasq.service", names); err != nil {
		t.Fatal(err)
	}
	names.content = []byte("two\n")
	if err := g.replace("dnsmasq.service", names); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("exit status 1")
	f.run = func(_ context.Context, name string, _ Command) error {
		if name == "systemctl" {
			return broken
		}
		return nil
	}
	if err := g.reload(t.Context()); err == nil {
		t.Fatal("a reload that failed is no error")
	}
	broken = nil
	for range 2 {
		if err := newGuest(f).reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.called("systemctl try-reload-or-restart"); n != 2 {
		t.Errorf("%d tries, want one that failed and one that did not: %q", n, f.calls)
	}
}
