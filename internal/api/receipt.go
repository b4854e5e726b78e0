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
// repetition: for changes of clusters in the transaction that makes them, so
// that no crash comes in between; for others once they are answered.
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

// answered returns what writes down that a cluster is the answer.
func (r *receipt) answered(status int) func(*store.Tx, cluster.Cluster) error {
	if r == nil {
		return nil
	}
	return func(tx *store.Tx, c cluster.Cluster) error {
		var body bytes.Buffer
		out := json.NewEncoder(&body) // as the answer itself is written
		out.SetEscapeHTML(false)
		if err := out.Encode(c); err != nil {
			return fmt.Errorf("encode cluster %s: %w", c.Name, err)
		}
		header := http.Header{"Content-Type": {"application/json"}, "X-Content-Type-Options": {"nosniff"}}
		header.Set("ETag", etag(c.Version))
		if status == http.StatusCreated {
			header.Set("Location", location(c))
		}
		r.kept = true
		return r.put(tx, status, kept{Header: header, Body: body.Bytes()})
	}
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
