package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"quarry/internal/api/agentapi"
	"quarry/internal/api/wire"
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

func TestVersions(t *testing.T) {
	s := newSite(t)
	s.pnodes("p1")
	resp, body := s.raw("POST", "/v1/clusters", s.demo, `{"name":"farm","rolls":["base"],"nodes":[],"startMode":"asap"}`)
	if resp.StatusCode != 201 || resp.Header.Get("Location") != "/v1/clusters/farm" || resp.Header.Get("ETag") != `"1"` {
		t.Fatalf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	for _, c := range []struct {
		tag  string
		want int
	}{{`"7"`, 412}, {`1`, 412}, {`W/"1"`, 412}, {`"x"`, 412}, {`"0"`, 412}, {`"1"`, 200}, {`*`, 200}} {
		resp, body := s.raw("POST", "/v1/clusters/farm/cancel", s.demo, "", "If-Match", c.tag)
		if resp.StatusCode != c.want {
			t.Errorf("If-Match %s: %d %s", c.tag, resp.StatusCode, body)
		}
	}
	if resp, _ := s.raw("GET", "/v1/clusters/farm", s.demo, ""); resp.Header.Get("ETag") != `"2"` {
		t.Errorf("ETag after one change: %s", resp.Header.Get("ETag"))
	}
	if resp, _ := s.raw("POST", "/v1/pnodes/p1/drain", s.provider, "", "If-Match", `"99"`); resp.StatusCode != 412 {
		t.Errorf("drain of another version: %d", resp.StatusCode)
	}
	info, err := s.client(s.provider).DrainPnode(t.Context(), "p1", true)
	if err != nil || info.State != "drained" {
		t.Errorf("drain: %+v, %v", info, err)
	}
	info, err = s.client(s.provider).DrainPnode(t.Context(), "p1", false)
	if err != nil || info.State != "ready" {
		t.Errorf("undrain: %+v, %v", info, err)
	}
}

// Every operation refuses every credential that it should.
func TestWhoMayDoWhat(t *testing.T) {
	s := newSite(t)
	p1 := s.pnodes("p1")[0]
	_, err := s.client(s.demo).CreateCluster(t.Context(), farm("farm"), false)
	must(t, err)
	boss := s.client(s.provider)
	revoked, err := boss.CreateToken(t.Context(), "demo", 0)
	must(t, err)
	must(t, boss.RevokeToken(t.Context(), revoked.ID))
	wantKind(t, boss.RevokeToken(t.Context(), "none"), fault.NotFound)
	wantKind(t, s.client(s.other).RevokeToken(t.Context(), revoked.ID), fault.NotFound)
	brief, err := boss.CreateToken(t.Context(), "demo", time.Minute)
	must(t, err)
	enrolment, err := boss.PnodeToken(t.Context(), "p9", time.Hour)
	must(t, err)
	s.ahead.Store(int64(2 * time.Minute))
	must(t, p1.Report(t.Context(), pnode.Report{Facts: roomy}))

	bad := map[string]string{
		"none": "", "unknown": "quarry_" + strings.Repeat("A", 26), "malformed": "xyz", "revoked": revoked.Secret,
		"expired": brief.Secret, "enrolment": enrolment.Token, "cut": s.demo[:len(s.demo)-1],
	}
	spec, _ := json.Marshal(farm("second"))
	for _, op := range []struct {
		method, path, body string
		provider, tenant   int
	}{
		{"GET", "/v1/clusters", "", 200, 200},
		{"POST", "/v1/clusters?dryRun=true", string(spec), 403, 200},
		{"GET", "/v1/clusters/farm", "", 200, 200},
		{"GET", "/v1/clusters/farm/lock", "", 200, 200},
		{"GET", "/v1/clusters/farm/events?follow=false", "", 200, 200},
		{"POST", "/v1/clusters/farm/end", "", 409, 409},
		{"GET", "/v1/pnodes", "", 200, 403},
		{"GET", "/v1/pnodes/p1", "", 200, 403},
		{"POST", "/v1/pnodes/p1/drain", "", 200, 403},
		{"POST", "/v1/pnodes/p1/undrain", "", 200, 403},
		{"POST", "/v1/pnodes/p2/token", `{"ttlSeconds":60}`, 200, 403},
		{"GET", "/v1/rolls", "", 200, 200},
		{"GET", "/v1/rolls/condor", "", 200, 200},
		{"GET", "/v1/rolls/condor/archive", "", 200, 200},
		{"PUT", "/v1/rolls/evil@1", "no archive", 422, 422},
		{"DELETE", "/v1/rolls/none@1", "", 404, 404},
		{"GET", "/v1/images", "", 200, 403},
		{"POST", "/v1/images/build", `{"rolls":["base"]}`, 200, 403},
		{"POST", "/v1/images/prune", "", 200, 403},
		{"GET", "/v1/tenants", "", 200, 403},
		{"POST", "/v1/tenants", `{"name":"third"}`, 201, 403},
		{"GET", "/v1/tokens", "", 200, 200},
		{"POST", "/v1/tokens", `{"tenant":"demo"}`, 201, 403},
		{"GET", "/v1/backup", "", 200, 403},
	} {
		for name, token := range bad {
			resp, body := s.raw(op.method, op.path, token, op.body, "Idempotency-Key", "k")
			if resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") == "" || !strings.Contains(body, "urn:quarry:problem:unauthorized") {
				t.Errorf("%s %s with token %s: %d %s", op.method, op.path, name, resp.StatusCode, body)
			}
		}
		for token, want := range map[string]int{s.demo: op.tenant, s.provider: op.provider} {
			if resp, body := s.raw(op.method, op.path, token, op.body); resp.StatusCode != want {
				t.Errorf("%s %s: %d, want %d: %s", op.method, op.path, resp.StatusCode, want, body)
			}
		}
	}
	for _, path := range []string{"/healthz", "/v1/version", "/openapi.json"} {
		if resp, body := s.raw("GET", path, "", ""); resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	if v, err := s.client("").Version(t.Context()); err != nil || v != "1.2.3" {
		t.Errorf("version %q, %v", v, err)
	}
	for _, path := range []string{"desired", "images/aa/disk.raw"} {
		if resp, body := s.raw("GET", "/agent/v1/"+path, s.provider, ""); resp.StatusCode != 401 {
			t.Errorf("agent's %s without certificate: %d %s", path, resp.StatusCode, body)
		}
	}
	if resp, body := s.raw("POST", "/agent/v1/report", s.provider, "{}"); resp.StatusCode != 401 {
		t.Errorf("report without certificate: %d %s", resp.StatusCode, body)
	}
}

func TestProblems(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		want                     []string
	}{
		{
			"every fault is listed", "POST", "/v1/clusters", `{"name":"Not OK","rolls":["nope"],"nodes":[{"appliance":"compute","count":-1}]}`, 422,
			[]string{"urn:quarry:problem:invalid", "spec.name", "Not OK", "count"},
		},
		{"unknown field", "POST", "/v1/clusters", `{"name":"a","rolls":[],"nodes":[],"colour":1}`, 422, []string{"body.colour", "urn:quarry:problem:invalid"}},
		{"wrong type", "POST", "/v1/clusters", `{"name":1,"rolls":[],"nodes":[]}`, 422, []string{"body.name"}},
		{"missing", "POST", "/v1/clusters", `{}`, 422, []string{"body"}},
		{"no body", "POST", "/v1/clusters", "", 400, []string{"urn:quarry:problem:invalid"}},
		{"cut off", "POST", "/v1/clusters", `{"name":`, 400, []string{"urn:quarry:problem:invalid"}},
		{"too long", "POST", "/v1/clusters", `{"name":"` + strings.Repeat("a", maxBody) + `"}`, 413, []string{"urn:quarry:problem:invalid"}},
		{"unknown query", "GET", "/v1/clusters?al=true", "", 422, []string{"al"}},
		{"bad query", "GET", "/v1/clusters?all=maybe", "", 422, []string{"query.all"}},
		{"no such path", "GET", "/v2/clusters", "", 404, []string{"urn:quarry:problem:not_found"}},
		{"no such method", "DELETE", "/v1/clusters", "", 405, []string{"GET", "POST"}},
		{"too far", "POST", "/v1/tokens", `{"expiresSeconds":1e300}`, 403, []string{"forbidden"}},
	} {
		resp, body := s.raw(c.method, c.path, s.demo, c.body)
		if resp.StatusCode != c.status || resp.Header.Get("Content-Type") != wire.ProblemMedia {
			t.Errorf("%s: %d %s %s", c.name, resp.StatusCode, resp.Header.Get("Content-Type"), body)
		}
		for _, part := range c.want {
			if !strings.Contains(body, part) {
				t.Errorf("%s: no %q in %s", c.name, part, body)
			}
		}
	}
	_, err := s.client(s.demo).CreateCluster(t.Context(), cluster.Spec{Name: "Not OK", Rolls: []string{"nope"}}, false)
	wantKind(t, err, fault.Invalid)
	if !strings.Contains(fmt.Sprint(err), "spec.name: ") {
		t.Errorf("the client lost the field: %v", err)
	}
	// Nothing fits where no pnode is: refused, not a conflict, though both are 409.
	_, err = s.client(s.demo).CreateCluster(t.Context(), farm("farm"), false)
	wantKind(t, err, fault.Refused)
	f, _ := errors.AsType[*fault.Error](err)
	var refusal manager.Refusal
	if raw, ok := f.Refusal.(json.RawMessage); !ok || json.Unmarshal(raw, &refusal) != nil || len(refusal.Reasons) == 0 || !refusal.Certain {
		t.Errorf("the client lost why: %s", f.Refusal)
	}
}

