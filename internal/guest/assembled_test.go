package guest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"quarry/internal/vnode"
)

func withClusterScripts(t *testing.T) *vnode.Identity {
	id := withScripts(t)
	id.ClusterScripts = []vnode.Script{{Name: "app/join", Body: "#!/bin/sh\n1"}, {Name: "app/tell", Body: "#!/bin/sh\n2"}}
	return id
}

// meet starts a guest and sends it an identity.
func meet(t *testing.T, f *fakeSystem, id *vnode.Identity, assembled bool) *agent {
	t.Helper()
	a, _, _ := start(t, f)
	a.connect()
	a.read(t)
	a.send(t, vnode.ToGuest{Type: "identity", Identity: id, Assembled: assembled})
	return a
}

// drain reads what the guest repeats for a while, and returns the last message.
func (a *agent) drain(t *testing.T, d time.Duration) vnode.FromGuest {
	t.Helper()
	var last vnode.FromGuest
	for end := time.Now().Add(d); time.Now().Before(end); {
		last = a.read(t)
	}
	return last
}

func TestClusterScriptsWaitForAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, id := newFake(t), withClusterScripts(t)
		a := meet(t, f, id, false)
		a.until(t, "step", vnode.StageCluster)
		if last := a.drain(t, time.Hour); last.Stage != vnode.StageCluster || last.Done != 0 || last.Total != 2 {
			t.Fatalf("after an hour: %+v", last)
		}
		if f.called("cluster-") != 0 || f.called("check-") != 0 {
			t.Fatalf("did not wait: %q", f.calls)
		}
		if f.called("systemctl start") != 1 {
			t.Errorf("services start before the cluster's scripts: %q", f.calls)
		}
		a.send(t, vnode.ToGuest{Type: "identity", Identity: id, Assembled: true})
		a.until(t, "health", vnode.StageReady)
		if f.called("cluster-01-app-join") != 1 || f.called("cluster-02-app-tell") != 1 {
			t.Errorf("calls %q", f.calls)
		}
		// Word that a node is gone for a while changes nothing.
		a.send(t, vnode.ToGuest{Type: "identity", Identity: id})
		a.send(t, vnode.ToGuest{Type: "identity", Identity: id, Assembled: true})
		if last := a.drain(t, time.Minute); !last.Healthy || f.called("cluster-") != 2 {
			t.Errorf("%+v, calls %q", last, f.calls)
		}
	})
}

func TestClusterScriptsRunOnceForTheSameNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, id := newFake(t), withClusterScripts(t)
		first := meet(t, f, id, true)
		first.until(t, "health", vnode.StageReady)
		first.pullThePlug()
		if err := os.RemoveAll(filepath.Join(f.root, "run")); err != nil { // a tmpfs
			t.Fatal(err)
		}
		a := meet(t, f, id, false) // rebooted, and the others are not up
		a.until(t, "health", vnode.StageReady)
		if f.called("cluster-") != 2 {
			t.Fatalf("ran again after a boot: %q", f.calls)
		}
		id.Hosts = append(id.Hosts, vnode.Host{Name: "compute-1", Address: "10.1.0.11", Appliance: "compute"})
		a.send(t, vnode.ToGuest{Type: "identity", Identity: id})
		if last := a.drain(t, time.Minute); !last.Healthy || f.called("cluster-") != 2 {
			t.Fatalf("a vnode in use does not wait quietly: %+v, %q", last, f.calls)
		}
		a.send(t, vnode.ToGuest{Type: "identity", Identity: id, Assembled: true})
		if last := a.drain(t, time.Minute); !last.Healthy || f.called("cluster-") != 4 {
			t.Errorf("did not run for the new node: %q", f.calls)
		}
		table, err := tree{root: f.root}.read(nodesTable)
		if err != nil || !strings.Contains(string(table), "compute-1 10.1.0.11 compute\n") {
			t.Errorf("nodes %q, %v", table, err)
		}
	})
}

func TestANewerIdentityEndsTheWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, id := newFake(t), withClusterScripts(t)
		a := meet(t, f, id, false)
		a.until(t, "step", vnode.StageCluster)
		id.ClusterScripts = nil
		a.send(t, vnode.ToGuest{Type: "identity", Identity: id})
		a.until(t, "health", vnode.StageReady)
		if f.called("cluster-") != 0 {
			t.Errorf("calls %q", f.calls)
		}
	})
}

func TestAFailedClusterScriptIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.run = func(_ context.Context, name string, c Command) error {
			if name != "cluster-02-app-tell" {
				return nil
			}
			_, err := c.Output.Write([]byte("nobody answers\n"))
			return errors.Join(err, errors.New("exit status 4"))
		}
		a := meet(t, f, withClusterScripts(t), true)
		for {
			m := a.read(t)
			if m.Type != "failed" {
				continue
			}
			if m.Stage != vnode.StageCluster || m.Step != "app/tell" || m.Done != 1 || !strings.Contains(m.Message, "nobody answers") {
				t.Errorf("%+v", m)
			}
			return
		}
	})
}
