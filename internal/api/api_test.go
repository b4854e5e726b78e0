package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
	"quarry/internal/pnode"
	"quarry/internal/store"
)

func TestLifeOfACluster(t *testing.T) {
	s := newSite(t)
	s.pnodes("p1", "p2")
	ctx, c := t.Context(), s.client(s.demo)
	dry, err := c.CreateCluster(ctx, farm("farm"), true)
	must(t, err)
	if dry.Name != "farm" || dry.Version != 0 {
		t.Errorf("dry run: %+v", dry)
	}
	if list, err := c.Clusters(ctx, true); err != nil || list == nil || len(list) != 0 {
		t.Errorf("after a dry run: %v, %v", list, err)
	}
	booked, err := c.CreateCluster(ctx, farm("farm"), false)
	must(t, err)
	if booked.State != cluster.Booked || len(booked.Nodes) != 3 || booked.Gateway.OutsideAddress == "" {
		t.Errorf("booked: %+v", booked)
	}
	_, err = c.CreateCluster(ctx, farm("farm"), false)
	wantKind(t, err, fault.Conflict)
	for who, token := range map[string]string{"farm": s.demo, "demo/farm": s.provider} {
		got, err := s.client(token).Cluster(ctx, who)
		must(t, err)
		if got.ID != booked.ID {
			t.Errorf("%s: got cluster %s", who, got.ID)
		}
		lock, err := s.client(token).ClusterLock(ctx, who)
		must(t, err)
		for _, n := range booked.Nodes {
			if address := lock.Appliances[n.Appliance].Address; address == "" || address != n.Image {
				t.Errorf("%s boots image %s, the lock says %s", n.Name, n.Image, address)
			}
		}
		if wrong := lock.Changed(); wrong != nil {
			t.Errorf("the lock changed on the wire: %v", wrong)
		}
	}
	for _, name := range []string{"farm", "demo/farm", "../clusters", "a b?c#d%"} {
		_, err = s.client(s.other).Cluster(ctx, name)
		wantKind(t, err, fault.NotFound)
		_, err = s.client(s.other).CancelCluster(ctx, name)
		wantKind(t, err, fault.NotFound)
		_, err = s.client(s.other).Events(ctx, name, 0)
		wantKind(t, err, fault.NotFound)
		_, err = s.client(s.other).ClusterLock(ctx, name)
		wantKind(t, err, fault.NotFound)
	}
	_, err = c.EndCluster(ctx, "farm")
	wantKind(t, err, fault.Refused)
	gone, err := c.CancelCluster(ctx, "farm")
	must(t, err)
	if gone.State != cluster.Cancelled {
		t.Errorf("cancelled: %s", gone.State)
	}
	_, err = c.ClusterLock(ctx, "farm")
	wantKind(t, err, fault.Refused)
	events, err := c.Events(ctx, "farm", 0)
	must(t, err)
	if len(events) != 2 || events[0].Type != "booked" {
		t.Errorf("events: %+v", events)
	}
}

func TestFollow(t *testing.T) {
	s := newSite(t)
	s.pnodes("p1")
	c := s.client(s.demo)
	_, err := c.CreateCluster(t.Context(), farm("farm"), false)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var types []string
	for e, err := range c.Follow(ctx, "farm", 0) {
		must(t, err)
		types = append(types, e.Type)
		if len(types) == 1 { // the manager restarts in between
			address := s.address
			s.stop()
			s.serve(address)
			if _, err := s.client(s.demo).CancelCluster(t.Context(), "farm"); err != nil {
				t.Fatal(err)
			}
		}
		if len(types) == 2 {
			break
		}
	}
	if fmt.Sprint(types) != "[booked cancelled]" {
		t.Errorf("events: %v", types)
	}
	for _, err := range s.client(s.other).Follow(ctx, "farm", 0) {
		wantKind(t, err, fault.NotFound)
	}
	ended, stop := context.WithCancel(ctx)
	stop()
	for _, err := range c.Follow(ended, "farm", 0) {
		if err == nil || ended.Err() == nil {
			t.Errorf("after its context ended: %v", err)
		}
	}
}

func TestBackup(t *testing.T) {
	s := newSite(t)
	wantKind(t, s.client(s.demo).Backup(t.Context(), io.Discard), fault.Forbidden)
	file, err := os.Create(filepath.Join(t.TempDir(), "backup"))
	must(t, err)
	must(t, s.client(s.provider).Backup(t.Context(), file))
	must(t, file.Close())
	path := filepath.Join(t.TempDir(), "store.db")
	must(t, store.Restore(t.Context(), file.Name(), path, false))
	st, err := store.Open(t.Context(), path)
	must(t, err)
	site, err := manager.ReadSite(t.Context(), st)
	if err != nil || site.VLANFirst != 100 {
		t.Errorf("restored: %+v, %v", site, err)
	}
	must(t, st.Close())
}

// Serve ends soon although streams are open.
func TestServeEnds(t *testing.T) {
	s := newSite(t)
	a := s.pnodes("p1")[0]
	s.run()
	done, connected := make(chan error, 1), make(chan struct{})
	go func() {
		done <- a.Watch(context.Background(), func(pnode.Desired) error { close(connected); return nil })
	}()
	<-connected
	began := time.Now()
	s.stop()
	if took := time.Since(began); took > shutdownTime-time.Second {
		t.Errorf("stopping took %s", took)
	}
	if err := <-done; err == nil {
		t.Error("the stream did not end")
	}
}

func TestOpenAPI(t *testing.T) {
	raw, err := OpenAPI("1.2.3")
	must(t, err)
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string          `json:"operationId"`
			Summary     string          `json:"summary"`
			Responses   map[string]any  `json:"responses"`
			Security    json.RawMessage `json:"security"`
		} `json:"paths"`
	}
	must(t, json.Unmarshal(raw, &doc))
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Paths) < 15 {
		t.Errorf("version %s, %d paths", doc.OpenAPI, len(doc.Paths))
	}
	open := 0
	for path, operations := range doc.Paths {
		for method, op := range operations {
			if op.OperationID == "" || op.Summary == "" || len(op.Responses) == 0 {
				t.Errorf("%s %s is not described: %+v", method, path, op)
			}
			if len(op.Security) == 0 {
				open++
			}
		}
	}
	if open != 2 {
		t.Errorf("%d operations need no token; enroll and version should", open)
	}
	s := newSite(t)
	if _, body := s.raw("GET", "/openapi.json", "", ""); strings.TrimSpace(body) != strings.TrimSpace(string(raw)) {
		t.Error("another description is served")
	}
}
