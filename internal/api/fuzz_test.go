package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"quarry/internal/api/wire"
)

// No request makes the manager fail: what is wrong is always the client's fault.
func FuzzRequests(f *testing.F) {
	for _, seed := range []struct{ path, body string }{
		{"/v1/clusters", `{"name":"farm","rolls":["condor"],"nodes":[{"appliance":"compute","count":2}],"duration":3600000000000}`},
		{"/v1/clusters?dryRun=true", `{"name":"a","rolls":["web"],"nodes":null,"startMode":"now","parameters":{"web.x":"y"},"network":"10.0.0.0/8","users":[{"name":"u"}]}`},
		{"/v1/clusters/farm/end", ``},
		{"/v1/pnodes/p1/token", `{"ttlSeconds":60}`},
		{"/v1/enroll", `{"token":"t","name":"p1","csr":"x"}`},
		{"/v1/tenants", `{"name":"x"}`},
		{"/v1/tokens", `{"tenant":"demo","expiresSeconds":1e99}`},
		{"/v1/images/build", `{"rolls":["base"]}`},
		{"/v1/tokens/%2f/revoke", `null`},
	} {
		f.Add(seed.path, seed.body, true)
		f.Add(seed.path, seed.body, false)
	}
	s := newSite(f)
	handler := s.server.Handler()
	f.Fuzz(func(t *testing.T, path, body string, provider bool) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://manager/", strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		if r.URL, err = r.URL.Parse(path); err != nil || !strings.HasPrefix(r.URL.Path, "/") {
			t.Skip()
		}
		r.Header.Set("Content-Type", "application/json")
		token := s.demo
		if provider {
			token = s.provider
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set(wire.KeyHeader, path)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	})
}
