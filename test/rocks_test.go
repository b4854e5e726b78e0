//go:build lab

package test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quarry/internal/needs"
)

// An unmodified Rocks roll, imported with a mapping that renames its packages
// for Debian, is published, booked, and works on the nodes it hangs on.
func TestRocksRoll(t *testing.T) {
	tree := needs.Rocks(t, "real", "distro", "r7-all")
	rolls := t.TempDir()
	must(t, "roll", "import", "hpc", "--rocks", tree, "--map", "../docs/examples/hpc.map.yaml", "--out", rolls)
	must(t, "--context", "provider", "roll", "push", filepath.Join(rolls, "hpc"))

	must(t, "cluster", "create", "mpi", "--roll", "hpc", "--compute", "1", "--start", "asap", "--for", "1h")
	c := wait(t, "mpi", "ready", 15*time.Minute)
	wait(t, "mpi", "active", time.Until(c.Start)+time.Minute)
	defer endCluster(t, "mpi")

	if ran := ssh(t, "mpi", "compute-0", "mpirun --oversubscribe -np 2 hostname"); strings.Count(ran, "compute-0") != 2 {
		t.Errorf("two MPI processes on compute-0 say %q", ran)
	}
	if got := ssh(t, "mpi", "compute-0", "tail -n 1 /etc/ssh/sshd_config"); strings.TrimSpace(got) != "MaxStartups 32" {
		t.Errorf("the post of hpc-client left %q in sshd_config", got)
	}
	for _, node := range []string{"", "compute-0"} { // it hangs on what both have
		if got := ssh(t, "mpi", node, "cat /etc/security/limits.d/91-infiniband.conf"); !strings.Contains(got, "memlock unlimited") {
			t.Errorf("node %q has limits %q", node, got)
		}
	}
}
