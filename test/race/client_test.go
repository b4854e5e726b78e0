//go:build lab

package race

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// client is one of the many: it has a connection of its own.
type client struct {
	url, token, tenant string
	http               *http.Client
	random             *rand.Rand
	last               memory
}

// memory is the last request of a client that was done.
type memory struct {
	request request
	ask     ask
	told    told
}

func newClient(d *daemon, tenant, token string, seed uint64) *client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(d.ca)
	return &client{
		url: d.url, token: token, tenant: tenant, random: rand.New(rand.NewPCG(seed, 0)),
		http: &http.Client{
			Timeout: 20 * time.Second,
			Transport: &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13},
				MaxConnsPerHost: 1, TLSHandshakeTimeout: 20 * time.Second,
			},
		},
	}
}

// request is one thing asked for, and its key: that makes it one however often
// it is asked.
type request struct {
	method, path string
	body         []byte
	key          string
}

// answer is what the manager said.
type answer struct {
	status int
	body   []byte
}

// seen is a cluster as clients see it.
type seen struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	State     string     `json:"state"`
	Start     time.Time  `json:"start"`
	End       time.Time  `json:"end"`
	HoldUntil *time.Time `json:"holdUntil"`
	Nodes     []struct {
		Pnode string `json:"pnode"`
	} `json:"nodes"`
}

func (s seen) view() view {
	v := view{id: s.ID, state: s.State, nodes: len(s.Nodes) - 1} // one is the gateway
	if v.state != cancelled {
		v.window = [2]int64{s.Start.Unix(), s.End.Unix()}
	}
	return v
}

// insist asks until there is an answer: what became of an earlier try is not
// known. Some do not even wait for the first one.
func (c *client) insist(ctx context.Context, r request) (answer, error) {
	patience := c.http.Timeout
	if c.random.IntN(10) == 0 {
		patience = time.Duration(1+c.random.IntN(60)) * time.Millisecond
	}
	for {
		a, err := c.once(ctx, r, patience)
		if err == nil && a.status != http.StatusServiceUnavailable {
			return a, nil
		}
		patience = c.http.Timeout
		select {
		case <-ctx.Done():
			return a, fmt.Errorf("no answer to %s %s: %w (%s)", r.method, r.path, err, a.body)
		case <-time.After(time.Duration(20+c.random.IntN(200)) * time.Millisecond):
		}
	}
}

func (c *client) once(ctx context.Context, r request, patience time.Duration) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, c.url+r.path, bytes.NewReader(r.body))
	if err != nil {
		return a, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if r.method == http.MethodPost {
		req.Header.Set("Idempotency-Key", r.key)
		req.Header.Set("Content-Type", "application/json")
	}
	// net/http repeats by itself what it thinks harmless; here every try counts.
	req.GetBody = nil
	resp, err := c.http.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	a.status = resp.StatusCode
	a.body, err = io.ReadAll(resp.Body)
	return a, err
}

// requestOf is what a client sends to ask for something.
func requestOf(in ask) (r request, err error) {
	r = request{method: http.MethodPost, path: "/v1/clusters/" + in.name + "/" + string(in.kind), key: crand.Text()}
	var body any
	switch in.kind {
	case book:
		r.path, body = "/v1/clusters", spec(in)
	case hold:
		r.path, body = fmt.Sprintf("/v1/clusters?hold=%ds", in.by), spec(in)
	case extend, shorten:
		body = map[string]any{"bySeconds": in.by}
	case move:
		body = map[string]any{"start": time.Unix(in.window[0], 0).UTC(), "end": time.Unix(in.window[1], 0).UTC()}
	case grow, shrink:
		body = map[string]any{"count": in.nodes}
	case show:
		r.method, r.path = http.MethodGet, "/v1/clusters/"+in.name
	case list:
		r.method, r.path = http.MethodGet, "/v1/clusters"
	}
	if in.dry {
		mark := "?"
		if in.kind == hold {
			mark = "&"
		}
		r.path += mark + "dryRun=true"
	}
	if body != nil {
		r.body, err = json.Marshal(body)
	}
	return r, err
}

func spec(in ask) map[string]any {
	return map[string]any{
		"name": in.name, "rolls": []string{"base"},
		"start": time.Unix(in.window[0], 0).UTC(), "end": time.Unix(in.window[1], 0).UTC(),
		"nodes": []map[string]any{
			{"appliance": "gateway", "count": 1, "memoryMiB": gatewayMiB, "diskMiB": diskMiB},
			{"appliance": "compute", "count": in.nodes, "memoryMiB": computeMiB, "diskMiB": diskMiB},
		},
	}
}

// read makes out what an answer about one cluster says.
func (a answer) read(in ask) (out told, s seen, err error) {
	var doc struct {
		seen
		Type string `json:"type"`
	}
	if err := json.Unmarshal(a.body, &doc); err != nil {
		return out, s, fmt.Errorf("%s %s: status %d, %w in %s", in.kind, in.name, a.status, err, a.body)
	}
	switch {
	case a.status/100 == 2:
		return told{outcome: done, view: doc.view(), body: string(a.body)}, doc.seen, nil
	case a.status == http.StatusNotFound:
		return told{outcome: missing}, s, nil
	case strings.HasSuffix(doc.Type, ":refused"):
		return told{outcome: refused}, s, nil
	case strings.HasSuffix(doc.Type, ":invalid") && (in.kind == shorten || in.kind == shrink || in.kind == grow):
		return told{outcome: invalid}, s, nil
	case strings.HasSuffix(doc.Type, ":conflict") && (in.kind == book || in.kind == hold):
		return told{outcome: taken}, s, nil
	}
	return out, s, fmt.Errorf("%s %s: status %d: %s", in.kind, in.name, a.status, a.body)
}

// readList makes out what a tenant's list says of each slot.
func (a answer) readList(slots int) ([]told, []seen, error) {
	var all []seen
	if err := json.Unmarshal(a.body, &all); err != nil || a.status != http.StatusOK {
		return nil, nil, fmt.Errorf("list: status %d, %w in %s", a.status, err, a.body)
	}
	slices.SortFunc(all, func(a, b seen) int { return strings.Compare(a.Name, b.Name) })
	lines := make([][]string, slots)
	for _, s := range all {
		at, _, _ := strings.Cut(strings.TrimPrefix(s.Name, "s"), "-")
		i, err := strconv.Atoi(at)
		if err != nil || i >= slots {
			return nil, nil, fmt.Errorf("list: a cluster %q that nobody booked", s.Name)
		}
		lines[i] = append(lines[i], s.view().line(s.Name))
	}
	out := make([]told, slots)
	for i := range lines {
		out[i] = told{outcome: done, list: strings.Join(lines[i], ", ")}
	}
	return out, all, nil
}
