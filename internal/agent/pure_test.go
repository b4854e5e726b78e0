package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"quarry/internal/pnode"
	"quarry/internal/vnode"
)

func TestProgress(t *testing.T) {
	stages := []string{
		vnode.StageImage, vnode.StageDisk, vnode.StageBoot, vnode.StageIdentity,
		vnode.StageScripts, vnode.StageChecks, vnode.StageReady,
	}
	last := 0
	for _, stage := range stages {
		for done := int64(0); done <= 7; done++ {
			got := progress(stage, done, 7)
			if got < last || got > 100 {
				t.Errorf("progress(%s, %d, 7) = %d after %d", stage, done, got, last)
			}
			last = got
		}
	}
	if last != 100 {
		t.Errorf("ends at %d", last)
	}
	for _, odd := range [][2]int64{{-1, 5}, {5, -1}, {9, 5}, {0, 0}, {1 << 62, 1}} {
		if got := progress(vnode.StageScripts, odd[0], odd[1]); got < 65 || got > 90 {
			t.Errorf("progress of %v = %d", odd, got)
		}
	}
	if got := progress("nonsense", 1, 1); got != 0 {
		t.Errorf("unknown stage: %d", got)
	}
}

func TestRefusal(t *testing.T) {
	for _, test := range []struct {
		hypervisor, accelerator string
		refused                 bool
	}{
		{"QEMU 7.2.17", "tcg", true},
		{"QEMU 8.1.5", "tcg", true},
		{"QEMU 8.2.0", "tcg", false},
		{"QEMU 10.0.2", "tcg", false},
		{"QEMU 7.2.17", "kvm", false},
		{"Xen 4.17.0", "", false},
	} {
		if got := refusal(test.hypervisor, test.accelerator); (got != "") != test.refused {
			t.Errorf("refusal(%q, %q) = %q", test.hypervisor, test.accelerator, got)
		}
	}
}

func TestParseMemInfo(t *testing.T) {
	if mib, err := parseMemInfo(strings.NewReader("MemTotal:       24689528 kB\nMemFree: 1 kB\n")); err != nil || mib != 24110 {
		t.Errorf("%d, %v", mib, err)
	}
	if _, err := parseMemInfo(strings.NewReader("MemFree: 1 kB\n")); err == nil {
		t.Error("no error without MemTotal")
	}
}

func TestCheckDesired(t *testing.T) {
	for name, spoil := range map[string]func(*pnode.Cluster){
		"ID is a path":            func(c *pnode.Cluster) { c.ID = "../../etc" },
		"name is empty":           func(c *pnode.Cluster) { c.Name = "" },
		"name has a dot":          func(c *pnode.Cluster) { c.Name = "a.b" },
		"VLAN":                    func(c *pnode.Cluster) { c.VLAN = 4094 },
		"never closes":            func(c *pnode.Cluster) { c.CloseAt = time.Time{} },
		"vnode name is a path":    func(c *pnode.Cluster) { c.Vnodes[0].Name = ".." },
		"vnode name starts a dot": func(c *pnode.Cluster) { c.Vnodes[0].Name = ".trash-x" },
		"vnode twice":             func(c *pnode.Cluster) { c.Vnodes[1].Name = c.Vnodes[0].Name },
		"no memory":               func(c *pnode.Cluster) { c.Vnodes[0].MemoryMiB = 0 },
		"image is a path":         func(c *pnode.Cluster) { c.Vnodes[0].Image = "../x" },
		"MAC":                     func(c *pnode.Cluster) { c.Vnodes[0].Identity.Legs[0].MAC = "ff:ff:ff:ff:ff:ff" },
		"MAC twice":               func(c *pnode.Cluster) { c.Vnodes[0].Identity.Legs[0].MAC = c.Vnodes[1].Identity.Legs[0].MAC },
		"network":                 func(c *pnode.Cluster) { c.Vnodes[0].Identity.Legs[0].Network = "dmz" },
		"network twice":           func(c *pnode.Cluster) { c.Vnodes[0].Identity.Legs[1].Network = "private" },
		"address":                 func(c *pnode.Cluster) { c.Vnodes[0].Identity.Legs[0].Address = "10.1.0.1" },
	} {
		good := testCluster(farm, "farm", 10, time.Now(), time.Now())
		if err := checkDesired(pnode.Desired{Clusters: []pnode.Cluster{good}}); err != nil {
			t.Fatal(err)
		}
		spoil(&good)
		if err := checkDesired(pnode.Desired{Clusters: []pnode.Cluster{good}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	twice := testCluster(farm, "farm", 10, time.Now(), time.Now())
	if err := checkDesired(pnode.Desired{Clusters: []pnode.Cluster{twice, twice}}); err == nil {
		t.Error("cluster twice: no error")
	}
}

func TestReplaceFileLeavesOldOrNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, content := range []string{"old", "new"} {
		if err := replaceFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil || string(raw) != "new" {
		t.Errorf("%q, %v", raw, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Mkdir(path+".d", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(path+".d", nil, 0o600); err == nil { // a rename over a folder fails
		t.Error("no error")
	}
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if got := tail(path); got != "" {
		t.Errorf("no log: %q", got)
	}
	text := strings.Repeat("x\n", 20000) + "last but one\nlast\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := tail(path)
	if !strings.HasSuffix(got, "x\nlast but one\nlast") || strings.Count(got, "\n") != tailLines-1 {
		t.Errorf("tail is %q", got)
	}
}

func FuzzDesired(f *testing.F) {
	good, err := json.Marshal(pnode.Desired{Epoch: 1, Clusters: []pnode.Cluster{testCluster(farm, "farm", 10, time.Now(), time.Now())}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"clusters":[{"id":"../x","name":"a","vlan":1}]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := parseDesired(raw)
		if err != nil {
			return
		}
		dir := files{dir: "/state"}
		p := makePlan(d, actual{}, testTap, time.Now(), true)
		for key, w := range p.run {
			if path := dir.vnodeDir(key); filepath.Clean(path) != path || filepath.Dir(filepath.Dir(path)) != "/state/vnodes" {
				t.Errorf("vnode lies in %q", path)
			}
			if strings.Count(w.guest, ".") != 2 {
				t.Errorf("guest is named %q", w.guest)
			}
		}
	})
}

func FuzzGuestMessage(f *testing.F) {
	f.Add([]byte(`{"type":"step","stage":"scripts","step":"a\u001b[2J","done":-3,"total":7}`))
	f.Add([]byte(`{"type":"failed","message":"\u202eabc\u0000\t\n"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m vnode.FromGuest
		if vnode.NewReader(strings.NewReader(string(raw)+"\n")).Read(&m) != nil {
			return
		}
		m = cleanMessage(m)
		for _, text := range []string{m.Step, m.Message, m.BootID} {
			if !utf8.ValidString(text) || len(text) > maxMessage {
				t.Errorf("text of %d bytes: %q", len(text), text)
			}
			for _, c := range text {
				if c != '\n' && !unicode.IsPrint(c) {
					t.Errorf("character %U in %q", c, text)
				}
			}
		}
		if m.Done < 0 || m.Done > m.Total || progress(m.Stage, int64(m.Done), int64(m.Total)) > 100 {
			t.Errorf("done %d of %d", m.Done, m.Total)
		}
	})
}
