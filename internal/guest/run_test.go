package guest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"quarry/internal/vnode"
)

// locked makes a buffer safe to write to from several goroutines.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// start runs a guest on f until the test's end or until its plug is pulled, and returns its agent, its log
// and how often it called itself ready to systemd.
func start(t *testing.T, f *fakeSystem) (*agent, *locked, *int) {
	a, log, applied := newAgent(), &locked{}, new(int)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{
			Root: f.root, BootID: "boot", Open: a.open, System: f,
			Applied: func() error { *applied++; return nil },
			Log:     slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
	}()
	a.pullThePlug = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("run ended with %v", err)
		}
	})
	t.Cleanup(a.pullThePlug)
	return a, log, applied
}

func withScripts(t *testing.T) *vnode.Identity {
	id := testIdentity(t)
	id.Scripts = []vnode.Script{{Name: "base/one", Body: "#!/bin/sh\n1"}, {Name: "condor/two", Body: "#!/bin/sh\n2"}}
	id.Services = []string{"condor.service", "nginx.service"}
	id.Checks = []vnode.Script{{Name: "condor/pool", Body: "#!/bin/sh\n3"}}
	return id
}

func TestFromHelloToHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		attempts := 0
		f.run = func(_ context.Context, name string, c Command) error {
			switch {
			case strings.HasPrefix(name, "check"):
				if attempts++; attempts < 4 {
					_, err := io.WriteString(c.Output, "no slots yet\n")
					return errors.Join(err, errors.New("exit status 1"))
				}
			case name == "02-condor-two":
				time.Sleep(7 * time.Second)
			}
			return nil
		}
		a, log, applied := start(t, f)
		a.connect()
		if m := a.read(t); m.Type != "hello" {
			t.Fatalf("got %+v, want hello", m)
		}
		a.send(t, vnode.ToGuest{Type: "identity", Identity: withScripts(t), Time: time.Now().Add(time.Hour)})

		var story []string
		for {
			m := a.read(t)
			story = append(story, strings.TrimSpace(strings.Join([]string{m.Type, m.Stage, m.Step, m.Took.String()}, " ")))
			if m.Type == "health" {
				if !m.Healthy {
					t.Errorf("not healthy: %s", m.Message)
				}
				break
			}
		}
		// What is repeated by itself counts once. Retries of the check come 500, 750 and 1125 ms apart.
		want := []string{
			"step identity  0s",
			"step scripts base/one 0s",
			"step scripts condor/two 0s", "step scripts condor/two 7s",
			"step checks condor/pool 0s", "step checks condor/pool 2.375s",
			"step ready  0s", "health ready  0s",
		}
		if got := strings.Join(slices.Compact(story), "\n"); got != strings.Join(want, "\n") {
			t.Errorf("story:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
		}
		if f.clock.IsZero() {
			t.Error("the clock was an hour off and was not set")
		}
		if *applied != 1 {
			t.Errorf("systemd was told %d times, want 1", *applied)
		}
		if f.called("systemctl start -- condor.service nginx.service") != 1 {
			t.Errorf("services not started: %q", f.calls)
		}
		for _, secret := range []string{"hunter2", "PRIVATE KEY", "AAAAone"} {
			if strings.Contains(log.b.String(), secret) {
				t.Errorf("the log holds %q", secret)
			}
		}
	})
}

func TestAClockThatIsRightIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		a, _, _ := start(t, f)
		a.connect()
		a.read(t)
		a.send(t, vnode.ToGuest{Type: "identity", Identity: testIdentity(t), Time: time.Now().Add(-clockTolerance)})
		a.until(t, "health", vnode.StageReady)
		if !f.clock.IsZero() {
			t.Errorf("clock set to %s", f.clock)
		}
	})
}

func TestHealthComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		var mu sync.Mutex
		broken, runs := false, 0
		f.run = func(_ context.Context, name string, c Command) error {
			mu.Lock()
			defer mu.Unlock()
			if !strings.HasPrefix(name, "check") {
				return nil
			}
			runs++
			time.Sleep(4 * time.Second) // so that a share of 5 % means a round in 80 s
			if broken {
				_, err := io.WriteString(c.Output, "slots gone\n")
				return errors.Join(err, errors.New("exit status 2"))
			}
			return nil
		}
		a, _, _ := start(t, f)
		a.connect()
		a.read(t)
		a.send(t, vnode.ToGuest{Type: "identity", Identity: withScripts(t)})
		a.until(t, "health", vnode.StageReady)
		mu.Lock()
		broken = true
		mu.Unlock()
		for {
			m := a.until(t, "health", vnode.StageReady)
			if m.Healthy {
				continue
			}
			if want := "condor/pool: exit status 2\nslots gone"; m.Message != want {
				t.Errorf("message %q, want %q", m.Message, want)
			}
			break
		}
		mu.Lock()
		broken, runs = false, 0
		mu.Unlock()
		start := time.Now()
		for !a.until(t, "health", vnode.StageReady).Healthy {
		}
		for time.Since(start) < time.Hour {
			a.read(t)
		}
		mu.Lock()
		defer mu.Unlock()
		if runs < 40 || runs > 45 { // 3600 s / 80 s
			t.Errorf("%d rounds of checks in an hour, want 45", runs)
		}
	})
}

func TestAFailedScriptStopsTheVnodeAndIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.run = func(_ context.Context, name string, c Command) error {
			if name != "01-base-one" {
				return nil
			}
			_, err := io.WriteString(c.Output, "working\nno such host\n")
			return errors.Join(err, errors.New("exit status 3"))
		}
		a, _, _ := start(t, f)
		a.connect()
		a.read(t)
		a.send(t, vnode.ToGuest{Type: "identity", Identity: withScripts(t)})
		var m vnode.FromGuest
		for m.Type != "failed" {
			m = a.read(t)
		}
		if m.Step != "base/one" || m.Stage != vnode.StageScripts || m.Total != 2 || m.Message != "exit status 3\nworking\nno such host" {
			t.Errorf("got %+v", m)
		}
		if f.called("02-") != 0 || f.called("systemctl") != 0 {
			t.Errorf("it went on: %q", f.calls)
		}
		for range 2 { // by itself
			if m = a.read(t); m.Type != "failed" {
				t.Fatalf("got %+v, want failed again", m)
			}
		}
		a.send(t, vnode.ToGuest{Type: "ping"})
		if m = a.read(t); m.Type != "failed" {
			t.Fatalf("ping answered with %+v", m)
		}
	})
}

func TestAFailedServiceShowsItsJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.run = func(_ context.Context, name string, c Command) error {
			switch {
			case name == "systemctl" && c.Args[1] == "start":
				return errors.New("systemctl: exit status 1")
			case name == "systemctl" && c.Args[4] == "nginx.service":
				return errors.New("inactive")
			case name == "journalctl" && c.Args[len(c.Args)-1] == "--unit=nginx.service":
				_, err := io.WriteString(c.Output, "address in use\n")
				return err
			}
			return nil
		}
		a, _, _ := start(t, f)
		a.connect()
		a.read(t)
		a.send(t, vnode.ToGuest{Type: "identity", Identity: withScripts(t)})
		var m vnode.FromGuest
		for m.Type != "failed" {
			m = a.read(t)
		}
		if m.Step != "nginx.service" || !strings.HasSuffix(m.Message, "address in use") {
			t.Errorf("got %+v", m)
		}
	})
}

func TestAVnodeMayBecomeReadyLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		begin := time.Now()
		f.run = func(_ context.Context, name string, _ Command) error {
			if strings.HasPrefix(name, "check") && time.Since(begin) < 10*time.Minute {
				return errors.New("exit status 1")
			}
			return nil
		}
		a, _, _ := start(t, f)
		a.connect()
		a.read(t)
		a.send(t, vnode.ToGuest{Type: "identity", Identity: withScripts(t)})
		var m vnode.FromGuest
		for m.Type != "failed" {
			m = a.read(t)
		}
		if at := time.Since(begin); at > checkTimeout || at < checkTimeout-2*retryMost {
			t.Errorf("failed after %s, want about %s", at, checkTimeout)
		}
		if m.Stage != vnode.StageChecks || !strings.Contains(m.Message, "not passed within 5m0s") {
			t.Errorf("got %+v", m)
		}
		for m.Type != "health" {
			m = a.read(t)
		}
		if at := time.Since(begin); !m.Healthy || at < 10*time.Minute || at > 11*time.Minute {
			t.Errorf("%+v after %s", m, at)
		}
	})
}

