package api

import (
	"context"
	"net/http"
	"net/url"

	"quarry/internal/api/wire"
)

// Client speaks to a manager for a person or a program that has a token.
// Every error that the manager meant for people is a *fault.Error again; any
// other one means that the manager could not be reached or understood.
type Client struct{ link wire.Link }

// New makes a client. server is the manager's URL (https://host:port; the
// scheme may be left out), caPEM the certificate of the site's CA; without one
// the machine's own trusted authorities count.
func New(server, token string, caPEM []byte) (*Client, error) {
	l, err := wire.NewLink(server, caPEM, nil)
	if err != nil {
		return nil, err
	}
	l.Token = token
	return &Client{l}, nil
}

// get decodes what is at a path.
func get[T any](ctx context.Context, c *Client, u *url.URL) (out T, err error) {
	err = c.link.Call(ctx, http.MethodGet, u, nil, &out)
	return out, err
}

// post sends body to a path and decodes the answer.
func post[T any](ctx context.Context, c *Client, u *url.URL, body any) (out T, err error) {
	err = c.link.Call(ctx, http.MethodPost, u, body, &out)
	return out, err
}

// patch changes what is at a path if it has the version that was seen, 0 for
// any, and decodes the answer.
func patch[T any](ctx context.Context, c *Client, u *url.URL, body any, seen int64) (out T, err error) {
	req, err := c.link.Request(ctx, http.MethodPatch, u, body)
	if err != nil {
		return out, err
	}
	if seen != 0 {
		req.Header.Set("If-Match", etag(seen))
	}
	return out, c.link.Send(req, &out)
}

// with adds one query parameter.
func with(u *url.URL, name, value string) *url.URL {
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u
}
