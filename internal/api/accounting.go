package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quarry/internal/accounting"
	"quarry/internal/manager"
)

type accountingInput struct {
	From   time.Time `query:"from" required:"true" doc:"where the window begins"`
	To     time.Time `query:"to" doc:"where it ends (now); what is not past yet is left out"`
	Tenant string    `query:"tenant" maxLength:"63" doc:"only that tenant's (provider)"`
	By     []string  `query:"by,explode" enum:"tenant,cluster,day" doc:"what has rows of its own beside the tenants: cluster, day"`
}

type auditInput struct {
	From time.Time `query:"from" required:"true" doc:"where the window begins"`
	To   time.Time `query:"to" doc:"where it ends (now)"`
}

func (s *Server) registerAccounting(api huma.API) {
	const tag = "accounting"
	op := operation(http.MethodGet, "/v1/accounting", "get-accounting", tag, "Add up what clusters held")
	op.Description = "Exact integers, from the clusters' events alone; days are UTC. A tenant sees its own only."
	handle(s, api, op, func(ctx context.Context, p manager.Principal, in *accountingInput) (accounting.Accounts, error) {
		by, err := accounting.ParseBy(in.By)
		if err != nil {
			return accounting.Accounts{}, err
		}
		return s.Manager.Accounting(ctx, p, in.Tenant, in.From, in.To, by)
	})
	handle(s, api, operation(http.MethodGet, "/v1/accounting/audit", "audit-accounting", tag, "Compare the accounts with the clusters' own records"),
		func(ctx context.Context, p manager.Principal, in *auditInput) (manager.Audit, error) {
			return s.Manager.AuditAccounting(ctx, p, in.From, in.To)
		})
}

// Accounting adds up what clusters held in [from, to), as far as it is past.
func (c *Client) Accounting(ctx context.Context, tenant string, from, to time.Time, by []string) (accounting.Accounts, error) {
	u := c.link.Address("v1", "accounting")
	q := windowQuery(from, to)
	if q["by"] = by; tenant != "" {
		q.Set("tenant", tenant)
	}
	u.RawQuery = q.Encode()
	return get[accounting.Accounts](ctx, c, u)
}

// AuditAccounting compares the accounts with the clusters' own records.
func (c *Client) AuditAccounting(ctx context.Context, from, to time.Time) (manager.Audit, error) {
	u := c.link.Address("v1", "accounting", "audit")
	u.RawQuery = windowQuery(from, to).Encode()
	return get[manager.Audit](ctx, c, u)
}

func windowQuery(from, to time.Time) url.Values {
	q := url.Values{"from": {from.UTC().Format(time.RFC3339)}}
	if !to.IsZero() {
		q.Set("to", to.UTC().Format(time.RFC3339))
	}
	return q
}
