package guest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"quarry/internal/vnode"
)

// The list of the cluster's nodes, for scripts.
const (
	nodesFile  = etcDir + "/nodes.json" // a JSON array of objects
	nodesTable = etcDir + "/nodes.txt"  // a line each: name, address, appliance
)

// signal is something that is so or not, and that can be waited for.
type signal struct {
	mu      sync.Mutex
	on      bool
	changed chan struct{}
}

func newSignal() *signal { return &signal{changed: make(chan struct{})} }

func (s *signal) set(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on == on {
		return
	}
	s.on = on
	close(s.changed)
	s.changed = make(chan struct{})
}

// await returns once the signal is on.
func (s *signal) await(ctx context.Context) error {
	for {
		s.mu.Lock()
		on, changed := s.on, s.changed
		s.mu.Unlock()
		if on {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// join waits until every vnode of the cluster is up and runs the cluster
// scripts, unless they ran on this disk for the same nodes. Only the waiting
// is broken off for a newer identity.
func (g *guest) join(ctx, untilNewer context.Context, id *vnode.Identity) error {
	nodes, err := nodesJSON(id)
	if err != nil {
		return err
	}
	mark := func(s vnode.Script) string {
		return marker(vnode.Script{Name: s.Name, Body: s.Body + "\x00" + string(nodes)})
	}
	open := slices.ContainsFunc(id.ClusterScripts, func(s vnode.Script) bool { return !g.done(mark(s)) })
	if !open {
		return nil
	}
	g.tell(vnode.FromGuest{
		Type: "step", Stage: vnode.StageCluster, Step: "waiting for the other nodes", Total: len(id.ClusterScripts),
	})
	if err := g.assembled.await(untilNewer); err != nil {
		return err
	}
	return g.runAll(ctx, id, batch{stage: vnode.StageCluster, prefix: "cluster-", scripts: id.ClusterScripts, mark: mark})
}

func nodesJSON(id *vnode.Identity) ([]byte, error) {
	hosts := id.Hosts
	if hosts == nil {
		hosts = []vnode.Host{}
	}
	return json.MarshalIndent(hosts, "", "  ")
}

// applyNodes writes the list of the cluster's nodes.
func (g *guest) applyNodes(_ context.Context, id *vnode.Identity) error {
	nodes, err := nodesJSON(id)
	if err != nil {
		return err
	}
	if err := g.tree.write(file{path: nodesFile, mode: 0o644, content: append(nodes, '\n')}); err != nil {
		return err
	}
	var table strings.Builder
	for _, h := range id.Hosts {
		fmt.Fprintf(&table, "%s %s %s\n", h.Name, h.Address, h.Appliance)
	}
	return g.tree.write(file{path: nodesTable, mode: 0o644, content: []byte(table.String())})
}
