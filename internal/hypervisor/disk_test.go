package hypervisor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quarry/internal/fault"
	"quarry/internal/needs"
)

func TestCreateOverlay(t *testing.T) {
	needs.Program(t, "qemu-img")
	dir := t.TempDir()
	base, overlay := filepath.Join(dir, "disk.raw"), filepath.Join(dir, "vnode.qcow2")
	if err := os.WriteFile(base, make([]byte, 3*mebibyte), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CreateOverlay(t.Context(), base, overlay, 2); fault.KindOf(err) != fault.Invalid {
		t.Fatalf("a disk smaller than its image gives %v", err)
	}
	// What a crash left behind is no obstacle.
	if err := os.WriteFile(overlay+".new", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := CreateOverlay(t.Context(), base, overlay, 8); err != nil {
			t.Fatal(err)
		}
	}
	info, err := qemuImg(t.Context(), "info", overlay)
	if err != nil || !strings.Contains(string(info), "8 MiB") || !strings.Contains(string(info), base) {
		t.Fatalf("%v\n%s", err, info)
	}
	other := filepath.Join(dir, "other.raw")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CreateOverlay(t.Context(), other, overlay, 8); fault.KindOf(err) != fault.Conflict {
		t.Fatalf("another base gives %v", err)
	}
	for range 2 {
		if err := WipeDisk(overlay); err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := filepath.Glob(overlay + "*"); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestRotateConsole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "console.log")
	if err := RotateConsole(path, 10); err != nil {
		t.Fatal(err)
	}
	guest, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer guest.Close()
	write := func(s string) {
		t.Helper()
		if _, err := guest.WriteString(s); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(file, want string) {
		t.Helper()
		if got, _ := os.ReadFile(file); string(got) != want {
			t.Errorf("%s holds %q, want %q", filepath.Base(file), got, want)
		}
	}
	write("0123456789")
	if err := RotateConsole(path, 10); err != nil {
		t.Fatal(err)
	}
	expect(path, "0123456789")
	write("abcde")
	if err := RotateConsole(path, 10); err != nil {
		t.Fatal(err)
	}
	expect(path, "")
	expect(path+".1", "56789abcde")
	write("new")
	expect(path, "new")
}
