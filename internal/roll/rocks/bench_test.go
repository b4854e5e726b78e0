package rocks_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"quarry/internal/needs"
	"quarry/internal/roll/rocks"
)

// BenchmarkWalkServer is one walk of the 17 rolls of Rocks 7 from the
// frontend's node, after the tree was read and walked once.
func BenchmarkWalkServer(b *testing.B) {
	tr := tree(b, needs.Rocks(b, "real", "distro", "r7-all"))
	attrs := attributes(b, needs.Rocks(b, "real", "cases", "c03-server-r7-all", "attrs"))
	walk := func() {
		if p, err := tr.Walk("server", attrs, rocks.Options{Compat: true}); err != nil || len(p.Order) == 0 {
			b.Fatal(err)
		}
	}
	walk()
	for b.Loop() {
		walk()
	}
}

// BenchmarkFirstWalkServer is the same walk with every node file parsed anew.
func BenchmarkFirstWalkServer(b *testing.B) {
	dir := needs.Rocks(b, "real", "distro", "r7-all")
	attrs := attributes(b, needs.Rocks(b, "real", "cases", "c03-server-r7-all", "attrs"))
	for b.Loop() {
		b.StopTimer()
		tr := tree(b, dir)
		b.StartTimer()
		if _, err := tr.Walk("server", attrs, rocks.Options{Compat: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadTree reads the graphs and the node files.
func BenchmarkReadTree(b *testing.B) {
	dir := needs.Rocks(b, "real", "distro", "r7-all")
	for b.Loop() {
		tree(b, dir)
	}
}

// BenchmarkThousandProfiles makes the profiles of a thousand compute nodes,
// each with a name, rank, rack, address and MAC of its own, on all processors.
func BenchmarkThousandProfiles(b *testing.B) {
	tr := tree(b, needs.Rocks(b, "real", "distro", "r7-all"))
	base := attributes(b, needs.Rocks(b, "real", "cases", "c02-compute-r7-all", "attrs"))
	one := func(i int) error {
		attrs := maps.Clone(base)
		attrs["rack"], attrs["rank"] = fmt.Sprint(i/32), fmt.Sprint(i%32)
		attrs["hostname"] = fmt.Sprintf("compute-%d-%d", i/32, i%32)
		attrs["hostaddr"] = fmt.Sprintf("10.1.%d.%d", 255-i/250, 254-i%250)
		attrs["ksmac"] = fmt.Sprintf("52:54:00:00:%02x:%02x", i/256, i%256)
		_, err := tr.Walk("compute", attrs, rocks.Options{Compat: true})
		return err
	}
	start := processorTime(b)
	defer func() { b.ReportMetric((processorTime(b)-start)/float64(b.N), "cpu_s/op") }()
	for b.Loop() {
		var g errgroup.Group
		workers := runtime.GOMAXPROCS(0)
		for w := range workers {
			g.Go(func() error {
				for i := w; i < 1000; i += workers {
					if err := one(i); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}

// processorTime is what this process has used, in seconds.
func processorTime(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// BenchmarkMemory holds the tree and walks from the frontend's node; heap_MB is
// what is in use then.
func BenchmarkMemory(b *testing.B) {
	attrs := attributes(b, needs.Rocks(b, "real", "cases", "c03-server-r7-all", "attrs"))
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		full, err := filepath.Abs(needs.Rocks(b, "real", "distro", "r7-all"))
		if err != nil {
			b.Fatal(err)
		}
		tr, err := rocks.Read(os.DirFS(full), ".")
		if err != nil {
			b.Fatal(err)
		}
		p, err := tr.Walk("server", attrs, rocks.Options{Compat: true})
		if err != nil {
			b.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapInuse-before.HeapInuse)/(1<<20), "heap_MB")
		runtime.KeepAlive(p)
	}
}
