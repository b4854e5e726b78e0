package cli

import (
	"net/http"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/manager"
	"quarry/internal/pnode"
	"quarry/internal/quota"
)

// fakeRecord is a site of two pnodes and a record of one booking on each of two
// pages.
func fakeRecord(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/site", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, manager.SiteInfo{Site: manager.Site{VLANFirst: 100, VLANLast: 109, OutsideFirst: "203.0.113.10", OutsideLast: "203.0.113.19"}})
	})
	mux.HandleFunc("GET /v1/pnodes", func(w http.ResponseWriter, _ *http.Request) {
		facts := pnode.Facts{Accelerator: "kvm", CPUs: 8, MemoryMiB: 8192, DiskMiB: 80000, Uplink: true}
		answer(w, []manager.PnodeInfo{{Name: "p1", Facts: facts}, {Name: "new"}})
	})
	mux.HandleFunc("GET /v1/limits", func(w http.ResponseWriter, _ *http.Request) { answer(w, quota.Limits{LongestSeconds: 86400}) })
	mux.HandleFunc("GET /v1/tenants", func(w http.ResponseWriter, _ *http.Request) { answer(w, []manager.TenantInfo{{Name: "chem"}}) })
	mux.HandleFunc("GET /v1/tenants/chem/limits", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, manager.TenantLimits{Tenant: "chem", Set: quota.Limits{MaxCPUs: 64}})
	})
	mux.HandleFunc("GET /v1/record", func(w http.ResponseWriter, r *http.Request) {
		name, next := "farm", "id-farm"
		if r.URL.Query().Get("after") == next {
			name, next = "lab", ""
		}
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		answer(w, manager.Record{Next: next, Clusters: []manager.Recorded{{
			Tenant: "chem", At: at, Made: true, PrepareSeconds: 80, Spec: cluster.Spec{
				Name: name, StartMode: cluster.StartASAP, Duration: time.Hour, Nodes: []cluster.Group{{Appliance: cluster.Compute, Count: 1}},
			},
		}}})
	})
}
