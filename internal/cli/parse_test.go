package cli

import (
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
)

func TestParseSize(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int // 0: refused
	}{
		{"512M", 512},
		{"4G", 4096},
		{"1T", 1 << 20},
		{"512MiB", 512},
		{"640mb", 640},
		{"2Gi", 2048},
		{"", 0},
		{"512", 0},
		{"512K", 0},
		{"G", 0},
		{"-4G", 0},
		{"0M", 0},
		{"1.5G", 0},
		{"4 G", 0},
		{"4GG", 0},
		{"99999999999999999999G", 0},
		{"9223372036854775807T", 0},
	} {
		got, err := parseSize(c.in)
		if got != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("parseSize(%q) = %d, %v; want %d", c.in, got, err, c.want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for _, c := range []struct {
		in   string
		want time.Duration // 0: refused
	}{
		{"1h", time.Hour},
		{"1h30m", 90 * time.Minute},
		{"30d", 30 * 24 * time.Hour},
		{"1d12h", 36 * time.Hour},
		{"", 0},
		{"d", 0},
		{"-1h", 0},
		{"1d-1h", 0},
		{"0s", 0},
		{"0d", 0},
		{"60", 0},
		{"99999999d", 0},
	} {
		got, err := parseDuration(c.in)
		if got != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("parseDuration(%q) = %s, %v; want %s", c.in, got, err, c.want)
		}
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestParseStart(t *testing.T) {
	for _, c := range []struct {
		in   string
		want start
	}{
		{"asap", start{mode: cluster.StartASAP}},
		{"now", start{mode: cluster.StartNow}},
		{"+8m", start{mode: cluster.StartAt, at: noon.Add(8 * time.Minute)}},
		{"+1d", start{mode: cluster.StartAt, at: noon.Add(24 * time.Hour)}},
		{"2026-03-01T14:00:00+01:00", start{mode: cluster.StartAt, at: noon.Add(time.Hour)}},
		{"2020-01-01T00:00:00Z", start{mode: cluster.StartAt, at: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}},
		{"", start{}},
		{"soon", start{}},
		{"+", start{}},
		{"+-8m", start{}},
		{"8m", start{}},
		{"2026-03-01", start{}},
	} {
		got, err := parseStart(c.in, noon)
		if got != c.want || (err == nil) != (c.want.mode != "") {
			t.Errorf("parseStart(%q) = %v, %v; want %v", c.in, got, err, c.want)
		}
	}
}

func TestParseCount(t *testing.T) {
	if g, err := parseCount("web=2"); err != nil || g.Appliance != "web" || g.Count != 2 {
		t.Errorf("web=2: %v, %v", g, err)
	}
	for _, in := range []string{"", "web", "web=", "=2", "web=0", "web=-1", "web=two"} {
		if g, err := parseCount(in); err == nil {
			t.Errorf("parseCount(%q) = %v", in, g)
		}
	}
}

func TestParseParameter(t *testing.T) {
	if key, value, err := parseParameter("condor.note=a=b c"); key != "condor.note" || value != "a=b c" || err != nil {
		t.Errorf("%q, %q, %v", key, value, err)
	}
	if _, value, err := parseParameter("condor.note="); value != "" || err != nil {
		t.Errorf("an empty value is a value: %q, %v", value, err)
	}
	for _, in := range []string{"", "a=b", "a.=b", ".b=c", "a.b"} {
		if key, _, err := parseParameter(in); err == nil {
			t.Errorf("parseParameter(%q) = %q", in, key)
		}
	}
}

func TestParseAttribute(t *testing.T) {
	for in, want := range map[string]cluster.Attribute{
		"a.b=c":                    {Name: "a.b", Value: "c"},
		"a.b=c:d":                  {Name: "a.b", Value: "c:d"},
		"host/compute-0:a.b=":      {Name: "a.b", Host: "compute-0"},
		"os/debian/trixie:a.b=c d": {Name: "a.b", Value: "c d", OS: "debian/trixie"},
		"appliance/web:a.b=x=y":    {Name: "a.b", Value: "x=y", Appliance: "web"},
	} {
		if got, err := parseAttribute(in); err != nil || got != want {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "a=b", "rack/x:a.b=c", "host:a.b=c", "host/:a.b=c", "host/x:"} {
		if got, err := parseAttribute(in); err == nil {
			t.Errorf("%q: %+v", in, got)
		}
	}
}

func FuzzParseAttribute(f *testing.F) {
	for _, seed := range []string{"a.b=c", "host/compute-0:a.b=c:d=e", "os/debian/trixie:a.b=", "::", "host/:a.b=c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAttribute(text)
		if err == nil && !strings.Contains(text, a.Name+"="+a.Value) {
			t.Errorf("parseAttribute(%q) = %+v", text, a)
		}
	})
}

func FuzzParseSize(f *testing.F) {
	for _, seed := range []string{"512M", "4G", "1TiB", "-1G", "9999999999999T", "M"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseSize(text); (err == nil) != (n > 0) {
			t.Errorf("parseSize(%q) = %d, %v", text, n, err)
		}
	})
}

func FuzzParseStart(f *testing.F) {
	for _, seed := range []string{"asap", "now", "+8m", "+1d2h", "2026-03-01T14:00:00+01:00", "+999999d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseStart(text, noon)
		if (err == nil) != (s.mode != "") {
			t.Fatalf("parseStart(%q) = %v, %v", text, s, err)
		}
		if len(text) > 0 && text[0] == '+' && err == nil && !s.at.After(noon) {
			t.Errorf("parseStart(%q) = %s, which is not ahead", text, s.at)
		}
	})
}
