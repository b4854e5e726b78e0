// Package rolls holds the rolls that ship with Quarry: base and gateway, which
// every cluster has, and the applications condor and web.
package rolls

import (
	"embed"
	"io/fs"
)

//go:embed all:base all:gateway all:condor all:web
var shipped embed.FS

// FS returns the shipped rolls, one folder each.
func FS() fs.FS { return shipped }
