package wire

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"quarry/internal/fault"
)

// ProblemType is what a problem's type starts with; the fault's kind follows.
const ProblemType = "urn:quarry:problem:"

// ProblemMedia is the media type of a problem.
const ProblemMedia = "application/problem+json"

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

// StatusOf returns the HTTP status of a kind, 500 for none.
func StatusOf(kind fault.Kind) int {
	for _, k := range kinds {
		if k.kind == kind {
			return k.status
		}
	}
	return http.StatusInternalServerError
}

// KindOf returns the kind that an HTTP status stands for, "" for none.
func KindOf(status int) fault.Kind {
	for _, k := range kinds {
		if k.status == status {
			return k.kind
		}
	}
	return ""
}

// maxProblem bounds what a client reads of an error, in bytes.
const maxProblem = 1 << 20

// problem is what a client reads of RFC 9457 problem details.
type problem struct {
	Type   string           `json:"type"`
	Title  string           `json:"title"`
	Detail string           `json:"detail"`
	Errors []*problemDetail `json:"errors"`
	// Refusal is what a refused booking tells programs.
	Refusal json.RawMessage `json:"refusal"`
}

type problemDetail struct {
	Location string `json:"location"`
	Message  string `json:"message"`
}

// FaultOf reads an error answer back into the fault it was made from.
func FaultOf(resp *http.Response) error {
	f := fault.New(KindOf(resp.StatusCode), fmt.Sprintf("the server answered %d", resp.StatusCode))
	if text := http.StatusText(resp.StatusCode); text != "" {
		f.Title = strings.ToLower(text)
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if media == ProblemMedia {
		var p problem
		if err := json.NewDecoder(io.LimitReader(resp.Body, maxProblem)).Decode(&p); err == nil {
			restore(f, p)
		}
	}
	if f.Kind == "" { // not for people: the manager failed, or it is no manager
		return fmt.Errorf("the server answered %s: %w", resp.Status, f)
	}
	return f
}

func restore(f *fault.Error, p problem) {
	if p.Title != "" {
		f.Title = p.Title
	}
	if kind, ok := strings.CutPrefix(p.Type, ProblemType); ok && StatusOf(fault.Kind(kind)) != http.StatusInternalServerError {
		f.Kind = fault.Kind(kind)
	}
	for _, d := range p.Errors {
		if d != nil {
			f.Details = append(f.Details, fault.Detail{Field: d.Location, Message: d.Message})
		}
	}
	if len(p.Refusal) > 0 {
		f.Refusal = p.Refusal
	}
	if len(f.Details) == 0 && p.Detail != "" && p.Detail != f.Title {
		f.Details = []fault.Detail{{Message: p.Detail}}
	}
}
