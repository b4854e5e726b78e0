package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"quarry/internal/fault"
)

// Heartbeat is how often the server gives a sign of life on a stream.
const Heartbeat = 15 * time.Second

// silence is how long a stream may be without any.
const silence = 3 * Heartbeat

// Link is a way to one manager. Every error that the manager meant for people
// is a *fault.Error again; any other one means that the manager could not be
// reached or understood.
type Link struct {
	base  *url.URL
	HTTP  *http.Client
	Token string // a bearer token, or none
}

// NewLink makes a link. server is the manager's URL (https://host:port; the
// scheme may be left out), caPEM the certificate of the site's CA; without one
// the machine's own trusted authorities count. certificate is the client's, if
// it has one.
func NewLink(server string, caPEM []byte, certificate *tls.Certificate) (Link, error) {
	if !strings.Contains(server, "://") {
		server = "https://" + server
	}
	base, err := url.Parse(server)
	if err != nil || base.Scheme != "https" || base.Host == "" {
		return Link{}, fault.New(fault.Invalid, "the manager's URL cannot be used",
			fault.Detail{Field: "server", Message: fmt.Sprintf("%q is not a URL like https://manager:7443", server)})
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if len(caPEM) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(caPEM) {
			return Link{}, fault.New(fault.Invalid, "the site's CA cannot be used",
				fault.Detail{Field: "ca", Message: "it holds no PEM certificate"})
		}
	}
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate}
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	return Link{
		base: base.JoinPath("/"),
		HTTP: &http.Client{
			Transport: &http.Transport{
				DialContext: dialer.DialContext, TLSClientConfig: config, TLSHandshakeTimeout: 10 * time.Second,
				ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 4,
			},
			// A manager never redirects: whoever does shall not get the token.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Address is the URL of a path; each element is escaped as a whole.
func (l Link) Address(elements ...string) *url.URL {
	u := *l.base
	for _, e := range elements {
		u.Path = strings.TrimSuffix(u.Path, "/") + "/" + e
		u.RawPath = strings.TrimSuffix(u.RawPath, "/") + "/" + url.PathEscape(e)
	}
	return &u
}

// Exchange sends a request and returns the answer if it is a success.
func (l Link) Exchange(req *http.Request) (*http.Response, error) {
	resp, err := l.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the manager at %s: %w", l.base.Host, unwrapURL(err))
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	err = FaultOf(resp)
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

// Stream sends a request whose answer is a stream of events and passes each
// on. It returns when the stream ends, is silent for too long, or accept
// returns an error.
func (l Link) Stream(req *http.Request, accept func(Event) error) error {
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	dead := time.AfterFunc(silence, func() { cancel(fmt.Errorf("no sign of life for %s", silence)) })
	defer dead.Stop()
	req = req.WithContext(ctx)
	req.Header.Set("Accept", "text/event-stream")
	resp, err := l.Exchange(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	events := newReader(resp.Body, maxEvent, func() { dead.Reset(silence) })
	for {
		e, err := events.next()
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return fmt.Errorf("the stream from the manager broke: %w", err)
		}
		if err := accept(e); err != nil {
			return err
		}
	}
}
