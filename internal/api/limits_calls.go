package api

import (
	"context"
	"net/http"

	"quarry/internal/manager"
	"quarry/internal/quota"
)

// DefaultLimits returns what tenants may hold that nothing else was set for.
func (c *Client) DefaultLimits(ctx context.Context) (quota.Limits, error) {
	return get[quota.Limits](ctx, c, c.link.Address("v1", "limits"))
}

// SetDefaultLimits changes some of the site's default limits.
func (c *Client) SetDefaultLimits(ctx context.Context, by quota.LimitsChange) (out quota.Limits, err error) {
	return out, c.link.Call(ctx, http.MethodPatch, c.link.Address("v1", "limits"), by, &out)
}

// TenantLimits returns a tenant's limits and use; "" is one's own.
func (c *Client) TenantLimits(ctx context.Context, tenant string) (manager.TenantLimits, error) {
	if tenant == "" {
		return get[manager.TenantLimits](ctx, c, c.link.Address("v1", "tenant", "limits"))
	}
	return get[manager.TenantLimits](ctx, c, c.link.Address("v1", "tenants", tenant, "limits"))
}

// SetTenantLimits changes some of a tenant's limits.
func (c *Client) SetTenantLimits(ctx context.Context, tenant string, by quota.LimitsChange) (out manager.TenantLimits, err error) {
	return out, c.link.Call(ctx, http.MethodPatch, c.link.Address("v1", "tenants", tenant, "limits"), by, &out)
}
