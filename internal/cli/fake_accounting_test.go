package cli

import (
	"net/http"
	"time"

	"quarry/internal/accounting"
	"quarry/internal/cluster"
	"quarry/internal/manager"
)

// fakeAccounting is one cluster of three CPUs and 640 MiB that is handed over
// an hour into the window and then goes on.
func fakeAccounting(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	from, _ := time.Parse(time.RFC3339, q.Get("from"))
	to, _ := time.Parse(time.RFC3339, q.Get("to"))
	if q.Get("tenant") == "geo" {
		problem(w, http.StatusForbidden, "forbidden", "not allowed", nil)
		return
	}
	by, _ := accounting.ParseBy(q["by"])
	book := accounting.Open(from, to, by)
	amount := cluster.Amount{Vnodes: 1, CPUs: 3, MemoryMiB: 641, Addresses: 1}
	for _, h := range []cluster.Holding{{Since: from, Prepare: amount}, {Since: from.Add(time.Hour), Window: amount}} {
		_ = book.Add(accounting.Entry{Tenant: "chem", ClusterID: "id-farm", Cluster: "farm", Holding: h})
	}
	report, _ := book.Report()
	answer(w, report)
}

// fakeAudit finds something before 2026.
func fakeAudit(w http.ResponseWriter, r *http.Request) {
	a := manager.Audit{Clusters: 1, Findings: []manager.Finding{}}
	if r.URL.Query().Get("from") < "2026" {
		a.Findings = []manager.Finding{{Tenant: "chem", Cluster: "farm", ClusterID: "id-farm", Message: "was handed over twice"}}
	}
	answer(w, a)
}