func TestKindsSurviveTheWire(t *testing.T) {
	// All kinds there are, not those of wire's table: one that it lacks must fail.
	for _, kind := range []fault.Kind{
		fault.Invalid, fault.NotFound, fault.Conflict, fault.Refused,
		fault.Unauthorized, fault.Forbidden, fault.Unavailable, fault.Precondition,
	} {
		f := fault.New(kind, "title", fault.Detail{Field: "a.b", Message: "m"}, fault.Detail{Message: "n"})
		r := &http.Response{StatusCode: wire.StatusOf(kind), Header: http.Header{"Content-Type": {wire.ProblemMedia}}}
		raw, err := json.Marshal(problemOf(f))
		must(t, err)
		r.Body = io.NopCloser(bytes.NewReader(raw))
		got := wire.FaultOf(r)
		if fault.KindOf(got) != kind || got.Error() != f.Error() {
			t.Errorf("%s came back as %s: %v", kind, fault.KindOf(got), got)
		}
	}
	for status, want := range map[int]fault.Kind{502: fault.Unavailable, 500: "", 302: "", 404: fault.NotFound} {
		r := &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("<html>"))}
		if got := wire.FaultOf(r); fault.KindOf(got) != want && want != "" {
			t.Errorf("%d: %v", status, got)
		}
	}
}

