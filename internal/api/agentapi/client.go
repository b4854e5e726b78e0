// Package agentapi is how a pnode's agent speaks to the manager: it enrols,
// follows what is wanted, reports what is, and fetches images. It is apart from
// package api because that one imports the manager and its database, which
// nothing on a pnode may.
package agentapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"quarry/internal/api/wire"
	"quarry/internal/fault"
	"quarry/internal/pnode"
)

// reportTimeout bounds the sending of one report.
const reportTimeout = 30 * time.Second

// Client speaks to the manager for the agent of one pnode, by mutual TLS.
type Client struct {
	server string
	now    atomic.Pointer[identified]
}

// identified is what changes when the certificate is renewed.
type identified struct {
	link     wire.Link
	enrolled Enrolled
	leaf     *x509.Certificate
}

// New makes the client of an enrolled pnode.
func New(server string, e Enrolled) (*Client, error) {
	c := &Client{server: server}
	return c, c.identify(e)
}

// identify makes the client ask with a certificate from now on. Requests under
// way keep the connection they have.
func (c *Client) identify(e Enrolled) error {
	pair, err := tls.X509KeyPair(e.Certificate, e.Key)
	if err != nil {
		return fault.New(fault.Invalid, "the pnode's certificate cannot be used", fault.Detail{Message: err.Error()})
	}
	if len(e.CA) == 0 {
		return fault.New(fault.Invalid, "the site's CA cannot be used", fault.Detail{Field: "ca", Message: "it is missing"})
	}
	l, err := wire.NewLink(c.server, e.CA, &pair)
	if err != nil {
		return err
	}
	if old := c.now.Swap(&identified{link: l, enrolled: e, leaf: pair.Leaf}); old != nil {
		old.link.HTTP.CloseIdleConnections()
	}
	return nil
}

func (c *Client) link() wire.Link { return c.now.Load().link }

// Watch calls accept with the newest desired state of the pnode, and with
// each newer one, until the stream breaks, ctx ends or accept returns an
// error. The caller asks again.
func (c *Client) Watch(ctx context.Context, accept func(pnode.Desired) error) error {
	link := c.link()
	req, err := link.Request(ctx, http.MethodGet, link.Address("agent", "v1", "desired"), nil)
	if err != nil {
		return err
	}
	return link.Stream(req, func(e wire.Event) error {
		var d pnode.Desired
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return fmt.Errorf("read the desired state: %w", err)
		}
		return accept(d)
	})
}

// Report tells the manager what is on the pnode, and returns the site's time as
// the manager knows it, zero if it did not say.
func (c *Client) Report(ctx context.Context, r pnode.Report) (site time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	link := c.link()
	req, err := link.Request(ctx, http.MethodPost, link.Address("agent", "v1", "report"), r)
	if err != nil {
		return time.Time{}, err
	}
	resp, err := link.Exchange(req)
	if err != nil {
		return time.Time{}, err
	}
	site, _ = http.ParseTime(resp.Header.Get("Date"))
	return site, resp.Body.Close()
}

// HTTPClient is how the pnode fetches images from ImagesURL.
func (c *Client) HTTPClient() *http.Client {
	client := *c.link().HTTP
	client.Transport = newest{c}
	return &client
}

// newest sends each request with the certificate of its time.
type newest struct{ c *Client }

func (n newest) RoundTrip(r *http.Request) (*http.Response, error) {
	return n.c.link().HTTP.Transport.RoundTrip(r)
}

// CloseIdleConnections is what http.Client asks its transport for.
func (n newest) CloseIdleConnections() { n.c.link().HTTP.CloseIdleConnections() }

// ImagesURL is the folder of images: ImagesURL/ADDRESS/FILE.
func (c *Client) ImagesURL() string { return c.link().Address("agent", "v1", "images").String() }
