// Package api is Quarry's public HTTP API with the agents' side of it, and the
// Go client for people. The agents' client is package agentapi.
//
// Guarantees: an error is an RFC 9457 problem that lists every fault with its
// field, and its type names the fault's kind; a POST that carries an
// Idempotency-Key and succeeded is answered the same when it is repeated
// within a day; a change that carries If-Match is made to that version only; a
// request without a valid credential changes and learns nothing; no body,
// header or pause of a client is unbounded.
package api
