package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"quarry/internal/fault"
	"quarry/internal/pki"
	"quarry/internal/pnode"
)

// reportTimeout bounds the sending of one report.
const reportTimeout = 30 * time.Second

// Enrolled is what a pnode needs to be known by its manager, all PEM.
type Enrolled struct {
	Key         []byte // a secret
	Certificate []byte
	CA          []byte
}

// Enroll makes a key for the pnode name and trades an enrolment token for its
// certificate. caPEM is the site's CA, learned on another way than the network.
func Enroll(ctx context.Context, server string, caPEM []byte, token, name string) (Enrolled, error) {
	c, err := New(server, "", caPEM)
	if err != nil {
		return Enrolled{}, err
	}
	defer c.http.CloseIdleConnections()
	key, csr, err := pki.NewRequest(name)
	if err != nil {
		return Enrolled{}, err
	}
	a, err := post[EnrolAnswer](ctx, c, c.address("v1", "enroll"), EnrolRequest{Token: token, Name: name, CSR: string(csr)})
	if err != nil {
		return Enrolled{}, err
	}
	e := Enrolled{Key: key, Certificate: []byte(a.Certificate), CA: []byte(a.CA)}
	if _, err := tls.X509KeyPair(e.Certificate, e.Key); err != nil {
		return Enrolled{}, fmt.Errorf("the manager's certificate cannot be used: %w", err)
	}
	return e, nil
}

// AgentClient speaks to the manager for the agent of one pnode, by mutual TLS.
type AgentClient struct{ link }

// NewAgentClient makes the client of an enrolled pnode.
func NewAgentClient(server string, e Enrolled) (*AgentClient, error) {
	pair, err := tls.X509KeyPair(e.Certificate, e.Key)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the pnode's certificate cannot be used", fault.Detail{Message: err.Error()})
	}
	if len(e.CA) == 0 {
		return nil, fault.New(fault.Invalid, "the site's CA cannot be used", fault.Detail{Field: "ca", Message: "it is missing"})
	}
	l, err := newLink(server, e.CA, &pair)
	return &AgentClient{l}, err
}

// Watch calls accept with the newest desired state of the pnode, and with
// each newer one, until the stream breaks, ctx ends or accept returns an
// error. The caller asks again.
func (c *AgentClient) Watch(ctx context.Context, accept func(pnode.Desired) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address("agent", "v1", "desired").String(), nil)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	return c.stream(req, func(e sseEvent) error {
		var d pnode.Desired
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return fmt.Errorf("read the desired state: %w", err)
		}
		return accept(d)
	})
}

// Report tells the manager what is on the pnode.
func (c *AgentClient) Report(ctx context.Context, r pnode.Report) error {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	doc, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address("agent", "v1", "report").String(), bytes.NewReader(doc))
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.exchange(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// HTTPClient is how the pnode fetches images from ImagesURL.
func (c *AgentClient) HTTPClient() *http.Client { return c.http }

// ImagesURL is the folder of images: ImagesURL/ADDRESS/FILE.
func (c *AgentClient) ImagesURL() string { return c.address("agent", "v1", "images").String() }
