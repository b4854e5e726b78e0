package api

import (
	"testing"

	"quarry/internal/fault"
	"quarry/internal/quota"
)

// The provider sets limits, a tenant sees its own, nobody else's.
func TestLimits(t *testing.T) {
	s := newSite(t)
	ctx, boss, demo := t.Context(), s.client(s.provider), s.client(s.demo)
	cpus, notice := int64(8), int64(300)
	defaults, err := boss.SetDefaultLimits(ctx, quota.LimitsChange{NoticeSeconds: &notice})
	if err != nil || defaults.NoticeSeconds != 300 {
		t.Fatalf("%+v, %v", defaults, err)
	}
	set, err := boss.SetTenantLimits(ctx, "demo", quota.LimitsChange{MaxCPUs: &cpus})
	if err != nil || set.Set != (quota.Limits{MaxCPUs: 8}) || set.Effective.NoticeSeconds != 300 {
		t.Fatalf("%+v, %v", set, err)
	}
	if own, err := demo.TenantLimits(ctx, ""); err != nil || own.Tenant != "demo" || own.Effective != set.Effective {
		t.Errorf("%+v, %v", own, err)
	}
	if l, err := demo.DefaultLimits(ctx); err != nil || l != defaults {
		t.Errorf("%+v, %v", l, err)
	}
	_, err = demo.SetTenantLimits(ctx, "demo", quota.LimitsChange{MaxCPUs: &cpus})
	wantKind(t, err, fault.Forbidden)
	_, err = demo.SetDefaultLimits(ctx, quota.LimitsChange{MaxCPUs: &cpus})
	wantKind(t, err, fault.Forbidden)
	_, err = demo.TenantLimits(ctx, "other")
	wantKind(t, err, fault.NotFound)
	_, err = boss.TenantLimits(ctx, "")
	wantKind(t, err, fault.Invalid)
	wrong := int64(-2)
	_, err = boss.SetTenantLimits(ctx, "demo", quota.LimitsChange{MaxCPUs: &wrong})
	wantKind(t, err, fault.Invalid)
}
