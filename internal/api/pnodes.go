package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"quarry/internal/api/agentapi"
	"quarry/internal/manager"
)

type pnodePath struct {
	Name string `path:"name" maxLength:"63" doc:"the pnode's name"`
}

type changePnodeInput struct {
	Name    string `path:"name" maxLength:"63" doc:"the pnode's name"`
	IfMatch string `header:"If-Match" doc:"the ETag that was seen; the change is refused when there is another one now"`
}

type setPnodeInput struct {
	Name    string `path:"name" maxLength:"63" doc:"the pnode's name"`
	IfMatch string `header:"If-Match" doc:"the ETag that was seen; the change is refused when there is another one now"`
	Body    manager.PnodeChange
}

type pnodeTokenInput struct {
	Name string `path:"name" maxLength:"63" doc:"the pnode's name"`
	Body PnodeTokenRequest
}

type enrolInput struct{ Body agentapi.EnrolRequest }

type enrolOutput struct{ Body agentapi.EnrolAnswer }

func (s *Server) registerPnodes(api huma.API) {
	const tag = "pnodes"
	handle(s, api, operation(http.MethodGet, "/v1/pnodes", "list-pnodes", tag, "List pnodes"),
		func(ctx context.Context, p manager.Principal, _ *none) ([]manager.PnodeInfo, error) {
			return listed(s.Manager.Pnodes(ctx, p))
		})
	handle(s, api, operation(http.MethodGet, "/v1/pnodes/{name}", "get-pnode", tag, "Read a pnode"),
		func(ctx context.Context, p manager.Principal, in *pnodePath) (manager.PnodeInfo, error) {
			return s.Manager.Pnode(ctx, p, in.Name)
		})
	handle(s, api, operation(http.MethodPatch, "/v1/pnodes/{name}", "set-pnode", tag, "Change a pnode's rack, tags, maintenance, ratios or note"), s.setPnode)
	handle(s, api, operation(http.MethodPost, "/v1/pnodes/{name}/drain", "drain-pnode", tag, "Keep new vnodes away from a pnode"), s.drain(true))
	handle(s, api, operation(http.MethodPost, "/v1/pnodes/{name}/undrain", "undrain-pnode", tag, "Let new vnodes come to a pnode again"), s.drain(false))
	handle(s, api, operation(http.MethodPost, "/v1/pnodes/{name}/token", "make-pnode-token", tag, "Make a token with which a pnode enrols once"),
		func(ctx context.Context, p manager.Principal, in *pnodeTokenInput) (manager.EnrolmentToken, error) {
			return s.Manager.PnodeToken(ctx, p, in.Name, seconds(in.Body.TTLSeconds))
		})
	enrol := operation(http.MethodPost, "/v1/enroll", "enroll", tag, "Trade an enrolment token for a pnode's certificate")
	enrol.Security, enrol.Parameters = nil, nil // the enrolment token is the credential, and good once
	huma.Register(api, enrol, func(ctx context.Context, in *enrolInput) (*enrolOutput, error) {
		cert, ca, err := s.Manager.Enroll(ctx, in.Body.Token, in.Body.Name, []byte(in.Body.CSR))
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &enrolOutput{agentapi.EnrolAnswer{Certificate: string(cert), CA: string(ca)}}, nil
	})
}

func (s *Server) setPnode(ctx context.Context, p manager.Principal, in *setPnodeInput) (manager.PnodeInfo, error) {
	version, err := seenVersion(in.IfMatch)
	if err != nil {
		return manager.PnodeInfo{}, err
	}
	return s.Manager.SetPnode(ctx, p, in.Name, in.Body, version)
}

func (s *Server) drain(drain bool) func(context.Context, manager.Principal, *changePnodeInput) (manager.PnodeInfo, error) {
	return func(ctx context.Context, p manager.Principal, in *changePnodeInput) (manager.PnodeInfo, error) {
		version, err := seenVersion(in.IfMatch)
		if err != nil {
			return manager.PnodeInfo{}, err
		}
		return s.Manager.DrainPnode(ctx, p, in.Name, drain, version)
	}
}