func TestALaterBootNeedsNoAgentAndRepeatsNoScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, id := newFake(t), withScripts(t)
		first, _, _ := start(t, f)
		first.connect()
		first.read(t)
		first.send(t, vnode.ToGuest{Type: "identity", Identity: id})
		first.until(t, "health", vnode.StageReady)
		first.conn.Close()

		f.calls, f.hostname = nil, ""
		if err := os.RemoveAll(filepath.Join(f.root, "run")); err != nil { // a tmpfs
			t.Fatal(err)
		}
		a, _, applied := start(t, f)
		synctest.Wait()
		if f.hostname != "gateway-0" || *applied != 1 {
			t.Fatalf("host name %q, applied %d times", f.hostname, *applied)
		}
		a.connect()
		if m := a.read(t); m.Type != "hello" {
			t.Fatalf("got %+v, want hello", m)
		}
		a.until(t, "health", vnode.StageReady)
		a.send(t, vnode.ToGuest{Type: "identity", Identity: id})
		a.until(t, "health", vnode.StageReady)
		if f.called("01-") != 0 || f.called("02-") != 0 {
			t.Errorf("scripts ran again: %q", f.calls)
		}
		if *applied != 1 {
			t.Errorf("the same identity was applied again")
		}
	})
}

func TestADiskThatBecameAnotherVnodeWaitsForItsAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		if err := newGuest(f).remember(testIdentity(t)); err != nil {
			t.Fatal(err)
		}
		f.links = map[string]string{"52:54:00:00:00:99": "eth0"}
		_, _, applied := start(t, f)
		time.Sleep(time.Minute)
		if *applied != 0 || f.hostname != "" {
			t.Error("another vnode's identity was applied")
		}
	})
}

func TestAChangedIdentityIsTakenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		a, _, _ := start(t, f)
		a.connect()
		a.read(t)
		id := withScripts(t)
		a.send(t, vnode.ToGuest{Type: "identity", Identity: id})
		a.until(t, "health", vnode.StageReady)
		id.Hosts = append(id.Hosts, vnode.Host{Name: "compute-1", Address: "10.1.0.11"})
		id.Scripts[1].Body += "\nchanged"
		a.send(t, vnode.ToGuest{Type: "identity", Identity: id})
		for begin := time.Now(); time.Since(begin) < time.Minute; {
			if m := a.read(t); m.Type != "health" || !m.Healthy {
				t.Fatalf("a vnode in use says %+v", m)
			}
		}
		hosts, err := tree{root: f.root}.read("/etc/hosts")
		if err != nil || !strings.Contains(string(hosts), "10.1.0.11 compute-1") {
			t.Errorf("hosts %q, %v", hosts, err)
		}
		if f.called("01-") != 1 || f.called("02-") != 2 {
			t.Errorf("only the changed script should run again: %q", f.calls)
		}
	})
}

func TestTheAgentMayVanishMidway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, id := newFake(t), withScripts(t)
		f.run = func(_ context.Context, name string, _ Command) error {
			if name == "01-base-one" {
				time.Sleep(time.Minute)
			}
			return nil
		}
		a, _, _ := start(t, f)
		a.connect()
		a.read(t)
		a.send(t, vnode.ToGuest{Type: "identity", Identity: id})
		a.until(t, "step", vnode.StageScripts)
		a.conn.Close()
		time.Sleep(30 * time.Second)
		a.connect()
		if m := a.read(t); m.Type != "hello" || m.Stage != vnode.StageScripts {
			t.Fatalf("got %+v, want hello", m)
		}
		a.send(t, vnode.ToGuest{Type: "identity", Identity: id})
		a.until(t, "health", vnode.StageReady)
		if f.called("01-") != 1 {
			t.Errorf("the script ran %d times", f.called("01-"))
		}
	})
}

func TestShutdownFallsBackToForce(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		forced int
	}{
		"clean":  {nil, 0},
		"forced": {errors.New("no bus"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t)
				f.run = func(_ context.Context, name string, _ Command) error {
					if name == "systemctl" {
						return c.err
					}
					return nil
				}
				a, _, _ := start(t, f)
				a.connect()
				a.read(t)
				a.send(t, vnode.ToGuest{Type: "shutdown"})
				synctest.Wait()
				if f.called("systemctl poweroff") != 1 || f.called("poweroff -f") != c.forced {
					t.Errorf("calls: %q", f.calls)
				}
			})
		})
	}
}
