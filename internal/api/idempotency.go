package api

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"quarry/internal/api/wire"
	"quarry/internal/fault"
	"quarry/internal/store"
)

const (
	replayedHeader = "Idempotency-Replayed"
	maxKey         = 200
)

// keyParameter describes the header in every operation that takes it.
func keyParameter() *huma.Param {
	most := maxKey
	return &huma.Param{
		Name: wire.KeyHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &most},
		Description: "makes it safe to repeat the request within a day: a success is answered the same again",
	}
}

// kept is an answer that can be given again.
type kept struct {
	Header http.Header `json:"header"`
	Body   []byte      `json:"body"`
}

// idempotent answers a POST whose key was seen before with what was answered
// then. Only successes are kept: a refusal changed nothing and may be
// different the next time. An answer is kept sealed with the caller's own
// token, because it may hold a secret that the store must not know.
func (s *Server) idempotent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get(wire.KeyHeader)
		if r.Method != http.MethodPost || key == "" || !strings.HasPrefix(r.URL.Path, "/v1/") || bearer(r) == "" {
			next.ServeHTTP(w, r)
			return
		}
		if err := s.once(w, r, key, next); err != nil {
			writeProblem(w, s.problem(r.Context(), err))
		}
	})
}

func (s *Server) once(w http.ResponseWriter, r *http.Request, key string, next http.Handler) error {
	ctx := r.Context()
	if len(key) > maxKey {
		return fault.New(fault.Invalid, "the key cannot be used",
			fault.Detail{Field: wire.KeyHeader, Message: fmt.Sprintf("it is longer than %d bytes", maxKey)})
	}
	p, err := s.Manager.Authenticate(ctx, bearer(r))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return badBody(err)
	}
	unlock, err := s.keys.lock(ctx, p.TokenID+" "+key)
	if err != nil {
		return err
	}
	defer unlock()
	request := hashRequest(r, body)
	old, err := s.recall(ctx, p.TokenID, key)
	switch {
	case err == nil && old.RequestHash != request:
		return fault.New(fault.Invalid, "the key was used for another request",
			fault.Detail{Field: wire.KeyHeader, Message: fmt.Sprintf("%q belongs to a request that was different: make a new key", key)})
	case err == nil:
		return replay(w, old, bearer(r))
	case fault.KindOf(err) != fault.NotFound:
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := recorder{header: w.Header()}
	slip := &receipt{token: bearer(r), row: store.Idempotent{Owner: p.TokenID, Key: key, RequestHash: request, At: s.Manager.Now()}}
	next.ServeHTTP(&answer, r.WithContext(context.WithValue(ctx, receiptKey{}, slip)))
	if answer.status/100 == 2 && !slip.kept {
		s.keep(context.WithoutCancel(ctx), slip, answer.status, kept{Header: w.Header().Clone(), Body: answer.body.Bytes()})
	}
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body.Bytes()) // the client went away: it will ask again
	return nil
}

func (s *Server) recall(ctx context.Context, owner, key string) (old store.Idempotent, err error) {
	err = s.Manager.Store.View(ctx, func(tx *store.Tx) error {
		old, err = tx.Idempotent(owner, key)
		return err
	})
	if err == nil && s.Manager.Now().Sub(old.At) > store.IdempotentAge {
		return old, fault.New(fault.NotFound, "the answer is too old")
	}
	return old, err
}

// keep remembers an answer. What was asked for is done: an error here only
// means that a repetition would not be recognised.
func (s *Server) keep(ctx context.Context, slip *receipt, status int, k kept) {
	err := s.Manager.Store.Update(ctx, func(tx *store.Tx) error { return slip.put(tx, status, k) })
	if err != nil {
		s.Log.ErrorContext(ctx, "an answer could not be kept for its repetition", "error", err)
	}
}

func replay(w http.ResponseWriter, old store.Idempotent, token string) error {
	doc, err := unseal(old.Body, token)
	if err != nil {
		return fmt.Errorf("open a kept answer: %w", err)
	}
	var k kept
	if err := json.Unmarshal(doc, &k); err != nil {
		return fmt.Errorf("read a kept answer: %w", err)
	}
	for name, values := range k.Header {
		w.Header()[name] = values
	}
	w.Header().Set(replayedHeader, "true")
	w.WriteHeader(old.Status)
	_, _ = w.Write(k.Body) // the client went away: it will ask again
	return nil
}

// hashRequest tells requests apart by all that decides what they do.
func hashRequest(r *http.Request, body []byte) string {
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("If-Match"), string(body)} {
		fmt.Fprintf(h, "%d %s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// seal encrypts with a key made from a token of 256 random bits, of which the
// manager keeps another hash only.
func seal(doc []byte, token string) ([]byte, error) {
	box, err := boxOf(token)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, box.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return box.Seal(nonce, nonce, doc, nil), nil
}

func unseal(sealed []byte, token string) ([]byte, error) {
	box, err := boxOf(token)
	if err != nil {
		return nil, err
	}
	if len(sealed) < box.NonceSize() {
		return nil, io.ErrUnexpectedEOF
	}
	return box.Open(nil, sealed[:box.NonceSize()], sealed[box.NonceSize():], nil)
}

func boxOf(token string) (cipher.AEAD, error) {
	key := sha256.Sum256([]byte("quarry idempotent answer\x00" + token))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// keyLocks makes requests with one key wait for each other. The zero value is
// ready to use.
type keyLocks struct {
	mu   sync.Mutex
	held map[string]*keyLock
}

type keyLock struct {
	turn chan struct{} // one place: who is in it has the lock
	use  int
}

func (k *keyLocks) lock(ctx context.Context, name string) (unlock func(), err error) {
	k.mu.Lock()
	if k.held == nil {
		k.held = map[string]*keyLock{}
	}
	l := k.held[name]
	if l == nil {
		l = &keyLock{turn: make(chan struct{}, 1)}
		k.held[name] = l
	}
	l.use++
	k.mu.Unlock()
	leave := func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.use--; l.use == 0 {
			delete(k.held, name)
		}
	}
	select {
	case l.turn <- struct{}{}:
		return func() { <-l.turn; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
