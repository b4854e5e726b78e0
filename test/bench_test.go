//go:build lab

package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
)

// imagesDir is where the lab's manager keeps images, as the machine sees it.
const imagesDir = "/var/lib/quarry-lab/cache/manager/images"

// BenchmarkSite measures the whole: one after the other, because each would
// disturb the next.
func BenchmarkSite(b *testing.B) {
	b.Run("binary", func(b *testing.B) {
		for _, name := range []string{"quarry", "quarry-guest"} {
			info, err := os.Stat(filepath.Join("../bin", name))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size())/1e6, name+"-MB")
		}
		b.Log("ls -l bin/")
	})
	b.Run("idle", benchmarkIdle)
	must(b, "lab", "down", "--purge")
	must(b, "lab", "up")
	b.Run("cold", func(b *testing.B) {
		c := bookAndEnd(b, "cold", "condor")
		b.ReportMetric(c.ReadyAt.Sub(c.CreatedAt).Seconds(), "s-to-ready")
		b.Log("quarry cluster create cold --roll condor --compute 2 --start asap, no package or image cached")
	})
	b.Run("condor", func(b *testing.B) { benchmarkWarm(b, "warm", "condor") })
	bookAndEnd(b, "first", "base") // makes its images and brings them to the pnodes
	b.Run("base", func(b *testing.B) { benchmarkWarm(b, "bare", "base") })
}

// benchmarkWarm measures a cluster whose images are there against three plain
// guests on the same images.
func benchmarkWarm(b *testing.B, name, roll string) {
	c := bookAndEnd(b, name, roll)
	ready := c.ReadyAt.Sub(c.CreatedAt).Seconds()
	b.ReportMetric(ready, "s-to-ready")
	b.Logf("quarry cluster create %s --roll %s --compute 2 --start asap", name, roll)
	args := []string{strconv.Itoa(cluster.DefaultMemoryMiB)}
	for _, n := range c.Nodes {
		args = append(args, filepath.Join(imagesDir, n.Image))
	}
	var complaints bytes.Buffer // QEMU's last words when it is ended, too
	cmd := exec.CommandContext(b.Context(), "./plain-qemu.sh", args...)
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%v: %s", err, &complaints)
	}
	plain, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(plain, "s-to-plain-ssh")
	b.ReportMetric(ready/plain, "ready/plain")
	b.Log("test/plain-qemu.sh " + strings.Join(args, " "))
}

// bookAndEnd books three nodes, waits until they are ready, and ends them.
func bookAndEnd(b *testing.B, name, roll string) cluster.Cluster {
	b.Helper()
	must(b, "cluster", "create", name, "--roll", roll, "--compute", "2", "--start", "asap", "--for", "1h")
	c := wait(b, name, "ready", 20*time.Minute)
	endCluster(b, name)
	return c
}

// benchmarkIdle measures the daemons of a site that has nothing to do.
func benchmarkIdle(b *testing.B) {
	const span = 20 * time.Second
	for _, d := range []struct{ host, pattern string }{{"manager", "quarry manager run"}, {"p1", "quarry agent run"}} {
		pid := strings.Fields(sh(b, d.host, "pgrep -of '"+d.pattern+"'"))[0]
		before := ticks(b, d.host, pid)
		<-time.After(span)
		cpu := float64(ticks(b, d.host, pid)-before) / 100 / span.Seconds() * 100
		name := strings.Fields(d.pattern)[1]
		b.ReportMetric(cpu, name+"-CPU%")
		rss, err := strconv.Atoi(strings.TrimSpace(sh(b, d.host, "ps -o rss= -p "+pid)))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(rss)/1024, name+"-MiB")
		b.Logf("quarry lab exec %s -- ps -o time,rss -p %s, %s apart", d.host, pid, span)
	}
}

// ticks is the processor time of a process, in hundredths of a second.
func ticks(b *testing.B, host, pid string) int {
	b.Helper()
	var user, system int
	stat := sh(b, host, "cat /proc/"+pid+"/stat")
	f := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if _, err := fmt.Sscan(f[11]+" "+f[12], &user, &system); err != nil {
		b.Fatal(err)
	}
	return user + system
}
