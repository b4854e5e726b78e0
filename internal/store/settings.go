package store

import (
	"database/sql"
	"errors"
	"time"
)

// PutSetting keeps a value under a key.
func (t *Tx) PutSetting(key string, value []byte) error {
	_, err := t.exec(`INSERT INTO settings (key, value) VALUES (?, ?)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
	return err
}

// Setting returns the value of a key, or a fault.NotFound.
func (t *Tx) Setting(key string) ([]byte, error) {
	var v []byte
	err := t.sql.QueryRowContext(t.ctx, "SELECT value FROM settings WHERE key = ?", key).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("setting", key)
	}
	return v, err
}

// NextEpoch returns a number greater than every one it returned before.
func (t *Tx) NextEpoch() (int64, error) {
	var n int64
	err := t.sql.QueryRowContext(t.ctx, `INSERT INTO settings (key, value) VALUES ('epoch', CAST('1' AS BLOB))
		ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(CAST(CAST(value AS TEXT) AS INTEGER) + 1 AS TEXT) AS BLOB)
		RETURNING CAST(CAST(value AS TEXT) AS INTEGER)`).Scan(&n)
	return n, err
}

// Idempotent is the answer that was given to a request with an
// Idempotency-Key, to be given again.
type Idempotent struct {
	Owner       string // the token's tenant, "" for the provider
	Key         string
	RequestHash string // tells the same request from another with the same key
	Status      int
	Body        []byte
	At          time.Time
}

// IdempotentAge is how long answers are kept.
const IdempotentAge = 24 * time.Hour

// PutIdempotent keeps an answer; a key that has one is a fault.Conflict.
// Answers that are too old at v.At are forgotten.
func (t *Tx) PutIdempotent(v Idempotent) error {
	if _, err := t.exec("DELETE FROM idempotency WHERE at < ?", ms(v.At.Add(-IdempotentAge))); err != nil {
		return err
	}
	if v.Body == nil {
		v.Body = []byte{}
	}
	_, err := t.exec("INSERT INTO idempotency (owner, key, request_hash, status, body, at) VALUES (?, ?, ?, ?, ?, ?)",
		v.Owner, v.Key, v.RequestHash, v.Status, v.Body, ms(v.At))
	return taken(err, "answer for key", v.Key)
}

// Idempotent returns the answer kept for a key, or a fault.NotFound.
func (t *Tx) Idempotent(owner, key string) (Idempotent, error) {
	return one(t, "answer for key", key, func(r scanner) (v Idempotent, err error) {
		var at int64
		err = r.Scan(&v.Owner, &v.Key, &v.RequestHash, &v.Status, &v.Body, &at)
		v.At = fromMS(at)
		return v, err
	}, "SELECT owner, key, request_hash, status, body, at FROM idempotency WHERE owner = ? AND key = ?", owner, key)
}
