package api

import (
	"testing"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/fault"
	"quarry/internal/manager"
)

// The provider's settings are changed by who saw the version that there is.
func TestSettings(t *testing.T) {
	s := newSite(t)
	s.pnodes("p1")
	ctx, boss := t.Context(), s.client(s.provider)
	rack, tags := "r1", []string{"ssd"}
	window := calendar.Window{From: s.now().Add(time.Hour).Truncate(time.Second), To: s.now().Add(2 * time.Hour).Truncate(time.Second)}
	was, err := boss.Pnode(ctx, "p1")
	must(t, err)
	got, err := boss.SetPnode(ctx, "p1", manager.PnodeChange{Rack: &rack, Tags: &tags, Maintenance: &[]calendar.Window{window}}, was.Version)
	must(t, err)
	if got.Settings.Rack != "r1" || len(got.Settings.Tags) != 1 || !got.Settings.Maintenance[0].From.Equal(window.From) || got.Version != was.Version+1 {
		t.Errorf("%+v", got)
	}
	_, err = boss.SetPnode(ctx, "p1", manager.PnodeChange{Rack: new(string)}, was.Version)
	wantKind(t, err, fault.Precondition)
	site, err := boss.SetSite(ctx, manager.SiteChange{Overcommit: &calendar.Overcommit{CPUs: 200}}, 0)
	must(t, err)
	if again, err := boss.Site(ctx); err != nil || again.Overcommit.CPUs != 200 || again.Offers != site.Offers || again.VLANLast != 103 {
		t.Errorf("%+v, %v", again, err)
	}
	if resp, body := s.raw("GET", "/v1/site", s.provider, ""); resp.Header.Get("ETag") != `"1"` {
		t.Errorf("ETag %q: %s", resp.Header.Get("ETag"), body)
	}
	if resp, body := s.raw("PATCH", "/v1/site", s.provider, `{"overcommit":{"cpus":-3}}`, "If-Match", `"1"`); resp.StatusCode != 422 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	_, err = s.client(s.demo).Site(ctx)
	wantKind(t, err, fault.Forbidden)
	_, err = s.client(s.demo).SetPnode(ctx, "p1", manager.PnodeChange{}, 0)
	wantKind(t, err, fault.Forbidden)
}
