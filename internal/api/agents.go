package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"quarry/internal/api/wire"
	"quarry/internal/fault"
	"quarry/internal/manager"
	"quarry/internal/pki"
	"quarry/internal/pnode"
)

// reportPath is asked every few seconds by every agent.
const reportPath = "/agent/v1/report"

// registerAgents adds what agents ask for. Who they are is in their
// certificate, never in what they send.
func (s *Server) registerAgents(mux *http.ServeMux) {
	mux.HandleFunc("GET /agent/v1/desired", s.asPnode(s.desired))
	mux.HandleFunc("POST "+reportPath, s.asPnode(s.report))
	mux.HandleFunc("POST /agent/v1/certificate", s.asPnode(s.renew))
	mux.HandleFunc("GET /agent/v1/images/{address}/{file}", s.asPnode(func(w http.ResponseWriter, r *http.Request, _ string) {
		http.StripPrefix("/agent/v1/images", s.Manager.ImageHandler()).ServeHTTP(w, r)
	}))
}

// asPnode lets only a pnode with its current certificate pass.
func (s *Server) asPnode(next func(http.ResponseWriter, *http.Request, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name, err := s.pnodeOf(r)
		if err != nil {
			writeProblem(w, s.problem(r.Context(), err))
			return
		}
		next(w, r, name)
	}
}

// pnodeOf tells which pnode asks. The handshake has verified the certificate;
// the manager knows whether it is the pnode's current one.
func (s *Server) pnodeOf(r *http.Request) (string, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		s.Log.WarnContext(r.Context(), "pnode without a certificate refused", "remote", r.RemoteAddr)
		return "", fault.New(fault.Unauthorized, "not authenticated",
			fault.Detail{Message: "this needs a pnode's certificate: enrol the pnode with quarry agent enroll"})
	}
	cert := r.TLS.PeerCertificates[0]
	p, err := s.Manager.AuthenticatePnode(r.Context(), pki.PnodeName(cert), pki.Serial(cert))
	return p.Pnode, err
}

// desired streams the wanted state of a pnode: the newest at once, and then
// each newer one.
func (s *Server) desired(w http.ResponseWriter, r *http.Request, name string) {
	if err := s.streamDesired(w, r, name); err != nil && r.Context().Err() == nil {
		s.Log.DebugContext(r.Context(), "stream to a pnode ended", "pnode", name, "error", err)
	}
}

func (s *Server) streamDesired(w http.ResponseWriter, r *http.Request, name string) error {
	out, err := wire.StartEvents(w)
	if err != nil {
		return err
	}
	tick := time.NewTicker(wire.Heartbeat)
	defer tick.Stop()
	var sent pnode.Desired
	first := true
	for {
		d, ok, changed := s.Manager.Desired(r.Context(), name)
		if ok && (first || d.Newer(sent)) {
			// The certificate may have been replaced since the stream began.
			if _, err := s.pnodeOf(r); err != nil {
				return err
			}
			doc, err := json.Marshal(d)
			if err != nil {
				return err
			}
			if err := out.Send(wire.Event{ID: fmt.Sprintf("%d-%d", d.Epoch, d.Generation), Type: "desired", Data: doc}); err != nil {
				return err
			}
			sent, first = d, false
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.stop:
			return nil
		case <-changed:
		case <-tick.C:
			if err := out.Comment("still here"); err != nil {
				return err
			}
		}
	}
}

// report takes what a pnode says about itself. Unknown fields are ignored: an
// agent may be newer than its manager.
func (s *Server) report(w http.ResponseWriter, r *http.Request, name string) {
	var report pnode.Report
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReport)).Decode(&report); err != nil {
		writeProblem(w, problemOf(badBody(err)))
		return
	}
	if err := s.Manager.Report(r.Context(), name, report); err != nil {
		writeProblem(w, s.problem(r.Context(), err))
		return
	}
	w.Header().Set("Date", s.Manager.Now().UTC().Format(http.TimeFormat)) // and not this machine's
	w.WriteHeader(http.StatusNoContent)
}

// renew gives a pnode a new certificate before its own runs out.
func (s *Server) renew(w http.ResponseWriter, r *http.Request, name string) {
	csr, err := io.ReadAll(http.MaxBytesReader(w, r.Body, pki.MaxCSR))
	if err != nil {
		writeProblem(w, problemOf(badBody(err)))
		return
	}
	certificate, err := s.Manager.RenewCertificate(r.Context(), manager.Principal{Role: manager.RolePnode, Pnode: name}, csr)
	if err != nil {
		writeProblem(w, s.problem(r.Context(), err))
		return
	}
	w.Header().Set("Content-Type", "application/x-pem-file")
	_, _ = w.Write(certificate) // a pnode that went away asks again
}

// badBody says what is wrong with a body that could not be read.
func badBody(err error) error {
	message := err.Error()
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		message = fmt.Sprintf("it is longer than %d bytes", e.Limit)
	}
	return fault.New(fault.Invalid, "the body cannot be read", fault.Detail{Field: "body", Message: message})
}
