package manager

import (
	"context"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/fault"
	"quarry/internal/quota"
	"quarry/internal/store"
)

// TenantLimits tell what a tenant may hold and what the tenant holds.
type TenantLimits struct {
	Tenant string `json:"tenant"`
	// Set are the tenant's own, Effective those that hold, with the site's
	// defaults in place of what is not set. There 0 is no limit.
	Set       quota.Limits  `json:"set"`
	Effective quota.Limits  `json:"effective"`
	Used      quota.Summary `json:"used"`
}

// DefaultLimits returns what holds for tenants that nothing else was set for.
func (m *Manager) DefaultLimits(ctx context.Context) (l quota.Limits, err error) {
	err = m.Store.View(ctx, func(tx *store.Tx) error {
		l, err = tx.Limits("")
		return err
	})
	return l, err
}

// SetDefaultLimits changes some of the site's defaults. What is booked stays.
func (m *Manager) SetDefaultLimits(ctx context.Context, p Principal, by quota.LimitsChange) (quota.Limits, error) {
	return m.setLimits(ctx, p, "", by)
}

// SetTenantLimits changes some of a tenant's limits. What is booked stays.
func (m *Manager) SetTenantLimits(ctx context.Context, p Principal, tenant string, by quota.LimitsChange) (TenantLimits, error) {
	if _, err := m.setLimits(ctx, p, tenant, by); err != nil {
		return TenantLimits{}, err
	}
	return m.TenantLimits(ctx, p, tenant)
}

func (m *Manager) setLimits(ctx context.Context, p Principal, tenant string, by quota.LimitsChange) (l quota.Limits, err error) {
	if err := provider(p); err != nil {
		return l, err
	}
	err = m.Store.Update(ctx, func(tx *store.Tx) error {
		if tenant != "" {
			if _, err := tx.Tenant(tenant); err != nil {
				return err
			}
		}
		old, err := tx.Limits(tenant)
		if err != nil {
			return err
		}
		if l, err = old.Changed(by); err != nil {
			return err
		}
		return tx.PutLimits(tenant, l)
	})
	m.poke()
	return l, err
}

// TenantLimits returns a tenant's limits and use: "" is one's own. A tenant
// sees no other's.
func (m *Manager) TenantLimits(ctx context.Context, p Principal, tenant string) (l TenantLimits, err error) {
	switch {
	case tenant == "" && p.Role == RoleTenant:
		tenant = p.Tenant
	case tenant == "":
		return l, fault.New(fault.Invalid, "whose limits?", fault.Detail{Field: "name", Message: "you are no tenant: name one"})
	case p.Role != RoleProvider && tenant != p.Tenant:
		return l, fault.New(fault.NotFound, "no such tenant", fault.Detail{Message: "there is no tenant \"" + tenant + "\" that you may see"})
	}
	now := m.Now().UTC()
	err = m.Store.View(ctx, func(tx *store.Tx) error {
		if _, err := tx.Tenant(tenant); err != nil {
			return err
		}
		l.Tenant = tenant
		if l.Set, l.Effective, err = limitsOf(tx, tenant); err != nil {
			return err
		}
		past, err := pastClaims(tx, tenant, l.Effective, now)
		if err != nil {
			return err
		}
		m.ledger.Ask(func(c *calendar.Calendar) { l.Used = useOf(c, tenant, "", l.Effective, past, now).Summary() })
		return nil
	})
	return l, err
}

// limitsOf returns what was set for a tenant and what holds.
func limitsOf(tx *store.Tx, tenant string) (set, effective quota.Limits, err error) {
	if set, err = tx.Limits(tenant); err != nil {
		return set, effective, err
	}
	defaults, err := tx.Limits("")
	return set, set.Or(defaults), err
}

func pastClaims(tx *store.Tx, tenant string, l quota.Limits, now time.Time) ([]quota.Claim, error) {
	if l.MaxNodeHours == 0 {
		return nil, nil
	}
	return tx.PastClaims(tenant, l.PeriodAt(now))
}

// useOf is what a tenant holds in the calendar, but for one booking.
func useOf(c *calendar.Calendar, tenant, but string, l quota.Limits, past []quota.Claim, now time.Time) *quota.Use {
	var own []quota.Claim
	for _, b := range c.Of(tenant) {
		if b.Request.ID != but {
			own = append(own, quota.ClaimOf(b.Request))
		}
	}
	return quota.NewUse(l, now, own, past)
}

// allowance is what is known of a tenant's limits within one transaction.
type allowance struct {
	tenant string
	limits quota.Limits
	past   []quota.Claim
	now    time.Time
}

func allowanceOf(d desk, tenant string, now time.Time) (a allowance, err error) {
	a = allowance{tenant: tenant, now: now}
	if a.limits, err = d.limits(tenant); err != nil {
		return a, err
	}
	a.past, err = d.past(tenant, a.limits)
	return a, err
}

// limit is what the tenant may hold beside all bookings but one; nil when
// nothing is limited.
func (a allowance) limit(c *calendar.Calendar, but string) *quota.Use {
	if !a.limits.Bounded() {
		return nil
	}
	return useOf(c, a.tenant, but, a.limits, a.past, a.now)
}

// take does one operation on one of a tenant's bookings, new or not, as far as
// the tenant's limits allow: all of it in the transaction that makes it durable,
// so that no two operations at the same time exceed them together. What is
// beyond a limit is a bare *quota.Refusal, and changes nothing. It returns who yields.
func take(d desk, now time.Time, tenant, id string, do func(*calendar.Calendar, calendar.Limit) error) ([]Yielding, error) {
	a, err := allowanceOf(d, tenant, now)
	if err != nil {
		return nil, err
	}
	return yielding(d, now, id, func(c *calendar.Calendar) error {
		use := a.limit(c, id)
		if use == nil {
			return do(c, calendar.Unlimited{})
		}
		before, was := c.Booking(id)
		if err := do(c, use); err != nil {
			return err
		}
		after, is := c.Booking(id)
		if !is {
			return nil
		}
		var old *quota.Claim
		if was {
			claim := quota.ClaimOf(before.Request)
			old = &claim
		}
		if over := use.Check(old, quota.ClaimOf(after.Request)); len(over) > 0 {
			return &quota.Refusal{Request: after.Request, Over: over}
		}
		return nil
	})
}
