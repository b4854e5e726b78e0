package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"quarry/internal/api/wire"
	"quarry/internal/fault"
	"quarry/internal/manager"
	"quarry/internal/store"
)

// Limits of what a client may make the server hold or wait for.
const (
	maxBody       = 1 << 20
	maxReport     = 8 << 20 // of an agent, which is trusted more
	maxHeader     = 64 << 10
	headerTimeout = 10 * time.Second
	bodyTimeout   = 30 * time.Second
	writeTimeout  = 30 * time.Second // of each write, not of a whole answer
	idleTimeout   = 2 * time.Minute
	shutdownTime  = 5 * time.Second
)

// Server answers for one manager.
type Server struct {
	Manager *manager.Manager
	Log     *slog.Logger
	Version string

	stop chan struct{} // closed when streams have to end
	keys keyLocks
}

// NewServer makes a server; version is what it tells of itself.
func NewServer(m *manager.Manager, log *slog.Logger, version string) *Server {
	return &Server{Manager: m, Log: log, Version: version, stop: make(chan struct{})}
}

// Serve answers on l until ctx ends, then lets requests finish for a few
// seconds. config is pki's ServerTLS. It may be called once.
func (s *Server) Serve(ctx context.Context, l net.Listener, config *tls.Config) error {
	srv := &http.Server{
		Handler: s.Handler(), TLSConfig: config,
		ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		// Garbage on the port is the sender's affair, not worth more than this.
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	srv.RegisterOnShutdown(func() { close(s.stop) })
	done := make(chan error, 1)
	go func() {
		<-ctx.Done()
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		err := srv.Shutdown(bound)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
		done <- err
	}()
	if err := srv.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the API: %w", err)
	}
	if err := <-done; err != nil {
		return fmt.Errorf("stop serving the API: %w", err)
	}
	return nil
}

// Handler returns the whole API.
func (s *Server) Handler() http.Handler {
	return s.guard(s.idempotent(s.operations()))
}

// operations are all that can be asked.
func (s *Server) operations() http.Handler {
	mux := http.NewServeMux()
	s.register(mux)
	mux.HandleFunc("GET /healthz", s.health)
	s.registerAgents(mux)
	return known(mux)
}

// OpenAPI returns the description of the API as JSON.
func OpenAPI(version string) ([]byte, error) {
	doc, err := NewServer(nil, slog.New(slog.DiscardHandler), version).register(http.NewServeMux()).OpenAPI().MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode the API's description: %w", err)
	}
	return doc, nil
}

func (s *Server) register(mux *http.ServeMux) huma.API {
	config := huma.DefaultConfig("Quarry", s.Version)
	config.CreateHooks = nil // bodies carry no $schema links
	config.DocsPath, config.SchemasPath = "", ""
	config.RejectUnknownQueryParameters = true
	config.Transformers = append(config.Transformers, nameProblem)
	config.Info.Description = "A site turns real machines into virtual clusters. Errors are problem details (RFC 9457); " +
		"their type is " + wire.ProblemType + "KIND."
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer"}}
	api := humago.New(mux, config)
	api.UseMiddleware(s.authenticate(api))
	s.registerClusters(api)
	s.registerChanges(api)
	s.registerCalendar(api)
	s.registerAccounting(api)
	s.registerRecord(api)
	s.registerQuestions(api)
	s.registerEvents(api)
	s.registerPnodes(api)
	s.registerRolls(api)
	s.registerSite(api)
	s.registerPeople(api)
	s.registerLimits(api)
	return api
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	err := s.Manager.Store.View(r.Context(), func(tx *store.Tx) error {
		_, err := tx.Tenants()
		return err
	})
	if err != nil {
		s.Log.ErrorContext(r.Context(), "not healthy", "error", err)
		writeProblem(w, problemOf(fault.New(fault.Unavailable, "not healthy", fault.Detail{Message: "the store does not answer"})))
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// problem turns an error into an answer, and logs what the answer hides.
func (s *Server) problem(ctx context.Context, err error) *problem {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "request failed", "error", err)
	}
	return p
}

// guard logs each request, bounds each write, and survives a panic.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		out := &boundedWriter{ResponseWriter: w, control: http.NewResponseController(w)}
		if r.Body != http.NoBody {
			_ = out.control.SetReadDeadline(began.Add(bodyTimeout)) // a test's recorder has none
			r.Body = &boundedBody{r.Body, out.control}
		}
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it like this
					panic(v)
				}
				s.Log.ErrorContext(r.Context(), "request panicked", "panic", v, "stack", string(debug.Stack()))
				if out.status == 0 {
					writeProblem(out, problemOf(errors.New("panic")))
				}
			}
			level := slog.LevelDebug
			if r.Method != http.MethodGet && r.URL.Path != reportPath {
				level = slog.LevelInfo
			}
			s.Log.Log(r.Context(), level, "request", "method", r.Method, "path", r.URL.Path,
				"status", out.status, "took", time.Since(began).Round(time.Microsecond), "remote", r.RemoteAddr)
		}()
		out.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(out, r)
	})
}

// boundedWriter gives every write a deadline of its own, so that a stream may
// last and a client that does not read may not.
type boundedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	status  int
}

func (b *boundedWriter) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
	b.bound()
	b.ResponseWriter.WriteHeader(status)
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	if b.status == 0 {
		b.status = http.StatusOK
	}
	b.bound()
	return b.ResponseWriter.Write(p)
}

func (b *boundedWriter) bound() {
	_ = b.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // a test's recorder has none
}

func (b *boundedWriter) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// boundedBody lifts the deadline once the body is read: it would end the
// request's context, too, and what is done may take longer than the reading.
type boundedBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF { //nolint:errorlint // a Reader returns it bare
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// known answers what no pattern matches with a problem.
func known(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		answer := recorder{header: w.Header()}
		h.ServeHTTP(&answer, r) // tells 404 from 405, with its Allow header
		if answer.status == http.StatusMethodNotAllowed {
			p := problemOf(fault.New(fault.Invalid, "method not allowed",
				fault.Detail{Message: r.Method + " is not allowed here; allowed: " + w.Header().Get("Allow")}))
			p.Status = answer.status
			writeProblem(w, p)
			return
		}
		writeProblem(w, problemOf(fault.New(fault.NotFound, "no such path", fault.Detail{Message: "see /openapi.json for what there is"})))
	})
}

// recorder keeps an answer instead of sending it.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}
