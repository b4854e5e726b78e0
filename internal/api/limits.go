package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"quarry/internal/manager"
	"quarry/internal/quota"
)

type tenantPath struct {
	Name string `path:"name" maxLength:"63" doc:"the tenant"`
}

type defaultLimitsInput struct{ Body quota.LimitsChange }

type tenantLimitsInput struct {
	Name string `path:"name" maxLength:"63" doc:"the tenant"`
	Body quota.LimitsChange
}

func (s *Server) registerLimits(api huma.API) {
	const tag = "tenants"
	handle(s, api, operation(http.MethodGet, "/v1/limits", "get-default-limits", tag, "Read what tenants may hold that nothing else was set for"),
		func(ctx context.Context, _ manager.Principal, _ *none) (quota.Limits, error) {
			return s.Manager.DefaultLimits(ctx)
		})
	handle(s, api, operation(http.MethodPatch, "/v1/limits", "set-default-limits", tag, "Change some of the site's default limits"),
		func(ctx context.Context, p manager.Principal, in *defaultLimitsInput) (quota.Limits, error) {
			return s.Manager.SetDefaultLimits(ctx, p, in.Body)
		})
	handle(s, api, operation(http.MethodGet, "/v1/tenant/limits", "get-own-limits", tag, "Read one's own limits, and what is used of them"),
		func(ctx context.Context, p manager.Principal, _ *none) (manager.TenantLimits, error) {
			return s.Manager.TenantLimits(ctx, p, "")
		})
	handle(s, api, operation(http.MethodGet, "/v1/tenants/{name}/limits", "get-limits", tag, "Read a tenant's limits, and what is used of them"),
		func(ctx context.Context, p manager.Principal, in *tenantPath) (manager.TenantLimits, error) {
			return s.Manager.TenantLimits(ctx, p, in.Name)
		})
	handle(s, api, operation(http.MethodPatch, "/v1/tenants/{name}/limits", "set-limits", tag, "Change some of a tenant's limits"),
		func(ctx context.Context, p manager.Principal, in *tenantLimitsInput) (manager.TenantLimits, error) {
			return s.Manager.SetTenantLimits(ctx, p, in.Name, in.Body)
		})
}
