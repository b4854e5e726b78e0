package guest

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quarry/internal/vnode"
)

// installed runs a job in a folder, without another root, and returns what was
// reported and what the tar has.
func installed(t *testing.T, steps ...vnode.InstallStep) (root string, reports []vnode.InstallReport, tree map[string]*tar.Header) {
	t.Helper()
	root = t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "kept"), []byte("kept"), 0o640); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(out, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	i := Install{
		Root: root, Report: &said, Quiet: func() error { return nil },
		Job: vnode.InstallJob{Steps: steps, Env: []string{"PATH=/usr/bin:/bin", "ROOT=" + root}, Out: out},
		Exec: func(cmd *exec.Cmd) error {
			cmd.SysProcAttr.Chroot = ""
			if rest, ok := strings.CutPrefix(cmd.Path, "/run/"); ok {
				cmd.Path = filepath.Join(root, "run", rest)
			}
			return cmd.Run()
		},
	}
	if err := i.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(said.String()) {
		var r vnode.InstallReport
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		reports = append(reports, r)
	}
	return root, reports, entries(t, out)
}

func entries(t *testing.T, file string) map[string]*tar.Header {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string]*tar.Header{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all[h.Name] = h
	}
}

func script(body string) vnode.InstallStep {
	return vnode.InstallStep{Name: "s", Body: "#!/bin/sh\n" + body, Timeout: time.Minute}
}

func TestInstall(t *testing.T) {
	_, reports, tree := installed(t,
		script("echo one >$ROOT/made; mkdir $ROOT/d; ln -s /etc/passwd $ROOT/d/link; ln $ROOT/made $ROOT/second; mkfifo $ROOT/pipe"),
		vnode.InstallStep{Command: []string{"/bin/sh", "-c", "echo two >>$ROOT/made"}},
	)
	if last := reports[len(reports)-1]; !last.Done || last.Step != 2 || len(reports) != 3 {
		t.Errorf("reports %+v", reports)
	}
	for name, want := range map[string]byte{
		"made": tar.TypeReg, "kept": tar.TypeReg, "second": tar.TypeLink, "d/": tar.TypeDir, "d/link": tar.TypeSymlink, "pipe": tar.TypeFifo,
	} {
		if h := tree[name]; h == nil || h.Typeflag != want {
			t.Errorf("%s: %+v, want kind %c", name, h, want)
		}
	}
	if h := tree["made"]; h == nil || h.Size != int64(len("one\ntwo\n")) {
		t.Errorf("made: %+v", h)
	}
	if h := tree["kept"]; h == nil || h.Mode != 0o640 {
		t.Errorf("kept: %+v", h)
	}
}

func TestInstallFails(t *testing.T) {
	for body, want := range map[string]vnode.InstallReport{
		"echo last words >&2; exit 3":                                   {Failed: "exit status 3", Output: "last words"},
		"head -c 100000 /dev/zero | tr '\\0' x; echo; echo end; exit 1": {Failed: "exit status 1", Output: "end"},
	} {
		_, reports, tree := installed(t, script(body), script("exit 0"))
		last := reports[len(reports)-1]
		if last.Done || last.Step != 0 || last.Failed != want.Failed || !strings.HasSuffix(last.Output, want.Output) || len(last.Output) > tailBytes {
			t.Errorf("%s: %.300v", body, last)
		}
		if len(tree) > 0 {
			t.Errorf("%s: a tree was written", body)
		}
	}
	// What a script leaves behind does not keep it from being done.
	_, reports, _ := installed(t, script("sleep 20 & echo $! >$ROOT/left"), script("kill $(cat $ROOT/left)"))
	if last := reports[len(reports)-1]; !last.Done {
		t.Errorf("left behind: %+v", last)
	}
	late := script("sleep 1000 & wait")
	late.Timeout = 200 * time.Millisecond
	_, reports, _ = installed(t, late)
	if last := reports[len(reports)-1]; last.Failed != "not done after 200ms" {
		t.Errorf("late: %+v", last)
	}
}
