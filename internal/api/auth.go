package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"quarry/internal/manager"
)

// principalKey is the key of the principal in a request's context.
type principalKey struct{}

// authenticate lets nobody pass without a valid token, except to operations
// that ask for none.
func (s *Server) authenticate(_ huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if len(ctx.Operation().Security) == 0 {
			next(ctx)
			return
		}
		r, w := humago.Unwrap(ctx)
		p, err := s.Manager.Authenticate(r.Context(), bearer(r))
		if err != nil {
			writeProblem(w, s.problem(r.Context(), err))
			return
		}
		p.Answered = receiptOf(r.Context()).answered(ctx.Operation().DefaultStatus)
		next(huma.WithValue(ctx, principalKey{}, p))
	}
}

// bearer returns the token of a request, "" if there is none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func principalOf(ctx context.Context) manager.Principal {
	p, _ := ctx.Value(principalKey{}).(manager.Principal)
	return p
}

// operation describes an operation that needs a token.
func operation(method, path, id, tag, summary string) huma.Operation {
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag},
		MaxBodyBytes: maxBody, BodyReadTimeout: bodyTimeout,
		Security: []map[string][]string{{"bearer": {}}},
		Errors: []int{
			http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict,
			http.StatusPreconditionFailed, http.StatusUnprocessableEntity, http.StatusInternalServerError,
		},
	}
	if method == http.MethodPost {
		op.Parameters = []*huma.Param{keyParameter()}
	}
	return op
}

// answer is a body and, where it has a version, its ETag.
type answer[T any] struct {
	ETag string `header:"ETag" doc:"the version, for If-Match"`
	Body T
}

// none is the input of an operation that has none.
type none struct{}

// handle registers an operation whose handler knows who asks.
func handle[I, O any](s *Server, api huma.API, op huma.Operation, do func(context.Context, manager.Principal, *I) (O, error)) {
	huma.Register(api, op, func(ctx context.Context, in *I) (*answer[O], error) {
		out, err := do(ctx, principalOf(ctx), in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &answer[O]{Body: out, ETag: etagOf(out)}, nil
	})
}

// listed makes sure that an empty list is [] and not null.
func listed[T any](list []T, err error) ([]T, error) {
	if list == nil {
		list = []T{}
	}
	return list, err
}
