package cli

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
)

func TestJobScriptIsShell(t *testing.T) {
	cmd := exec.Command("sh", "-n")
	cmd.Stdin = strings.NewReader(jobScript(demoJobs, time.Minute))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestParseJobs(t *testing.T) {
	ran, err := parseJobs("hello\njob 1 compute-1.cluster.internal\njob 0 compute-0\njob 9 x\n", 2)
	if err != nil || strings.Join(ran, " ") != "compute-0 compute-1" {
		t.Errorf("%q, %v", ran, err)
	}
	if _, err := parseJobs("job 0 compute-0\njob 1 \n", 2); err == nil || !strings.Contains(err.Error(), "job 1") {
		t.Errorf("a job without output: %v", err)
	}
}

func TestUsable(t *testing.T) {
	for _, c := range []struct {
		c    cluster.Cluster
		want bool
	}{
		{cluster.Cluster{State: cluster.Active, End: noon.Add(time.Hour)}, true},
		{cluster.Cluster{State: cluster.Booked, End: noon.Add(time.Hour)}, true},
		{cluster.Cluster{State: cluster.Active, End: noon.Add(time.Minute)}, false},
		{cluster.Cluster{State: cluster.Ending, End: noon.Add(time.Hour)}, false},
		{cluster.Cluster{State: cluster.Failed, End: noon.Add(time.Hour)}, false},
	} {
		if got := usable(c.c, noon); got != c.want {
			t.Errorf("%s until %s: %v", c.c.State, c.c.End, got)
		}
	}
}
