package api

import (
	"context"
	"math"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quarry/internal/manager"
)

type tenantInput struct{ Body TenantRequest }

type tokenInput struct{ Body TokenRequest }

type revokeInput struct {
	ID string `path:"id" maxLength:"64" doc:"the token's ID, not its secret"`
}

func (s *Server) registerPeople(api huma.API) {
	handle(s, api, operation(http.MethodGet, "/v1/tenants", "list-tenants", "tenants", "List tenants"),
		func(ctx context.Context, p manager.Principal, _ *none) ([]manager.TenantInfo, error) {
			return listed(s.Manager.Tenants(ctx, p))
		})
	create := operation(http.MethodPost, "/v1/tenants", "create-tenant", "tenants", "Add a tenant")
	create.DefaultStatus = http.StatusCreated
	handle(s, api, create, func(ctx context.Context, p manager.Principal, in *tenantInput) (manager.TenantInfo, error) {
		return s.Manager.CreateTenant(ctx, p, in.Body.Name)
	})
	handle(s, api, operation(http.MethodGet, "/v1/tokens", "list-tokens", "tokens", "List bearer tokens"),
		func(ctx context.Context, p manager.Principal, _ *none) ([]manager.TokenInfo, error) {
			return listed(s.Manager.Tokens(ctx, p))
		})
	token := operation(http.MethodPost, "/v1/tokens", "create-token", "tokens", "Make a bearer token; its secret is told this once")
	token.DefaultStatus = http.StatusCreated
	handle(s, api, token, func(ctx context.Context, p manager.Principal, in *tokenInput) (manager.TokenInfo, error) {
		return s.Manager.CreateToken(ctx, p, in.Body.Tenant, seconds(in.Body.ExpiresSeconds))
	})
	revoke := operation(http.MethodPost, "/v1/tokens/{id}/revoke", "revoke-token", "tokens", "Make a token useless at once")
	revoke.DefaultStatus = http.StatusNoContent
	huma.Register(api, revoke, func(ctx context.Context, in *revokeInput) (*struct{}, error) {
		if err := s.Manager.RevokeToken(ctx, principalOf(ctx), in.ID); err != nil {
			return nil, s.problem(ctx, err)
		}
		return nil, nil
	})
}

// seconds turns a number of seconds into a duration without overflow.
func seconds(n float64) time.Duration {
	const most = float64(math.MaxInt64 / int64(time.Second))
	return time.Duration(min(max(n, -most), most) * float64(time.Second))
}
