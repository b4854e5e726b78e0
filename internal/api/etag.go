package api

import (
	"fmt"
	"strconv"
	"strings"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
)

// seenVersion returns the version that an If-Match names, 0 for any.
func seenVersion(tag string) (int64, error) {
	tag = strings.TrimSpace(tag)
	if tag == "" || tag == "*" {
		return 0, nil
	}
	inner, ok := strings.CutPrefix(tag, `"`)
	inner, ok2 := strings.CutSuffix(inner, `"`)
	v, err := strconv.ParseInt(inner, 10, 64)
	if !ok || !ok2 || err != nil || v <= 0 {
		return 0, fault.New(fault.Precondition, "If-Match names no version",
			fault.Detail{Field: "If-Match", Message: fmt.Sprintf("%q is not an ETag that was given out: read the object again", tag)})
	}
	return v, nil
}

// etagOf returns the ETag of what has a version, "" of anything else.
func etagOf(v any) string {
	switch v := v.(type) {
	case cluster.Cluster:
		return etag(v.Version)
	case manager.SiteInfo:
		return etag(v.SiteSettings.Version)
	case manager.PnodeInfo:
		return etag(v.Version)
	}
	return ""
}

func etag(version int64) string {
	if version == 0 {
		return "" // a dry run's
	}
	return `"` + strconv.FormatInt(version, 10) + `"`
}
