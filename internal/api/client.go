package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"quarry/internal/fault"
)

// maxAnswer bounds an answer that a client reads into memory, in bytes.
const maxAnswer = 64 << 20

// Client speaks to a manager for a person or a program that has a token.
// Every error that the manager meant for people is a *fault.Error again; any
// other one means that the manager could not be reached or understood.
type Client struct {
	link
	token string
}

// New makes a client. server is the manager's URL (https://host:port; the
// scheme may be left out), caPEM the certificate of the site's CA; without one
// the machine's own trusted authorities count.
func New(server, token string, caPEM []byte) (*Client, error) {
	l, err := newLink(server, caPEM, nil)
	if err != nil {
		return nil, err
	}
	return &Client{link: l, token: token}, nil
}

// link is a way to one manager.
type link struct {
	base *url.URL
	http *http.Client
}

func newLink(server string, caPEM []byte, certificate *tls.Certificate) (link, error) {
	if !strings.Contains(server, "://") {
		server = "https://" + server
	}
	base, err := url.Parse(server)
	if err != nil || base.Scheme != "https" || base.Host == "" {
		return link{}, fault.New(fault.Invalid, "the manager's URL cannot be used",
			fault.Detail{Field: "server", Message: fmt.Sprintf("%q is not a URL like https://manager:7443", server)})
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if len(caPEM) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(caPEM) {
			return link{}, fault.New(fault.Invalid, "the site's CA cannot be used",
				fault.Detail{Field: "ca", Message: "it holds no PEM certificate"})
		}
	}
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate}
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	return link{
		base: base.JoinPath("/"),
		http: &http.Client{
			Transport: &http.Transport{
				DialContext: dialer.DialContext, TLSClientConfig: config, TLSHandshakeTimeout: 10 * time.Second,
				ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 4,
			},
			// A manager never redirects: whoever does shall not get the token.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// address is the URL of a path; each element is escaped as a whole.
func (l link) address(elements ...string) *url.URL {
	u := *l.base
	for _, e := range elements {
		u.Path = strings.TrimSuffix(u.Path, "/") + "/" + e
		u.RawPath = strings.TrimSuffix(u.RawPath, "/") + "/" + url.PathEscape(e)
	}
	return &u
}

// exchange sends a request and returns the answer if it is a success.
func (l link) exchange(req *http.Request) (*http.Response, error) {
	resp, err := l.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the manager at %s: %w", l.base.Host, unwrapURL(err))
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	err = faultOf(resp)
	_ = resp.Body.Close()
	return nil, err
}

// unwrapURL drops method and URL, which the caller tells better.
func unwrapURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// request makes a request of this client, with body as JSON unless it is nil.
func (c *Client) request(ctx context.Context, method string, u *url.URL, body any) (*http.Request, error) {
	var raw io.Reader
	if body != nil {
		doc, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		raw = bytes.NewReader(doc)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), raw)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if method == http.MethodPost {
		req.Header.Set("Idempotency-Key", rand.Text())
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

// call sends a request and decodes the answer into out unless it is nil.
func (c *Client) call(ctx context.Context, method string, u *url.URL, body, out any) error {
	req, err := c.request(ctx, method, u, body)
	if err != nil {
		return err
	}
	resp, err := c.exchange(req)
	if lost(ctx, req, err) { // the key makes it safe to ask again
		if req, err = again(req); err == nil {
			resp, err = c.exchange(req)
		}
	}
	if err != nil {
		return err
	}
	return decode(resp, out)
}

// lost reports whether the answer to a request may have been lost on the way,
// once a connection was there.
func lost(ctx context.Context, req *http.Request, err error) bool {
	var dial *net.OpError
	return err != nil && ctx.Err() == nil && fault.KindOf(err) == "" && req.Header.Get("Idempotency-Key") != "" &&
		(errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &dial) && dial.Op != "dial")
}

func again(req *http.Request) (*http.Request, error) {
	next := req.Clone(req.Context())
	if req.GetBody == nil {
		return next, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, fmt.Errorf("repeat the request: %w", err)
	}
	next.Body = body
	return next, nil
}

func decode(resp *http.Response, out any) (err error) {
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read the manager's answer: %w", err)
	}
	return nil
}

// get decodes what is at a path.
func get[T any](ctx context.Context, c *Client, u *url.URL) (out T, err error) {
	err = c.call(ctx, http.MethodGet, u, nil, &out)
	return out, err
}

// post sends body to a path and decodes the answer.
func post[T any](ctx context.Context, c *Client, u *url.URL, body any) (out T, err error) {
	err = c.call(ctx, http.MethodPost, u, body, &out)
	return out, err
}

// with adds one query parameter.
func with(u *url.URL, name, value string) *url.URL {
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u
}
