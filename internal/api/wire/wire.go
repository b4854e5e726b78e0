// Package wire is what the API's server and its clients share: the link to a
// manager, calls, server-sent events, and faults as problem details. It knows
// nothing of what is asked for.
package wire
