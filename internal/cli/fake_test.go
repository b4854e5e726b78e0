package cli

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/manager"
)

// fakeManager speaks the API as far as the scripts need it. Its clusters never
// change by themselves: "done" has ended, "broken" has failed.
type fakeManager struct {
	*httptest.Server
	mu       sync.Mutex
	clusters map[string]cluster.Cluster
	rolls    fakeRolls
}

func newFakeManager() *fakeManager {
	at := time.Now().UTC().Truncate(time.Second)
	f := &fakeManager{clusters: map[string]cluster.Cluster{
		"done": {Name: "done", Tenant: "chem", State: cluster.Ended, ReadyAt: &at, ActiveAt: &at, EndedAt: &at},
		"broken": {Name: "broken", Tenant: "chem", State: cluster.Failed, EndedAt: &at, Nodes: []cluster.Node{{
			Name: "compute-0", Appliance: "compute", State: cluster.NodeFailed, Stage: "scripts",
			Message: "script condor/execute/boot failed\nno such host\nexit status 7",
		}}},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/clusters", f.list)
	mux.HandleFunc("POST /v1/clusters", f.create)
	mux.HandleFunc("GET /v1/clusters/{name}", f.show)
	mux.HandleFunc("GET /v1/clusters/{name}/lock", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("name") == "none" {
			f.show(w, r)
			return
		}
		answer(w, testLock("1.0-1"))
	})
	mux.HandleFunc("POST /v1/clusters/{name}/end", f.show)
	mux.HandleFunc("POST /v1/clusters/{name}/cancel", f.show)
	for _, op := range []string{"extend", "shorten", "move", "grow", "shrink", "confirm", "release"} {
		mux.HandleFunc("POST /v1/clusters/{name}/"+op, f.change)
	}
	mux.HandleFunc("GET /v1/clusters/{name}/events", func(w http.ResponseWriter, r *http.Request) {
		answer(w, []cluster.Event{{Seq: 1, Time: at, Cluster: r.PathValue("name"), Type: "booked", Message: "booked"}})
	})
	mux.HandleFunc("GET /v1/calendar", fakeCalendar)
	fakeLimits(mux)
	fakeRecord(mux)
	mux.HandleFunc("GET /v1/accounting", fakeAccounting)
	mux.HandleFunc("GET /v1/accounting/audit", fakeAudit)
	f.rolls.register(mux)
	f.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer quarry_tenant" {
			problem(w, http.StatusUnauthorized, "unauthorized", "not authenticated", nil)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	return f
}

// authority is the certificate that clients must trust, in PEM.
func (f *fakeManager) authority() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}))
}

func (f *fakeManager) list(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	live := []cluster.Cluster{}
	for _, c := range f.clusters {
		if c.EndedAt == nil {
			live = append(live, c)
		}
	}
	answer(w, live)
}

func (f *fakeManager) show(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, ok := f.clusters[r.PathValue("name")]
	if !ok {
		problem(w, http.StatusNotFound, "not_found", "no such cluster", nil)
		return
	}
	answer(w, c)
}

// change refuses to extend for more than a day, and otherwise tells what it was
// asked as the message of a node.
func (f *fakeManager) change(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var asked struct {
		BySeconds float64 `json:"bySeconds"`
	}
	_ = json.Unmarshal(body, &asked)
	if asked.BySeconds > 86400 {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusConflict)
		answer(w, map[string]any{
			"type": "urn:quarry:problem:refused", "title": "the cluster cannot be extended", "status": http.StatusConflict,
			"errors": []map[string]string{{"message": "compute-0 stay on pnode p1"}},
			"refusal": manager.Refusal{Alternatives: []manager.Alternative{{Kind: calendar.Shorter, Message: "until then", Changes: []manager.Change{
				{Operation: manager.Shrink, Nodes: []string{"compute-1"}},
				{Operation: manager.Extend, End: time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC)},
			}}}},
		})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c, ok := f.clusters[r.PathValue("name")]
	if !ok {
		problem(w, http.StatusNotFound, "not_found", "no such cluster", nil)
		return
	}
	c.Nodes = []cluster.Node{{Name: "compute-0", Message: r.URL.Path + "?" + r.URL.RawQuery + " " + string(body)}, {Name: "compute-1", Joining: true}}
	answer(w, c)
}

func (f *fakeManager) create(w http.ResponseWriter, r *http.Request) {
	var spec cluster.Spec
	if err := json.NewDecoder(r.Body).Decode(&spec); err != nil || r.Header.Get("Idempotency-Key") == "" {
		problem(w, http.StatusBadRequest, "invalid", "not a specification", nil)
		return
	}
	if spec.Nodes[0].Count > 100 {
		problem(w, http.StatusConflict, "refused", "the cluster does not fit", []map[string]string{
			{"location": "spec.nodes[0].count", "message": "500 is more than the 3 that are free"},
			{"message": "it fits at 2030-01-01T00:00:00Z with 3"},
		})
		return
	}
	now := time.Now().UTC().Truncate(time.Second)
	c := cluster.Cluster{
		Name: spec.Name, Tenant: "chem", Spec: spec, State: cluster.Booked, CreatedAt: now,
		Start: now.Add(8 * time.Minute), End: now.Add(68 * time.Minute), VLAN: 100,
		Gateway: cluster.GatewayInfo{OutsideAddress: "203.0.113.100"},
		Nodes: []cluster.Node{{
			Name: "compute-0", Appliance: "compute", Pnode: "p1", State: cluster.NodePreparing, Stage: "boot", Progress: 40,
		}},
	}
	if hold, err := time.ParseDuration(r.URL.Query().Get("hold")); err == nil {
		until := now.Add(hold)
		c.State, c.HoldUntil = cluster.Held, &until
	}
	if r.URL.Query().Get("dryRun") != "true" {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.clusters[c.Name] = c
	}
	w.WriteHeader(http.StatusCreated)
	answer(w, c)
}

func answer(w http.ResponseWriter, value any) {
	_ = json.NewEncoder(w).Encode(value)
}

func problem(w http.ResponseWriter, status int, kind, title string, faults []map[string]string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	answer(w, map[string]any{"type": "urn:quarry:problem:" + kind, "title": title, "status": status, "errors": faults})
}
