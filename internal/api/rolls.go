package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"quarry/internal/manager"
	"quarry/internal/roll/archive"
)

type rollPath struct {
	Ref string `path:"ref" maxLength:"130" doc:"NAME or NAME@VERSION; without a version the newest"`
}

type versionPath struct {
	Ref string `path:"ref" maxLength:"130" doc:"NAME@VERSION"`
}

type pushInput struct {
	Ref     string `path:"ref" maxLength:"130" doc:"NAME@VERSION, as roll.yaml in the archive says itself"`
	RawBody []byte `contentType:"application/gzip" doc:"the roll's folder as tar, tar.gz or tar.zst"`
}

type pushOutput struct {
	Status int
	Body   manager.RollInfo
}

type archiveOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (s *Server) registerRolls(api huma.API) {
	const tag = "rolls"
	handle(s, api, operation(http.MethodGet, "/v1/rolls", "list-rolls", tag, "List the rolls that the caller can use: published ones and its own"),
		func(ctx context.Context, p manager.Principal, _ *none) ([]manager.RollInfo, error) {
			return listed(s.Manager.Rolls(ctx, p))
		})
	handle(s, api, operation(http.MethodGet, "/v1/rolls/{ref}", "get-roll", tag, "Read a roll"),
		func(ctx context.Context, p manager.Principal, in *rollPath) (manager.RollInfo, error) {
			return s.Manager.Roll(ctx, p, in.Ref)
		})
	push := operation(http.MethodPut, "/v1/rolls/{ref}", "push-roll", tag,
		"Push a version of a roll: the provider's is published to all, a tenant's is its own")
	push.Description = "A version never changes: the same content again is answered 200, other content 409."
	push.MaxBodyBytes = archive.MaxPacked + 1 // one more, so that the answer can list the limit with all else
	huma.Register(api, push, s.pushRoll)
	fetch := operation(http.MethodGet, "/v1/rolls/{ref}/archive", "get-roll-archive", tag, "Receive a roll as tar.gz")
	fetch.Responses = map[string]*huma.Response{"200": {
		Description: "The roll's folder.",
		Content:     map[string]*huma.MediaType{archive.Media: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
	}}
	huma.Register(api, fetch, func(ctx context.Context, in *rollPath) (*archiveOutput, error) {
		packed, err := s.Manager.RollArchive(ctx, principalOf(ctx), in.Ref)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &archiveOutput{archive.Media, packed}, nil
	})
	remove := operation(http.MethodDelete, "/v1/rolls/{ref}", "delete-roll", tag,
		"Take a version of a roll out of use; clusters that were booked with it keep it")
	remove.DefaultStatus = http.StatusNoContent
	huma.Register(api, remove, func(ctx context.Context, in *versionPath) (*struct{}, error) {
		if err := s.Manager.DeleteRoll(ctx, principalOf(ctx), in.Ref); err != nil {
			return nil, s.problem(ctx, err)
		}
		return nil, nil
	})
}

func (s *Server) pushRoll(ctx context.Context, in *pushInput) (*pushOutput, error) {
	info, created, err := s.Manager.PushRoll(ctx, principalOf(ctx), in.Ref, in.RawBody)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	out := &pushOutput{Status: http.StatusOK, Body: info}
	if created {
		out.Status = http.StatusCreated
	}
	return out, nil
}
