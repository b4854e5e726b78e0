package simulate

import (
	"bytes"
	"compress/gzip"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
)

const jobs = `; Version: 2.2
; MaxNodes: 4
; MaxProcs: 32 (8 a node)
; UnixStartTime: 946684800
; TimeZone: -28800
; TimeZoneString: US/Pacific
; Note: not all of it counts

    1   10  5  100 16 -1 -1 20  3600 -1      1 7 1 -1 1 -1 -1 -1
    2   20 -1   50  3 -1 -1 -1    -1 1048576 1 8 1 -1 1 -1 -1 -1
    3   30 -1   -1 -1 -1 -1  0    60 -1      5 8 1 -1 1 -1 -1 -1
    4   30 -1 4000 8 -1 -1   8  3600 -1      0 -1 1 -1 1 -1 -1 -1
    5   31 -1   10 8 -1 -1   8  3600 -1      2 8 1 -1 1 -1 -1 -1
    6   32 -1   -1 8 -1 -1   8    -1 -1      1 8 1 -1 1 -1 -1 -1
    7   33 -1   -1 -1 -1 -1 -1    60 -1      1 8 1 -1 1 -1 -1 -1
   -1   34 -1  9.5  1 -1 -1 -1    60 -1     -1 8 1 -1 1 -1  1 60
`

func TestWorkloadFormat(t *testing.T) {
	got, err := Read("log.swf", strings.NewReader(jobs), Options{})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(946684800, 0).UTC()
	for i, want := range []struct {
		at, window, runs time.Duration
		tenant           string
		group            cluster.Group
	}{
		{10 * time.Second, time.Hour, 100 * time.Second, "user-7", cluster.Group{Count: 3, CPUs: 8, MemoryMiB: 8 * 2048}},
		{20 * time.Second, 50 * time.Second, 0, "user-8", cluster.Group{Count: 1, CPUs: 3, MemoryMiB: 3 * 1024}},
		{30 * time.Second, time.Hour, 0, "unknown", cluster.Group{Count: 1, CPUs: 8, MemoryMiB: 8 * 2048}},
		{34 * time.Second, time.Minute, 10 * time.Second, "user-8", cluster.Group{Count: 1, CPUs: 1, MemoryMiB: 2048}},
	} {
		e := got.Entries[i]
		want.group.Appliance, want.group.DiskMiB = cluster.Compute, cluster.DefaultDiskMiB
		g := e.Spec.Nodes[0]
		if !e.At.Equal(start.Add(want.at)) || e.Spec.Duration != want.window || time.Duration(e.Runs) != want.runs || e.Tenant != want.tenant ||
			g.Count != want.group.Count || g.CPUs != want.group.CPUs || g.MemoryMiB != want.group.MemoryMiB {
			t.Errorf("job %d: %+v %+v", i+1, e, e.Spec)
		}
	}
	if want := map[string]int{swfCancelled: 1, swfPartial: 1, swfNoTime: 1, swfNoProcs: 1}; len(got.Entries) != 4 || got.Entries[3].Spec.Name != "line-16" || !maps.Equal(got.LeftOut, want) {
		t.Errorf("%d entries, left out %v", len(got.Entries), got.LeftOut)
	}
	if p := got.Site.Pnodes[0]; p.Count != 4 || p.CPUs != 8 {
		t.Errorf("site %+v", got.Site)
	}
}

func TestGzip(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(jobs))
	z.Close()
	packed := b.Bytes()
	if got, err := Read("log.swf.gz", bytes.NewReader(packed), Options{CPUs: 2}); err != nil || got.Entries[0].Spec.Nodes[0].Count != 10 {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := Read("log.swf.gz", bytes.NewReader(packed[:len(packed)-9]), Options{}); err == nil {
		t.Fatal("half a file was read")
	}
}

