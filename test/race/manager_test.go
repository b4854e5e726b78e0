//go:build lab

package race

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"quarry/internal/api"
	"quarry/internal/api/agentapi"
	"quarry/internal/pnode"
)

// daemon is a real manager: a process that is killed and started again.
type daemon struct {
	t                       *testing.T
	dir, cache, listen, url string
	ca                      []byte
	token                   string // the provider's
	provider                *api.Client
	cmd                     *exec.Cmd
	log                     *os.File
	used                    time.Duration // processor time of those that were killed
}

func binary() string {
	path, err := filepath.Abs("../../bin/quarry")
	if err != nil {
		panic(err)
	}
	return path
}

// newDaemon sets up a site that can give away so many VLANs and addresses at once.
func newDaemon(t *testing.T, vlans, addresses int) *daemon {
	t.Helper()
	if _, err := os.Stat(binary()); err != nil {
		t.Fatalf("this needs the built program: run make build: %v", err)
	}
	dir := t.TempDir()
	d := &daemon{t: t, dir: filepath.Join(dir, "manager"), cache: filepath.Join(dir, "cache"), listen: freePort(t)}
	if cache := os.Getenv("QUARRY_TEST_CACHE"); cache != "" {
		d.cache = cache // keeps the package indexes from one run to the next
	}
	d.url = "https://" + d.listen
	out, err := exec.CommandContext(t.Context(), binary(), "manager", "init", "--dir", d.dir, "--server", d.url,
		"--vlans", fmt.Sprintf("100-%d", 99+vlans), "--outside-pool", fmt.Sprintf("203.0.113.100-203.0.113.%d", 99+addresses), "-o", "json").Output()
	if err != nil {
		t.Fatalf("manager init: %v %s", err, out)
	}
	var site struct{ CACertificate, Token string }
	if err := json.Unmarshal(out, &site); err != nil {
		t.Fatal(err)
	}
	d.ca, d.token = []byte(site.CACertificate), site.Token
	if d.provider, err = api.New(d.url, d.token, d.ca); err != nil {
		t.Fatal(err)
	}
	if d.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	d.start()
	t.Cleanup(func() {
		d.kill()
		_ = d.log.Close()
		if raw, err := os.ReadFile(d.log.Name()); err == nil && t.Failed() {
			t.Logf("the end of the manager's log:\n%s", raw[max(0, len(raw)-4000):])
		}
	})
	return d
}

// freePort finds one outside the range that connections are given theirs from,
// so that it is free again after each kill.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		at := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		if l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", at); err == nil {
			_ = l.Close()
			return at
		}
	}
	t.Fatal("no free port between 20000 and 30000")
	return ""
}

// start starts the manager; it answers when it is asked.
func (d *daemon) start() {
	d.cmd = exec.Command(binary(), "manager", "run", "--dir", d.dir, "--cache", d.cache, "--listen", d.listen)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
}

// kill ends it as a power cut would end its process: at any line.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill() // it may have ended by itself, which the test sees in what is not answered
	_ = d.cmd.Wait()
	d.used += d.cmd.ProcessState.UserTime() + d.cmd.ProcessState.SystemTime()
}

// quarry runs a command as the provider types it.
func (d *daemon) quarry(args ...string) {
	d.t.Helper()
	ca := filepath.Join(d.dir, "ca.pem")
	if err := os.WriteFile(ca, d.ca, 0o600); err != nil {
		d.t.Fatal(err)
	}
	insist(d.t.Context(), d.t, func() (string, error) { return d.provider.Version(d.t.Context()) })
	cmd := exec.CommandContext(d.t.Context(), binary(), args...)
	cmd.Env = append(os.Environ(), "QUARRY_SERVER="+d.url, "QUARRY_TOKEN="+d.token, "QUARRY_CA="+ca, "HOME="+d.dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		d.t.Fatalf("quarry %v: %v\n%s", args, err, out.Bytes())
	}
}

// insist repeats what fails while the manager is not there.
func insist[T any](ctx context.Context, t *testing.T, do func() (T, error)) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		v, err := do()
		if err == nil {
			return v
		}
		select {
		case <-ctx.Done():
			t.Fatalf("a minute later still: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// standIn stands in for the agent of a pnode: it enrols and reports like one,
// and has no machine.
func (d *daemon) standIn(ctx context.Context, name string, facts pnode.Facts) error {
	token, err := d.provider.PnodeToken(ctx, name, time.Hour)
	if err != nil {
		return err
	}
	enrolled, err := agentapi.Enroll(ctx, d.url, d.ca, token.Token, name)
	if err != nil {
		return err
	}
	client, err := agentapi.New(d.url, enrolled)
	if err != nil {
		return err
	}
	report := func() error {
		_, err := client.Report(ctx, pnode.Report{Facts: facts, Clock: time.Now()})
		return err
	}
	if err := report(); err != nil {
		return err
	}
	go func() {
		for tick := time.NewTicker(2 * time.Second); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				_ = report() // the manager may be dead just now
			}
		}
	}()
	return nil
}
