package hypervisor

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"quarry/internal/fault"
)

func TestFakeFailsWhereAsked(t *testing.T) {
	f := NewFake()
	broken := errors.New("no such tap")
	f.Fail(OpStart, "b", broken)
	if err := f.Start(t.Context(), sampleGuest("/x", "a")); err != nil {
		t.Fatal(err)
	}
	if err := f.Start(t.Context(), sampleGuest("/x", "b")); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if infos, _ := f.List(t.Context()); len(infos) != 2 || infos[1].State != Off {
		t.Fatalf("after a failed start: %v", infos)
	}
	f.Fail(OpStart, "b", nil)
	if err := f.Start(t.Context(), sampleGuest("/x", "b")); err != nil {
		t.Fatal(err)
	}
	if _, starts, _ := f.Guest("b"); starts != 1 {
		t.Fatalf("started %d times", starts)
	}
}

func TestFakeDeafGuestKeepsRunning(t *testing.T) {
	f := NewFake()
	if err := f.Start(t.Context(), sampleGuest("/x", "a")); err != nil {
		t.Fatal(err)
	}
	f.Deafen("a")
	if err := f.Shutdown(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if infos, _ := f.List(t.Context()); infos[0].State != Running {
		t.Fatalf("it is %s", infos[0].State)
	}
}

func TestFakeHangEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFake()
		f.Hang(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := f.List(ctx); fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("got %v", err)
		}
		time.AfterFunc(time.Second, func() { f.Hang(false) })
		if _, err := f.List(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
