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

// problem is RFC 9457 problem details, with what a refused booking tells
// programs.
type problem struct {
	huma.ErrorModel
	Refusal any `json:"refusal,omitempty"`
}

// problemOf turns an error into a problem. What is not a fault becomes a 500
// that tells nothing; the caller logs it.
func problemOf(err error) *problem {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return &problem{ErrorModel: huma.ErrorModel{
			Type: "about:blank", Status: http.StatusInternalServerError,
			Title: "internal error", Detail: "the manager failed; its log says why",
		}}
	}
	p := &problem{ErrorModel: huma.ErrorModel{
		Type: wire.ProblemType + string(f.Kind), Status: wire.StatusOf(f.Kind), Title: f.Title, Detail: f.Error(),
	}, Refusal: f.Refusal}
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
func writeProblem(w http.ResponseWriter, p *problem) {
	w.Header().Set("Content-Type", wire.ProblemMedia)
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="quarry"`)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client went away: nobody to tell
}
