package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"quarry/internal/api/agentapi"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/pnode"
)

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
	must(t, report(t.Context(), p1, pnode.Report{Facts: roomy}))

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
	must(t, report(ctx, was, pnode.Report{}))
	a := s.pnodes("p1")[0] // enrolled again: the first certificate is no good any more
	wantKind(t, report(ctx, was, pnode.Report{}), fault.Unauthorized)
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
	wantKind(t, report(t.Context(), a, pnode.Report{}), fault.Unauthorized)
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
