package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"quarry/internal/manager"
)

type buildInput struct{ Body ImagesRequest }

type setSiteInput struct {
	IfMatch string `header:"If-Match" doc:"the ETag that was seen; the change is refused when there is another one now"`
	Body    manager.SiteChange
}

type versionOutput struct{ Body VersionAnswer }

func (s *Server) registerSite(api huma.API) {
	handle(s, api, operation(http.MethodGet, "/v1/images", "list-images", "images", "List images"),
		func(ctx context.Context, p manager.Principal, _ *none) ([]manager.ImageInfo, error) {
			return listed(s.Manager.Images(ctx, p))
		})
	handle(s, api, operation(http.MethodPost, "/v1/images/build", "build-images", "images", "Make the images of rolls now"),
		func(ctx context.Context, p manager.Principal, in *buildInput) (ImagesAnswer, error) {
			list, err := listed(s.Manager.BuildImages(ctx, p, in.Body.Rolls))
			return ImagesAnswer{list}, err
		})
	handle(s, api, operation(http.MethodPost, "/v1/images/prune", "prune-images", "images", "Remove images that nobody needs"),
		func(ctx context.Context, p manager.Principal, _ *none) (ImagesAnswer, error) {
			list, err := listed(s.Manager.PruneImages(ctx, p))
			return ImagesAnswer{list}, err
		})
	handle(s, api, operation(http.MethodGet, "/v1/site", "get-site", "site", "Read what the provider decided about the site"),
		func(ctx context.Context, p manager.Principal, _ *none) (manager.SiteInfo, error) {
			return s.Manager.Site(ctx, p)
		})
	handle(s, api, operation(http.MethodPatch, "/v1/site", "set-site", "site", "Change what the provider decided about the site"),
		func(ctx context.Context, p manager.Principal, in *setSiteInput) (manager.SiteInfo, error) {
			seen, err := seenVersion(in.IfMatch)
			if err != nil {
				return manager.SiteInfo{}, err
			}
			return s.Manager.SetSite(ctx, p, in.Body, seen)
		})
	version := operation(http.MethodGet, "/v1/version", "version", "site", "Tell which Quarry answers")
	version.Security = nil
	huma.Register(api, version, func(context.Context, *none) (*versionOutput, error) {
		return &versionOutput{VersionAnswer{s.Version}}, nil
	})
	backup := operation(http.MethodGet, "/v1/backup", "backup", "site", "Receive a consistent copy of the manager's store")
	backup.Responses = map[string]*huma.Response{"200": {
		Description: "An SQLite file that holds every secret of the site.",
		Content:     map[string]*huma.MediaType{"application/vnd.sqlite3": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
	}}
	huma.Register(api, backup, s.backup)
}

func (s *Server) backup(ctx context.Context, _ *none) (*huma.StreamResponse, error) {
	p := principalOf(ctx)
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		body := &lazyBody{w: w, media: "application/vnd.sqlite3"}
		err := s.Manager.Backup(ctx, p, body)
		switch {
		case err == nil:
		case body.begun: // only a broken connection tells the client now
			s.Log.WarnContext(ctx, "backup broke off", "error", err)
			panic(http.ErrAbortHandler)
		default:
			writeProblem(w, s.problem(ctx, err))
		}
	}}, nil
}

// lazyBody begins an answer with its first byte, so that an error before that
// can still be told.
type lazyBody struct {
	w     http.ResponseWriter
	media string
	begun bool
}

func (l *lazyBody) Write(p []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", l.media)
		l.w.Header().Set("Cache-Control", "no-store")
	}
	return l.w.Write(p)
}
