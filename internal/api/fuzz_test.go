package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
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
		r.Header.Set(keyHeader, path)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	})
}

// The parser does not fail on any bytes, gives the same events whatever the
// pieces they come in, and never an event beyond its limit.
func FuzzSSE(f *testing.F) {
	f.Add([]byte("id: 1\nevent: ready\ndata: {}\n\n"))
	f.Add([]byte("\ufeff: hi\r\ndata: a\r\ndata:b\r\n\r\nid\n\ndata"))
	f.Add(bytes.Repeat([]byte("data: long\n"), 200))
	read := func(r io.Reader) (string, error) {
		var out strings.Builder
		s := newSSEReader(r, 512, func() {})
		for {
			e, err := s.next()
			if err != nil {
				return out.String(), err
			}
			if len(e.Data) > 512 {
				return "", fmt.Errorf("an event of %d bytes", len(e.Data))
			}
			fmt.Fprintf(&out, "%q %q %q\n", e.ID, e.Type, e.Data)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		whole, err := read(bytes.NewReader(raw))
		bytewise, err2 := read(iotest.OneByteReader(bytes.NewReader(raw)))
		if whole != bytewise || !errors.Is(err2, err) {
			t.Errorf("whole: %s, %v\nby bytes: %s, %v", whole, err, bytewise, err2)
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, errEventTooLong) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestSSE(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "",
		"data: a":                              "", // cut off
		"data: a\n\n":                          `"" "" "a";`,
		"data:a\ndata: b\n\n":                  `"" "" "a\nb";`,
		"id: 7\nevent: x\ndata: a\n\n":         `"7" "x" "a";`,
		"event: x\n\ndata: a\n\n":              `"" "" "a";`, // no data, no event
		"\ufeffdata: a\r\n\r\n":                `"" "" "a";`,
		": comment\ndata: a\nretry: 5\nx\n\n":  `"" "" "a";`,
		"data\n\n":                             `"" "" "";`,
		"data: a\n\ndata: b\n\n":               `"" "" "a";"" "" "b";`,
		"data: " + strings.Repeat("a", 99):     "too long",
		strings.Repeat("data: aaaaaaaa\n", 99): "too long",
	} {
		var got strings.Builder
		alive := 0
		s := newSSEReader(strings.NewReader(in), 64, func() { alive++ })
		for {
			e, err := s.next()
			if errors.Is(err, errEventTooLong) {
				got.WriteString("too long")
			}
			if err != nil {
				break
			}
			fmt.Fprintf(&got, "%q %q %q;", e.ID, e.Type, e.Data)
		}
		if got.String() != want {
			t.Errorf("%q: got %s, want %s", in, got.String(), want)
		}
		if lines := strings.Count(in, "\n"); want != "too long" && alive != lines {
			t.Errorf("%q: %d signs of life in %d lines", in, alive, lines)
		}
	}
}

func FuzzProblem(f *testing.F) {
	f.Add(409, `{"type":"urn:quarry:problem:refused","title":"t","errors":[{"location":"a","message":"b"},null]}`)
	f.Add(500, `[]`)
	f.Add(313, `{"type":"urn:quarry:problem:refused"}`) // no text anywhere
	f.Fuzz(func(t *testing.T, status int, body string) {
		r := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {problemMedia}}, Body: io.NopCloser(strings.NewReader(body))}
		if err := faultOf(r); err == nil || err.Error() == "" {
			t.Errorf("no error of %d %s", status, body)
		}
	})
}
