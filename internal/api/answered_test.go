package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"quarry/internal/api/wire"
)

// A manager that dies after what was asked for is durable and before it
// answers: who asks again with the same key is told what came of it.
func TestAnswerSurvivesACrashBeforeIt(t *testing.T) {
	s := newSite(t)
	s.pnodes("p1")
	token, err := s.client(s.provider).CreateToken(t.Context(), "demo", 0)
	must(t, err)
	dies := s.server.guard(s.server.idempotent(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.server.operations().ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	})))
	for _, op := range []struct {
		token, path, body string
		status            int
	}{
		{s.provider, "/v1/tenants", `{"name":"third"}`, 201},
		{s.provider, "/v1/tokens", `{"tenant":"demo"}`, 201},
		{s.provider, "/v1/tokens/" + token.ID + "/revoke", "", 204},
		{s.provider, "/v1/pnodes/p9/token", `{"ttlSeconds":60}`, 200},
		{s.provider, "/v1/pnodes/p1/drain", "", 200},
		{s.provider, "/v1/pnodes/p1/undrain", "", 200},
		{s.demo, "/v1/clusters", `{"name":"farm","rolls":["base"],"nodes":[{"appliance":"compute","count":1}],"startMode":"asap","duration":3600000000000}`, 201},
		{s.demo, "/v1/clusters/farm/grow", `{"count":1}`, 200},
		{s.demo, "/v1/clusters/farm/shrink", `{"count":1}`, 200},
		{s.demo, "/v1/clusters/farm/cancel", "", 200},
	} {
		func() {
			defer func() {
				if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
					t.Errorf("%s: the manager did not die: %v", op.path, v)
				}
			}()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, op.path, strings.NewReader(op.body))
			r.Header.Set("Authorization", "Bearer "+op.token)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set(wire.KeyHeader, op.path)
			dies.ServeHTTP(httptest.NewRecorder(), r)
		}()
		resp, body := s.raw(http.MethodPost, op.path, op.token, op.body, wire.KeyHeader, op.path)
		if resp.StatusCode != op.status || resp.Header.Get(replayedHeader) != "true" {
			t.Errorf("%s again: %d, replayed %q, %s", op.path, resp.StatusCode, resp.Header.Get(replayedHeader), body)
		}
	}
}

// What is kept is, to the byte, what was answered.
func TestAnswerIsKeptAsItWas(t *testing.T) {
	s := newSite(t)
	s.pnodes("p1")
	for _, op := range []struct{ token, path, body string }{
		{s.provider, "/v1/tenants", `{"name":"third"}`},
		{s.provider, "/v1/tokens", `{"tenant":"demo"}`},
		{s.provider, "/v1/pnodes/p9/token", `{"ttlSeconds":60}`},
		{s.provider, "/v1/pnodes/p1/drain", ""},
		{s.provider, "/v1/pnodes/p1/undrain", ""},
		{s.demo, "/v1/clusters", `{"name":"farm","rolls":["base"],"nodes":[{"appliance":"compute","count":1}],"startMode":"asap","duration":3600000000000}`},
		{s.demo, "/v1/clusters/farm/grow", `{"count":1}`},
		{s.demo, "/v1/clusters/farm/cancel", ""},
	} {
		first, body := s.raw(http.MethodPost, op.path, op.token, op.body, wire.KeyHeader, op.path)
		again, same := s.raw(http.MethodPost, op.path, op.token, op.body, wire.KeyHeader, op.path)
		if body != same || again.Header.Get(replayedHeader) != "true" || first.StatusCode != again.StatusCode {
			t.Errorf("%s: %d\n%s\nagain %d\n%s", op.path, first.StatusCode, body, again.StatusCode, same)
		}
		for _, name := range []string{"ETag", "Location", "Content-Type", "X-Content-Type-Options"} {
			if first.Header.Get(name) != again.Header.Get(name) {
				t.Errorf("%s: %s %q, again %q", op.path, name, first.Header.Get(name), again.Header.Get(name))
			}
		}
	}
}