func TestIdempotency(t *testing.T) {
	s := newSite(t)
	s.pnodes("p1")
	post := func(token, path, body, key string) (*http.Response, string) {
		return s.raw("POST", path, token, body, wire.KeyHeader, key)
	}
	var wg sync.WaitGroup
	answers := make([]string, 8)
	for i := range answers {
		wg.Go(func() {
			_, answers[i] = post(s.provider, "/v1/tokens", `{"tenant":"demo"}`, "one")
		})
	}
	wg.Wait()
	for _, a := range answers {
		if a != answers[0] || !strings.Contains(a, `"secret":"quarry_`) {
			t.Errorf("an answer of its own: %s", a)
		}
	}
	var made manager.TokenInfo
	must(t, json.Unmarshal([]byte(answers[0]), &made))
	must(t, s.st.View(t.Context(), func(tx *store.Tx) error {
		all, err := tx.Tokens("demo")
		if len(all) != 2 {
			t.Errorf("%d tokens were made", len(all)-1)
		}
		return err
	}))
	backup := filepath.Join(t.TempDir(), "backup")
	must(t, s.st.Backup(t.Context(), backup))
	raw, err := os.ReadFile(backup)
	must(t, err)
	if bytes.Contains(raw, []byte(made.Secret)) {
		t.Error("the store holds the secret of a token")
	}

	first, body := post(s.demo, "/v1/clusters", `{"name":"farm","rolls":["base"],"nodes":[],"startMode":"asap"}`, "two")
	again, body2 := post(s.demo, "/v1/clusters", `{"name":"farm","rolls":["base"],"nodes":[],"startMode":"asap"}`, "two")
	if first.StatusCode != 201 || again.StatusCode != 201 || body != body2 || again.Header.Get("Location") != first.Header.Get("Location") {
		t.Errorf("first %d %s, again %d %s", first.StatusCode, body, again.StatusCode, body2)
	}
	if first.Header.Get(replayedHeader) != "" || again.Header.Get(replayedHeader) != "true" {
		t.Error("the header does not tell the repetition")
	}
	if resp, body := post(s.demo, "/v1/clusters?dryRun=true", `{"name":"farm","rolls":["base"],"nodes":[],"startMode":"asap"}`, "two"); resp.StatusCode != 422 {
		t.Errorf("the key with another request: %d %s", resp.StatusCode, body)
	}
	// Keys of different callers are different keys.
	if resp, body := post(s.other, "/v1/clusters", `{"name":"farm","rolls":["base"],"nodes":[],"startMode":"asap"}`, "two"); resp.Header.Get(replayedHeader) != "" {
		t.Errorf("another's answer was given: %d %s", resp.StatusCode, body)
	}
	// A refusal is not kept.
	if resp, _ := post(s.demo, "/v1/clusters/none/cancel", "", "three"); resp.StatusCode != 404 {
		t.Errorf("cancel of nothing: %d", resp.StatusCode)
	}
	if resp, _ := post(s.demo, "/v1/clusters/none/cancel", "", "three"); resp.StatusCode != 404 || resp.Header.Get(replayedHeader) != "" {
		t.Error("a refusal was kept")
	}
	if resp, _ := post(s.demo, "/v1/clusters", "{}", strings.Repeat("k", maxKey+1)); resp.StatusCode != 422 {
		t.Errorf("a long key: %d", resp.StatusCode)
	}
	// After a day a key is new.
	s.ahead.Store(int64(store.IdempotentAge + time.Minute))
	if resp, body := post(s.provider, "/v1/tokens", `{"tenant":"demo"}`, "one"); resp.StatusCode != 201 || body == answers[0] {
		t.Errorf("the key after a day: %d %s", resp.StatusCode, body)
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

func TestAgents(t *testing.T) {
	s := newSite(t)
	s.run()
	ctx, boss := t.Context(), s.client(s.provider)
	token, err := boss.PnodeToken(ctx, "p1", time.Minute)
	must(t, err)
	_, err = agentapi.Enroll(ctx, s.address, s.ca, token.Token, "p2")
	wantKind(t, err, fault.Unauthorized)
	old, err := agentapi.Enroll(ctx, s.address, s.ca, token.Token, "p1")
	must(t, err)
	_, err = agentapi.Enroll(ctx, s.address, s.ca, token.Token, "p1")
	wantKind(t, err, fault.Unauthorized)
	late, err := boss.PnodeToken(ctx, "p1", time.Second)
	must(t, err)
	s.ahead.Store(int64(2 * time.Second))
	_, err = agentapi.Enroll(ctx, s.address, s.ca, late.Token, "p1")
	wantKind(t, err, fault.Unauthorized)
	_, err = agentapi.Enroll(ctx, s.address, s.ca, "unknown", "p1")
	wantKind(t, err, fault.Unauthorized)

	was, err := agentapi.New(s.address, old)
	must(t, err)
	must(t, was.Report(ctx, pnode.Report{}))
	a := s.pnodes("p1")[0] // enrolled again: the first certificate is no good any more
	wantKind(t, was.Report(ctx, pnode.Report{}), fault.Unauthorized)
	was.HTTPClient().CloseIdleConnections()

	if info, err := boss.Pnode(ctx, "p1"); err != nil || info.Facts.CPUs != 8 {
		t.Errorf("after the report: %+v, %v", info, err)
	}
	resp, err := a.HTTPClient().Get(a.ImagesURL() + "/abc/disk.raw")
	must(t, err)
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	must(t, resp.Body.Close())
	if string(body) != "/abc/disk.raw" {
		t.Errorf("image: %d %s", resp.StatusCode, body)
	}

	bound, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	enough := fmt.Errorf("enough")
	var seen []pnode.Desired
	err = a.Watch(bound, func(d pnode.Desired) error {
		if len(seen) > 0 && !d.Newer(seen[len(seen)-1]) {
			t.Errorf("generation %d came after %d", d.Generation, seen[len(seen)-1].Generation)
		}
		if len(seen) == 0 { // something changes while the stream is open
			spec := farm("farm")
			spec.StartMode = cluster.StartNow
			_, err := s.client(s.demo).CreateCluster(ctx, spec, false)
			must(t, err)
		}
		seen = append(seen, d)
		if len(d.Clusters) == 1 && len(d.Clusters[0].Vnodes) == 3 {
			return enough
		}
		return nil
	})
	if err == nil || err.Error() != enough.Error() {
		t.Fatalf("watch: %v after %d states", err, len(seen))
	}
	if id := seen[len(seen)-1].Clusters[0].Vnodes[0].Identity; id.Hostname == "" || id.HostKeys["ed25519"] == "" {
		t.Error("the identity did not come through")
	}
}

func TestAgentOfAnotherSite(t *testing.T) {
	s, foreign := newSite(t), newSite(t)
	e := foreign.enrol("p1")
	e.CA = s.ca
	a, err := agentapi.New(s.address, e)
	must(t, err)
	wantKind(t, a.Report(t.Context(), pnode.Report{}), fault.Unauthorized)
	if _, err := s.client(s.demo).Clusters(t.Context(), false); err != nil {
		t.Error(err)
	}
	wrong, err := New(s.address, s.demo, foreign.ca)
	must(t, err)
	if _, err := wrong.Clusters(t.Context(), false); err == nil || fault.KindOf(err) != "" {
		t.Errorf("the client trusts another site's manager: %v", err)
	}
	for _, server := range []string{"http://" + s.address, "", "https://", "ftp://x", "https://a b"} {
		_, err := New(server, s.demo, s.ca)
		wantKind(t, err, fault.Invalid)
	}
	_, err = New(s.address, "", []byte("garbage"))
	wantKind(t, err, fault.Invalid)
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

// Whatever comes to the port, the next honest request is answered.
func TestGarbageAtThePort(t *testing.T) {
	s := newSite(t)
	garbage := make([]byte, 1<<20)
	_, _ = rand.Read(garbage)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.ca)
	for name, dial := range map[string]func() (net.Conn, error){
		"bare": func() (net.Conn, error) { return net.Dial("tcp", s.address) },
		"within TLS": func() (net.Conn, error) {
			return tls.Dial("tcp", s.address, &tls.Config{RootCAs: pool})
		},
	} {
		for _, sent := range [][]byte{garbage, []byte("GET / HTTP/1.1\r\n\r\n"), bytes.Repeat([]byte("A: b\r\n"), 200000)} {
			conn, err := dial()
			must(t, err)
			must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
			_, _ = conn.Write(sent) // it may be cut off at any point
			if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Errorf("%s: the connection was kept open: %v", name, err)
			}
			_ = conn.Close()
		}
	}
	long, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.address+"/healthz", nil)
	must(t, err)
	long.Header.Set("X-Long", strings.Repeat("a", 2*maxHeader))
	if resp, err := s.client("").link.HTTP.Do(long); err == nil { // HTTP/2 ends the connection instead of answering
		must(t, resp.Body.Close())
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a long header: %d", resp.StatusCode)
		}
	}
	if resp, body := s.raw("GET", "/healthz", "", ""); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
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
