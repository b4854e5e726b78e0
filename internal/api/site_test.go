package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"quarry/internal/api/agentapi"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
	"quarry/internal/pnode"
	"quarry/internal/render"
	"quarry/internal/roll"
	"quarry/internal/store"
	"quarry/rolls"
)

// fakeImages has every image.
type fakeImages struct{}

func (fakeImages) Lock(_ context.Context, r render.Recipe) (render.Lock, error) {
	return render.Lock{Recipe: r}, nil
}
func (fakeImages) Build(context.Context, render.Lock, func(string, int)) error { return nil }
func (fakeImages) Has(string) bool                                             { return true }
func (fakeImages) List() ([]manager.ImageInfo, error)                          { return nil, nil }
func (fakeImages) Prune(func(string) bool) ([]string, error)                   { return nil, nil }
func (fakeImages) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
}

// site is a manager whose API is served on a port of this machine.
type site struct {
	t        testing.TB
	st       *store.Store
	m        *manager.Manager
	server   *Server
	address  string
	ca       []byte
	ahead    atomic.Int64 // how far the manager's clock is ahead
	stop     func()
	provider string // tokens
	demo     string
	other    string
}

func newSite(t testing.TB) *site {
	t.Helper()
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"))
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	s := &site{t: t, st: st}
	res, err := manager.Init(t.Context(), st, manager.Site{
		Server: "https://127.0.0.1:7443", OutsideNetwork: "203.0.113.0/24", OutsideRouter: "203.0.113.1",
		OutsideFirst: "203.0.113.100", OutsideLast: "203.0.113.103", VLANFirst: 100, VLANLast: 103,
	}, s.now())
	must(t, err)
	catalog, err := roll.LoadAll(rolls.FS())
	must(t, err)
	ca, err := manager.ReadCA(t.Context(), st)
	must(t, err)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.m, err = manager.New(t.Context(), manager.Deps{
		Store: st, CA: ca, Catalog: catalog, Rolls: rolls.FS(), ImageStore: fakeImages{}, Suite: "trixie", Log: log, Wall: s.now, Dir: t.TempDir(),
	})
	must(t, err)
	s.ca, s.provider = []byte(res.CACertificate), res.Token
	boss := manager.Principal{Role: manager.RoleProvider}
	for name, token := range map[string]*string{"demo": &s.demo, "other": &s.other} {
		_, err := s.m.CreateTenant(t.Context(), boss, name)
		must(t, err)
		made, err := s.m.CreateToken(t.Context(), boss, name, 0)
		must(t, err)
		*token = made.Secret
	}
	s.serve("127.0.0.1:0")
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *site) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// serve starts serving; stop ends it and waits.
func (s *site) serve(address string) {
	s.t.Helper()
	l, err := net.Listen("tcp", address)
	must(s.t, err)
	s.address = l.Addr().String()
	s.server = NewServer(s.m, s.m.Log, "1.2.3")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	config := s.m.CA.ServerTLS([]string{"127.0.0.1"}, time.Now)
	go func() { done <- s.server.Serve(ctx, l, config) }()
	s.stop = func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
		s.stop = func() {}
	}
}

func (s *site) client(token string) *Client {
	s.t.Helper()
	c, err := New("https://"+s.address, token, s.ca)
	must(s.t, err)
	s.t.Cleanup(c.link.HTTP.CloseIdleConnections)
	return c
}

// run lets the manager's controllers work until the test ends.
func (s *site) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.m.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			s.t.Error(err)
		}
	})
}

// pnodes enrols pnodes with room and an uplink each.
func (s *site) pnodes(names ...string) []*agentapi.Client {
	s.t.Helper()
	var list []*agentapi.Client
	for _, name := range names {
		e := s.enrol(name)
		a, err := agentapi.New(s.address, e)
		must(s.t, err)
		s.t.Cleanup(a.HTTPClient().CloseIdleConnections)
		must(s.t, report(s.t.Context(), a, pnode.Report{Facts: roomy}))
		list = append(list, a)
	}
	return list
}

func (s *site) enrol(name string) agentapi.Enrolled {
	s.t.Helper()
	token, err := s.client(s.provider).PnodeToken(s.t.Context(), name, time.Minute)
	must(s.t, err)
	e, err := agentapi.Enroll(s.t.Context(), s.address, s.ca, token.Token, name)
	must(s.t, err)
	return e
}

// raw sends a request as it is and returns the answer with its body.
func (s *site) raw(method, path, token, body string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "https://"+s.address+path, strings.NewReader(body))
	must(s.t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.client("").link.HTTP.Do(req)
	must(s.t, err)
	defer func() { must(s.t, resp.Body.Close()) }()
	text, err := io.ReadAll(resp.Body)
	must(s.t, err)
	return resp, string(text)
}

// roomy is a pnode on which everything fits.
var roomy = pnode.Facts{Accelerator: "kvm", CPUs: 8, MemoryMiB: 16000, DiskMiB: 200000, Uplink: true}

func farm(name string) cluster.Spec {
	return cluster.Spec{
		Name: name, Rolls: []string{"condor"}, StartMode: cluster.StartASAP, Duration: time.Hour,
		Nodes: []cluster.Group{{Appliance: "compute", Count: 2}},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Errorf("got error %v, want one of kind %q", err, kind)
	}
}

// report is what an agent says, without the time it is told.
func report(ctx context.Context, a *agentapi.Client, r pnode.Report) error {
	_, err := a.Report(ctx, r)
	return err
}
