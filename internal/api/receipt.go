package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"quarry/internal/cluster"
	"quarry/internal/store"
)

// receiptKey is the key of the receipt in a request's context.
type receiptKey struct{}

// receipt is how the answer to a request with a key is kept for its
// repetition: in the transaction that makes the change, so that no crash comes
// in between. What changes nothing in the store (a question, a dry run, the
// images) is kept once it is answered: asked anew it does no harm.
type receipt struct {
	row   store.Idempotent
	token string
	kept  bool
}

// receiptOf returns nil for a request without a key.
func receiptOf(ctx context.Context) *receipt {
	r, _ := ctx.Value(receiptKey{}).(*receipt)
	return r
}

// answered returns what writes down that something is the answer.
func (r *receipt) answered(status int) func(*store.Tx, any) error {
	if r == nil {
		return nil
	}
	return func(tx *store.Tx, what any) error {
		k, err := answerOf(status, what)
		if err != nil {
			return err
		}
		r.kept = true
		return r.put(tx, status, k)
	}
}

// answerOf is what is written when an operation returns something.
func answerOf(status int, what any) (k kept, err error) {
	k.Header = http.Header{"X-Content-Type-Options": {"nosniff"}}
	if what == nil {
		return k, nil
	}
	k.Header.Set("Content-Type", "application/json")
	if tag := etagOf(what); tag != "" {
		k.Header.Set("ETag", tag)
	}
	if c, ok := what.(cluster.Cluster); ok && status == http.StatusCreated {
		k.Header.Set("Location", location(c))
	}
	var body bytes.Buffer
	out := json.NewEncoder(&body) // as the answer itself is written
	out.SetEscapeHTML(false)
	if err := out.Encode(what); err != nil {
		return k, fmt.Errorf("encode an answer: %w", err)
	}
	k.Body = body.Bytes()
	return k, nil
}

func (r *receipt) put(tx *store.Tx, status int, k kept) error {
	doc, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	row := r.row
	row.Status = status
	if row.Body, err = seal(doc, r.token); err != nil {
		return fmt.Errorf("seal an answer: %w", err)
	}
	return tx.PutIdempotent(row)
}
