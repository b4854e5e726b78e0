package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"quarry/internal/cluster"
)

// jobs submits the demo's jobs on the gateway and tells which node ran each.
func (d demo) jobs(ctx context.Context, c cluster.Cluster) error {
	ctx, cancel := context.WithTimeoutCause(ctx, jobPatience+time.Minute,
		&timeoutError{"the jobs were not done within " + short(jobPatience)})
	defer cancel()
	out, err := d.outside(ctx, c, jobScript(demoJobs, jobPatience), "sh", "-s")
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	ran, err := parseJobs(out, demoJobs)
	if err != nil {
		return err
	}
	sayJobs(d.out, ran)
	return nil
}

// jobScript submits n jobs, waits for them and prints "job N NODE" for each.
// A job sleeps a little, so that one slot does not take them all.
func jobScript(n int, patience time.Duration) string {
	return fmt.Sprintf(`set -eu
dir=$(mktemp -d ~/demo.XXXXXX)
cd "$dir"
cat >hello.sh <<'EOF'
#!/bin/sh
sleep 5
hostname
EOF
chmod +x hello.sh
cat >hello.sub <<'EOF'
universe = vanilla
executable = hello.sh
should_transfer_files = YES
when_to_transfer_output = ON_EXIT
output = job.$(Process).out
error = job.$(Process).err
log = jobs.log
request_cpus = 1
request_memory = 32
request_disk = 1024
queue %d
EOF
condor_submit hello.sub >&2
if ! condor_wait -wait %d jobs.log >&2; then
	condor_q -nobatch >&2 || true
	condor_q -better-analyze >&2 || true
	exit 1
fi
for i in $(seq 0 %d); do echo "job $i $(cat job.$i.out)"; done
`, n, int(patience.Seconds()), n-1)
}

// parseJobs reads what jobScript printed: the node of each of n jobs.
func parseJobs(out string, n int) ([]string, error) {
	ran := make([]string, n)
	for line := range strings.Lines(out) {
		var i int
		var node string
		if _, err := fmt.Sscanf(line, "job %d %s", &i, &node); err == nil && i >= 0 && i < n {
			node, _, _ = strings.Cut(node, ".")
			ran[i] = node
		}
	}
	for i, node := range ran {
		if node == "" {
			return nil, fmt.Errorf("job %d left no output; the gateway said:\n%s", i, out)
		}
	}
	return ran, nil
}

func sayJobs(w io.Writer, ran []string) {
	count := map[string]int{}
	var rows [][]string
	for i, node := range ran {
		count[node]++
		rows = append(rows, []string{fmt.Sprint(i), node})
	}
	printTable(w, []string{"JOB", "RAN ON"}, rows)
	fmt.Fprintf(w, "%d jobs on %d nodes\n", len(ran), len(count))
}
