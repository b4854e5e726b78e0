//go:build lab

package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"quarry/internal/needs"
)

// The test's own program is the lab's program: it is the supervisor of the
// hosts and stands in for the manager and the agents.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		if run, ok := standIns()[os.Args[1]+" "+os.Args[2]]; ok {
			if err := run(os.Args[3:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	os.Exit(m.Run())
}

// untilStopped waits for a signal: a program that waits for nothing at all is
// ended by Go's runtime.
func untilStopped() error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM)
	<-stop
	return nil
}

func standIns() map[string]func(args []string) error {
	say := func(text string) func([]string) error {
		return func([]string) error {
			_, err := fmt.Println(text)
			return err
		}
	}
	return map[string]func([]string) error{
		"lab host":     func(args []string) error { return RunHost(context.Background(), args[1], args[2]) },
		"manager init": say(`{"server":"` + serverURL + `","token":"first","caCertificate":"PEM"}`),
		"manager run":  func([]string) error { return accept(managerAddress + ":" + managerPort) },
		"node token":   say(`{"token":"enrol-me"}`),
		"agent enroll": func(args []string) error {
			token, err := os.ReadFile(enrolToken)
			if err == nil && string(token) != "enrol-me\n" {
				err = fmt.Errorf("token %q in %v", token, args)
			}
			return err
		},
		"agent run":  func([]string) error { return untilStopped() },
		"test serve": func(args []string) error { return accept(args[0]) },
		"test dial": func(args []string) error {
			conn, err := net.DialTimeout("tcp", args[0], 2*time.Second)
			if err != nil {
				return err
			}
			defer conn.Close()
			// More than one segment, so that unfinished checksums show.
			got := make([]byte, 64<<10)
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			for have := 0; have < len(got); {
				n, err := conn.Read(got[have:])
				if err != nil {
					return fmt.Errorf("after %d bytes: %w", have, err)
				}
				have += n
			}
			return nil
		},
	}
}

// accept sends something to whoever connects.
func accept(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			_, _ = conn.Write(make([]byte, 64<<10))
		}()
	}
}

type fixture struct {
	*testing.T
	dir  string
	self string
}

func needMachine(t *testing.T) {
	t.Helper()
	needs.Root(t)
	if err := checkMachine(DefaultDir); err != nil {
		needs.Missing(t, "%v", err)
	}
}

func newFixture(t *testing.T) *fixture {
	needMachine(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{T: t, dir: filepath.Join(t.TempDir(), "a lab"), self: self}
	t.Cleanup(func() {
		if err := Down(context.Background(), f.dir, true); err != nil {
			t.Errorf("down: %v", err)
		}
	})
	return f
}

func (f *fixture) options() Options {
	return Options{Dir: f.dir, Pnodes: 2, Gateways: 1, Binary: f.self}
}

func (f *fixture) up(o Options) {
	f.Helper()
	began := time.Now()
	if err := Up(f.Context(), o); err != nil {
		f.Fatalf("up: %v", err)
	}
	f.Logf("up in %s", time.Since(began).Round(time.Millisecond))
}

func (f *fixture) status() SiteStatus {
	f.Helper()
	st, err := Status(f.Context(), f.dir)
	if err != nil {
		f.Fatal(err)
	}
	return st
}

// pids are those of the hosts that run.
func (f *fixture) pids() map[string]int {
	pids := map[string]int{}
	for _, h := range f.status().Hosts {
		if h.Running {
			pids[h.Name] = h.PID
		}
	}
	return pids
}

// exec runs a program on a host and returns its exit code and output.
func (f *fixture) exec(host string, argv ...string) (int, string) {
	f.Helper()
	var out bytes.Buffer
	code, err := Exec(f.Context(), f.dir, host, argv, strings.NewReader("from outside"), &out, &out)
	if err != nil {
		return -1, err.Error()
	}
	return code, strings.TrimSpace(out.String())
}

func (f *fixture) must(host string, argv ...string) string {
	f.Helper()
	code, out := f.exec(host, argv...)
	if code != 0 {
		f.Fatalf("%s on %s: %d: %s", strings.Join(argv, " "), host, code, out)
	}
	return out
}

// start leaves a program running on a host, until the host ends.
func (f *fixture) start(host string, argv ...string) {
	f.Helper()
	quoted := "exec setsid \"$@\" </dev/null >/dev/null 2>&1 &"
	f.must(host, append([]string{"sh", "-c", quoted, "sh"}, argv...)...)
}

// tool is one of the stand-ins, as a host finds it.
func (f *fixture) tool(args ...string) []string {
	return append([]string{filepath.Base(f.self)}, args...)
}

// eventually waits until the check says nothing is wrong any more.
func (f *fixture) eventually(what string, check func() string) {
	f.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		wrong := check()
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			f.Fatalf("%s: %s", what, wrong)
		}
		_ = sleep(f.Context(), pollEvery)
	}
}

// aptHost is the name of a machine that packages come from, "" if unknown.
func aptHost(t *testing.T) string {
	out, err := exec.CommandContext(t.Context(), "apt-get", "indextargets", "--format", "$(REPO_URI)").Output()
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(out), "\n")
	_, rest, _ := strings.Cut(first, "://")
	name, _, _ := strings.Cut(rest, "/")
	name, _, _ = strings.Cut(name, ":")
	return name
}
