package wire

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"quarry/internal/fault"
)

// KeyHeader names a POST, so that the server knows its repetition.
const KeyHeader = "Idempotency-Key"

// maxAnswer bounds an answer that a client reads into memory, in bytes.
const maxAnswer = 64 << 20

// Request makes a request with body as JSON unless it is nil.
func (l Link) Request(ctx context.Context, method string, u *url.URL, body any) (*http.Request, error) {
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
	if l.Token != "" {
		req.Header.Set("Authorization", "Bearer "+l.Token)
	}
	return req, nil
}

// Call sends a request and decodes the answer into out unless it is nil. A
// POST whose answer is lost on the way is sent once more.
func (l Link) Call(ctx context.Context, method string, u *url.URL, body, out any) error {
	req, err := l.Request(ctx, method, u, body)
	if err != nil {
		return err
	}
	if method == http.MethodPost {
		req.Header.Set(KeyHeader, rand.Text())
	}
	resp, err := l.Exchange(req)
	if lost(ctx, req, err) { // the key makes it safe to ask again
		if req, err = again(req); err == nil {
			resp, err = l.Exchange(req)
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
	return err != nil && ctx.Err() == nil && fault.KindOf(err) == "" && req.Header.Get(KeyHeader) != "" &&
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

// Send sends a request and decodes the answer into out unless it is nil.
func (l Link) Send(req *http.Request, out any) error {
	resp, err := l.Exchange(req)
	if err != nil {
		return err
	}
	return decode(resp, out)
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
