package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"quarry/internal/api/wire"
	"quarry/internal/fault"
)

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
	p := &huma.ErrorModel{Type: wire.ProblemType + string(f.Kind), Status: wire.StatusOf(f.Kind), Title: f.Title, Detail: f.Error()}
	for _, d := range f.Details {
		p.Errors = append(p.Errors, &huma.ErrorDetail{Location: d.Field, Message: d.Message})
	}
	return p
}

// nameProblem gives the framework's own errors (validation, body limit) a
// type too, so that a client sees one kind of error only.
func nameProblem(_ huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*huma.ErrorModel)
	if !ok || strings.HasPrefix(p.Type, wire.ProblemType) || wire.KindOf(p.Status) == "" {
		return v, nil
	}
	p.Type = wire.ProblemType + string(wire.KindOf(p.Status))
	return p, nil
}

// writeProblem answers a request that no operation of the framework handles.
func writeProblem(w http.ResponseWriter, p *huma.ErrorModel) {
	w.Header().Set("Content-Type", wire.ProblemMedia)
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="quarry"`)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client went away: nobody to tell
}
