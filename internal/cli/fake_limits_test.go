package cli

import (
	"encoding/json"
	"net/http"
	"time"

	"quarry/internal/manager"
	"quarry/internal/quota"
)

// fakeLimits registers a tenant's limits; what is set is answered and not kept.
func fakeLimits(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/tenant/limits", func(w http.ResponseWriter, _ *http.Request) {
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		answer(w, manager.TenantLimits{
			Tenant:    "chem",
			Set:       quota.Limits{MaxCPUs: 64, MaxNodeHours: 1000, NodeHoursSeconds: 604800},
			Effective: quota.Limits{MaxCPUs: 64, MaxMemoryMiB: 262144, MaxNodeHours: 1000, NodeHoursSeconds: 604800, Priority: quota.High},
			Used: quota.Summary{
				CPUs: quota.Level{Now: 8, Peak: 16, PeakAt: at}, MemoryMiB: quota.Level{Now: 5120, Peak: 10240, PeakAt: at},
				NodeHours: 12.5, Period: at, Clusters: 1,
			},
		})
	})
	mux.HandleFunc("PATCH /v1/tenants/{name}/limits", func(w http.ResponseWriter, r *http.Request) {
		out := manager.TenantLimits{Tenant: r.PathValue("name")}
		if err := json.NewDecoder(r.Body).Decode(&out.Set); err != nil {
			problem(w, http.StatusBadRequest, "invalid", err.Error(), nil)
			return
		}
		answer(w, out)
	})
}