// Every file that is wrong is refused with the line and the reason.
func TestWrongTraces(t *testing.T) {
	head := `{"version":1}` + "\n"
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "t: the file is empty"},
		{"fields", "; x\n1 2 3\n", "t:2: 3 fields"},
		{"number", strings.Repeat("1 ", 17) + "x", `t:1: field 18: "x" is not a number`},
		{"negative", "1 -5 " + strings.Repeat("1 ", 16), "t:1: field 2: submitted at -5"},
		{"header", "; MaxNodes: many\n", `t:1: MaxNodes "many"`},
		{"late header", "1 1 -1 9 1 -1 -1 1 9 -1 1 1 1 1 1 1 -1 -1\n; MaxProcs: 8\n", "t:2: MaxProcs comes after the first job"},
		{"half a processor", "1 1 -1 9 1.5 -1 -1 1 9 -1 1 1 1 1 1 1 -1 -1", `t:1: field 5: "1.5" is not a whole number`},
		{"negative time", "1 1 -1 -9 1 -1 -1 1 9 -1 1 1 1 1 1 1 -1 -1", `t:1: field 4: "-9" is negative`},
		{"status", "1 1 -1 9 1 -1 -1 1 9 -1 6 1 1 1 1 1 -1 -1", "t:1: field 11: status 6"},
		{"submitted never", "1 -1 -1 9 1 -1 -1 1 9 -1 1 1 1 1 1 1 -1 -1", "t:1: field 2: submitted at -1"},
		{"none left", "1 1 -1 -1 -1 -1 -1 -1 -1 -1 5 1 1 1 1 1 -1 -1", "cancelled before it ran"},
		{"version", `{"version":2}`, "t:1: version 2"},
		{"no version", `{"at":"2026-03-01T12:00:00Z","do":"lose","pnode":"a"}`, "t:1: "},
		{"do", head + `{"at":"2026-03-01T12:00:00Z","do":"buy"}`, `t:2: do: "buy"`},
		{"instant", head + "\n" + `{"at":"0001-03-01T12:00:00Z","do":"lose","pnode":"a"}`, "t:3: at: "},
		{"unknown field", head + `{"at":"2026-03-01T12:00:00Z","do":"lose","pnode":"a","why":1}`, `t:2: json: unknown field "why"`},
		{"type", head + head[:0] + `{"at":"2026-03-01T12:00:00Z","do":"lose","pnode":7}`, "t:2: pnode: a number"},
		{"more than it has", head + `{"at":"2026-03-01T12:00:00Z","do":"lose","pnode":"a","tenant":"b"}`, "t:2: "},
		{"no spec", head + `{"at":"2026-03-01T12:00:00Z","do":"book","tenant":"b"}`, "t:2: spec"},
		{"for", head + `{"at":"2026-03-01T12:00:00Z","do":"book","tenant":"b","for":"-1h","spec":{}}`, "is not a length of time"},
		{"half", head + `{"at":"2026-03-01T12:00:00Z","do":`, "in the middle of an entry"},
		{"document", `{"version":1,"entries":[{"do":"x","at":"2026-03-01T12:00:00Z"}]}`, "entries[0]: do"},
		{"site", `{"version":1,"site":{"version":1,"pnodes":[],"vlans":"1","addresses":""}}`, "pnodes: there are none"},
	} {
		_, err := Read("t", strings.NewReader(c.text), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestOneDocumentOrLines(t *testing.T) {
	one := `{"at":"2026-03-01T12:00:00Z","do":"lose","pnode":"a1"}`
	lines, err1 := Read("t", strings.NewReader(`{"version":1}`+"\n"+one), Options{})
	document, err2 := Read("t", strings.NewReader(` {"version":1,"entries":[`+one+`]}`), Options{})
	if err1 != nil || err2 != nil || !reflect.DeepEqual(lines.Entries[0], document.Entries[0]) {
		t.Fatalf("%v %v", err1, err2)
	}
}

func TestWrongSites(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"version: 1\npnode: []\n", "pnode"},
		{"version: 2\npnodes: []\n", "version 2"},
		{
			"version: 1\npnodes: [{name: A B, count: 2}]\nvlans: 9-1\naddresses: x\nprepare: {spread: 2}\nfailures: {mtbf: 9h, boot: 2}\n",
			`pnodes[0].name: "A B"`,
		},
		{
			"version: 1\npnodes: [{name: a, cpus: 1, memoryMiB: 1, diskMiB: 1}]\nvlans: 9-1\naddresses: x\nprepare: {spread: 2}\nfailures: {mtbf: 9h, boot: 2}\n",
			"prepare.median: give one, like 90s; failures.mttr: ",
		},
	} {
		if _, err := ReadSite("s.yaml", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

func example(t testing.TB) (*Trace, *Site) {
	t.Helper()
	dir := filepath.Join("..", "..", "docs", "examples")
	trace, err := Open(filepath.Join(dir, "week.trace.json"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	site, err := OpenSite(filepath.Join(dir, "week.site.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return trace, site
}

// Nothing that can be read makes the readers fall over, or leads to entries
// that are not in order.
func FuzzRead(f *testing.F) {
	f.Add([]byte(jobs))
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "examples", "week.trace.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"version":1,"entries":[{"at":"2026-03-01T12:00:00Z","do":"lose","pnode":"a1"}]}`))
	f.Add([]byte("1 1e15 -1 1e300 1e9 -1 -1 4097 1e14 1e15 1 1 1 1 1 1 -1 -1"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		trace, err := Read("t", bytes.NewReader(raw), Options{})
		if err != nil {
			return
		}
		for i, e := range trace.Entries {
			if i > 0 && e.At.Before(trace.Entries[i-1].At) {
				t.Fatalf("entry %d is out of order", i)
			}
			if e.Do == Book && (e.Spec == nil || e.Tenant == "") {
				t.Fatalf("entry %d is not complete: %+v", i, e)
			}
		}
	})
}
