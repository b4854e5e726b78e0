package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBackOffGrowsToALimit(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		1: minDelay, 2: 2 * minDelay, 3: 4 * minDelay, 5: 16 * minDelay, 6: maxDelay, 1000: maxDelay,
	} {
		if got := backOff(failures); got != want {
			t.Errorf("after %d failures %s, want %s", failures, got, want)
		}
	}
}

func TestFirstOfNamespace(t *testing.T) {
	for status, want := range map[string]bool{
		"Name:\tquarry\nNSpid:\t4711\t1\nVmPeak: 1":      true,
		"Name:\tquarry\nNSpid:\t4711\t17\t1\n":           true,
		"Name:\tinit\nNSpid:\t1\n":                       false, // of the machine
		"Name:\tquarry\nNSpid:\t4711\t12\n":              false,
		"Name:\tquarry\n":                                false,
		"":                                               false,
		"Name:\tNSpid: 5 1\nNSpid:\t4711\n":              false,
		"Name:\tquarry\nNSpid:\n":                        false,
		"Name:\tquarry\nNSpid:\t1\t1\nNSsid:\t4711\t9\n": true,
	} {
		if got := firstOfNamespace([]byte(status)); got != want {
			t.Errorf("%q: %v, want %v", status, got, want)
		}
	}
}

func TestNoProcessOfOursIsTakenForAHost(t *testing.T) {
	if name, ok := supervisorOf(os.Getpid(), DefaultDir); ok {
		t.Errorf("the test is taken for the host %q", name)
	}
	found, err := supervisors(t.TempDir())
	if err != nil || len(found) != 0 {
		t.Errorf("supervisors of a folder without a lab: %v, %v", found, err)
	}
}

func TestMountsBelow(t *testing.T) {
	info := `25 1 8:1 / / rw - ext4 /dev/sda rw
30 25 0:5 / /var/lib/my\040lab/hosts/p1/run rw shared:1 - tmpfs tmpfs rw
31 30 0:6 / /var/lib/my\040lab/hosts/p1/run/bin rw - ext4 /dev/sda rw
32 25 0:7 / /var/lib/my\040laboratory rw - tmpfs tmpfs rw
33 25 0:7 / /var/lib/my\040lab rw - tmpfs tmpfs rw
short line
`
	got := mountsBelow(info, "/var/lib/my lab")
	want := []string{"/var/lib/my lab/hosts/p1/run/bin", "/var/lib/my lab/hosts/p1/run"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLogFileTurnsOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	log, err := openLog(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		fmt.Fprintf(log, "line%d\n", i)
	}
	for file, want := range map[string]string{path: "line4\n", path + ".1": "line3\n"} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s holds %q, want %q (%v)", file, got, want, err)
		}
	}
	again, err := openLog(path, 10)
	if err != nil || again.size != 6 {
		t.Errorf("a log opened again has size %d, want 6 (%v)", again.size, err)
	}
}

func TestWaitsForNamesTheFirst(t *testing.T) {
	states := []ServiceStatus{{Name: "a", State: StateReady}, {Name: "b", State: StateDone}, {Name: "c", State: StateBackOff}}
	for name, want := range map[string]string{everything: "c", "a": "", "b": "", "c": "c"} {
		if got := waitsFor(states, name); got != want {
			t.Errorf("%q waits for %q, want %q", name, got, want)
		}
	}
	if waitsFor(nil, everything) == "" {
		t.Error("a host that said nothing yet counts as ready")
	}
}

func TestReadyAsksTheWorld(t *testing.T) {
	dir := t.TempDir()
	socket, file := filepath.Join(dir, "s"), filepath.Join(dir, "f")
	for name, r := range map[string]ready{"unix": {Unix: socket}, "file": {File: file}, "both": {Unix: socket, File: file}} {
		if r.met(context.Background()) {
			t.Errorf("%s is ready and is not there", name)
		}
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if !(ready{Unix: socket}).met(context.Background()) {
		t.Error("a socket that accepts is not ready")
	}
	if (ready{Unix: socket, File: file}).met(context.Background()) {
		t.Error("ready with one of two")
	}
	if !(ready{}).met(context.Background()) {
		t.Error("nothing asked for is not ready")
	}
}

func TestStatusOfNoLab(t *testing.T) {
	st, err := Status(context.Background(), filepath.Join(t.TempDir(), "none"))
	if err != nil || st.Up || st.Hosts == nil || len(st.Hosts) != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestTailNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	if err := os.WriteFile(path, []byte(strings.Repeat("old\n", 100)+"the end\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := tail(path)
	if !strings.Contains(got, path) || !strings.HasSuffix(got, "the end") || strings.Count(got, "\n") > 8 {
		t.Errorf("tail is %q", got)
	}
}
