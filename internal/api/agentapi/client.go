// Package agentapi is how a pnode's agent speaks to the manager: it enrols,
// follows what is wanted, reports what is, and fetches images. It is apart from
// package api because that one imports the manager and its database, which
// nothing on a pnode may.
package agentapi

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"quarry/internal/api/wire"
	"quarry/internal/fault"
	"quarry/internal/pnode"
)

// reportTimeout bounds the sending of one report.
const reportTimeout = 30 * time.Second

// Client speaks to the manager for the agent of one pnode, by mutual TLS.
type Client struct{ link wire.Link }

// New makes the client of an enrolled pnode.
func New(server string, e Enrolled) (*Client, error) {
	pair, err := tls.X509KeyPair(e.Certificate, e.Key)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the pnode's certificate cannot be used", fault.Detail{Message: err.Error()})
	}
	if len(e.CA) == 0 {
		return nil, fault.New(fault.Invalid, "the site's CA cannot be used", fault.Detail{Field: "ca", Message: "it is missing"})
	}
	l, err := wire.NewLink(server, e.CA, &pair)
	if err != nil {
		return nil, err
	}
	return &Client{l}, nil
}

// Watch calls accept with the newest desired state of the pnode, and with
// each newer one, until the stream breaks, ctx ends or accept returns an
// error. The caller asks again.
func (c *Client) Watch(ctx context.Context, accept func(pnode.Desired) error) error {
	req, err := c.link.Request(ctx, http.MethodGet, c.link.Address("agent", "v1", "desired"), nil)
	if err != nil {
		return err
	}
	return c.link.Stream(req, func(e wire.Event) error {
		var d pnode.Desired
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return fmt.Errorf("read the desired state: %w", err)
		}
		return accept(d)
	})
}

// Report tells the manager what is on the pnode.
func (c *Client) Report(ctx context.Context, r pnode.Report) error {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	req, err := c.link.Request(ctx, http.MethodPost, c.link.Address("agent", "v1", "report"), r)
	if err != nil {
		return err
	}
	resp, err := c.link.Exchange(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// HTTPClient is how the pnode fetches images from ImagesURL.
func (c *Client) HTTPClient() *http.Client { return c.link.HTTP }

// ImagesURL is the folder of images: ImagesURL/ADDRESS/FILE.
func (c *Client) ImagesURL() string { return c.link.Address("agent", "v1", "images").String() }
