package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"quarry/internal/fault"
)

// problemType is what a problem's type starts with; the fault's kind follows.
const problemType = "urn:quarry:problem:"

const problemMedia = "application/problem+json"

// kinds maps each kind of fault to its HTTP status. Where two kinds share a
// status, the first is meant when only the status is known.
var kinds = []struct {
	kind   fault.Kind
	status int
}{
	{fault.Invalid, http.StatusUnprocessableEntity},
	{fault.Invalid, http.StatusBadRequest},
	{fault.Invalid, http.StatusRequestEntityTooLarge},
	{fault.Invalid, http.StatusRequestTimeout},
	{fault.Invalid, http.StatusUnsupportedMediaType},
	{fault.Invalid, http.StatusMethodNotAllowed},
	{fault.NotFound, http.StatusNotFound},
	{fault.Conflict, http.StatusConflict},
	{fault.Refused, http.StatusConflict},
	{fault.Unauthorized, http.StatusUnauthorized},
	{fault.Forbidden, http.StatusForbidden},
	{fault.Unavailable, http.StatusServiceUnavailable},
	{fault.Unavailable, http.StatusTooManyRequests},
	{fault.Unavailable, http.StatusBadGateway},
	{fault.Unavailable, http.StatusGatewayTimeout},
	{fault.Precondition, http.StatusPreconditionFailed},
}

// statusOf returns the HTTP status of a kind, 500 for none.
func statusOf(kind fault.Kind) int {
	for _, k := range kinds {
		if k.kind == kind {
			return k.status
		}
	}
	return http.StatusInternalServerError
}

// kindOf returns the kind that an HTTP status stands for, "" for none.
func kindOf(status int) fault.Kind {
	for _, k := range kinds {
		if k.status == status {
			return k.kind
		}
	}
	return ""
}

// problemOf turns an error into RFC 9457 problem details. What is not a fault
// becomes a 500 that tells nothing; the caller logs it.
func problemOf(err error) *huma.ErrorModel {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return &huma.ErrorModel{
			Type: "about:blank", Status: http.StatusInternalServerError,
			Title: "internal error", Detail: "the manager failed; its log says why",
		}
	}
	p := &huma.ErrorModel{Type: problemType + string(f.Kind), Status: statusOf(f.Kind), Title: f.Title, Detail: f.Error()}
	for _, d := range f.Details {
		p.Errors = append(p.Errors, &huma.ErrorDetail{Location: d.Field, Message: d.Message})
	}
	return p
}

// nameProblem gives the framework's own errors (validation, body limit) a
// type too, so that a client sees one kind of error only.
func nameProblem(_ huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*huma.ErrorModel)
	if !ok || strings.HasPrefix(p.Type, problemType) || kindOf(p.Status) == "" {
		return v, nil
	}
	p.Type = problemType + string(kindOf(p.Status))
	return p, nil
}

// writeProblem answers a request that no operation of the framework handles.
func writeProblem(w http.ResponseWriter, p *huma.ErrorModel) {
	w.Header().Set("Content-Type", problemMedia)
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="quarry"`)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client went away: nobody to tell
}

// maxProblem bounds what a client reads of an error, in bytes.
const maxProblem = 1 << 20

// faultOf reads an error answer back into the fault it was made from.
func faultOf(resp *http.Response) error {
	f := fault.New(kindOf(resp.StatusCode), fmt.Sprintf("the server answered %d", resp.StatusCode))
	if text := http.StatusText(resp.StatusCode); text != "" {
		f.Title = strings.ToLower(text)
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if media == problemMedia {
		var p huma.ErrorModel
		if err := json.NewDecoder(io.LimitReader(resp.Body, maxProblem)).Decode(&p); err == nil {
			restore(f, p)
		}
	}
	if f.Kind == "" { // not for people: the manager failed, or it is no manager
		return fmt.Errorf("the server answered %s: %w", resp.Status, f)
	}
	return f
}

func restore(f *fault.Error, p huma.ErrorModel) {
	if p.Title != "" {
		f.Title = p.Title
	}
	if kind, ok := strings.CutPrefix(p.Type, problemType); ok && statusOf(fault.Kind(kind)) != http.StatusInternalServerError {
		f.Kind = fault.Kind(kind)
	}
	for _, d := range p.Errors {
		if d != nil {
			f.Details = append(f.Details, fault.Detail{Field: d.Location, Message: d.Message})
		}
	}
	if len(f.Details) == 0 && p.Detail != "" && p.Detail != f.Title {
		f.Details = []fault.Detail{{Message: p.Detail}}
	}
}
