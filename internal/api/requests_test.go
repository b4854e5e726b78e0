package api

import (
	"bytes"
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

	"quarry/internal/api/wire"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
	"quarry/internal/store"
)

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
