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
}

func newClient(d *daemon, tenant, token string, seed uint64) *client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(d.ca)
	return &client{url: d.url, token: token, tenant: tenant, random: rand.New(rand.NewPCG(seed, 0)), http: &http.Client{
		Timeout: 20 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13},
			MaxConnsPerHost: 1, TLSHandshakeTimeout: 20 * time.Second,
		},
	}}
}

// answer is what the manager said, and what of it matters.
type answer struct {
	status int
	body   []byte
}

// seen is a cluster as clients see it.
type seen struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	State string    `json:"state"`
	Start time.Time `json:"start"`
	Nodes []struct {
		Pnode string `json:"pnode"`
	} `json:"nodes"`
}

// request asks until there is an answer. Its key makes it one request however
// often it is asked: what became of an earlier try is not known.
func (c *client) request(ctx context.Context, method, path string, body any) (answer, error) {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return answer{}, err
		}
	}
	key := crand.Text()
	for {
		a, err := c.once(ctx, method, path, raw, key)
		if err == nil && a.status != http.StatusServiceUnavailable {
			return a, nil
		}
		select {
		case <-ctx.Done():
			return a, fmt.Errorf("no answer to %s %s: %w (%s)", method, path, err, a.body)
		case <-time.After(time.Duration(20+c.random.IntN(200)) * time.Millisecond):
		}
	}
}

func (c *client) once(ctx context.Context, method, path string, body []byte, key string) (a answer, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if method == http.MethodPost {
		req.Header.Set("Idempotency-Key", key)
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

// do carries one ask out. Of a list it returns an answer for each slot.
func (c *client) do(ctx context.Context, in ask, slots int) ([]ask, []told, error) {
	cluster := "/v1/clusters/" + in.name
	switch in.kind {
	case book:
		a, err := c.request(ctx, http.MethodPost, "/v1/clusters", spec(in))
		return one(in, a, err)
	case cancel, end:
		a, err := c.request(ctx, http.MethodPost, cluster+"/"+string(in.kind), nil)
		return one(in, a, err)
	case show:
		a, err := c.request(ctx, http.MethodGet, cluster, nil)
		return one(in, a, err)
	}
	a, err := c.request(ctx, http.MethodGet, "/v1/clusters", nil)
	if err != nil {
		return nil, nil, err
	}
	return c.listed(in, a, slots)
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

// one reads the answer about one cluster.
func one(in ask, a answer, err error) ([]ask, []told, error) {
	if err != nil {
		return nil, nil, err
	}
	var s struct {
		seen
		Type string `json:"type"`
	}
	if err := json.Unmarshal(a.body, &s); err != nil {
		return nil, nil, fmt.Errorf("%s %s: status %d, %w in %s", in.kind, in.name, a.status, err, a.body)
	}
	out := told{id: s.ID, nodes: len(s.Nodes) - 1}
	switch {
	case a.status/100 == 2 && in.kind == show && s.State == "cancelled":
		out.outcome = over
	case a.status/100 == 2:
		out.outcome = done
	case a.status == http.StatusNotFound:
		out = told{outcome: missing}
	case strings.HasSuffix(s.Type, ":refused"):
		out = told{outcome: refused}
	case strings.HasSuffix(s.Type, ":conflict") && in.kind == book:
		out = told{outcome: taken}
	default:
		return nil, nil, fmt.Errorf("%s %s: status %d: %s", in.kind, in.name, a.status, a.body)
	}
	return []ask{in}, []told{out}, nil
}

// listed reads a tenant's list: it says something about each slot.
func (c *client) listed(in ask, a answer, slots int) (asks []ask, tolds []told, err error) {
	var all []seen
	if err := json.Unmarshal(a.body, &all); err != nil || a.status != http.StatusOK {
		return nil, nil, fmt.Errorf("list: status %d, %w in %s", a.status, err, a.body)
	}
	names := make([][]string, slots)
	for _, s := range all {
		at, _, _ := strings.Cut(strings.TrimPrefix(s.Name, "s"), "-")
		i, err := strconv.Atoi(at)
		if err != nil || i >= slots {
			return nil, nil, fmt.Errorf("list: a cluster %q that nobody booked", s.Name)
		}
		names[i] = append(names[i], s.Name+"="+s.ID)
	}
	for i := range names {
		slices.Sort(names[i])
		asks = append(asks, ask{slot: i, kind: list, tenant: c.tenant})
		tolds = append(tolds, told{outcome: done, names: strings.Join(names[i], " ")})
	}
	return asks, tolds, nil
}
