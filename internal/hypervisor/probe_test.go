package hypervisor

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"quarry/internal/fault"
	"quarry/internal/needs"
)

func TestProbeKernelBootsUnderEmulation(t *testing.T) {
	needs.Program(t, "qemu-system-x86_64")
	if err := bootProbe(t.Context(), "qemu-system-x86_64", TCG, time.Minute); err != nil {
		t.Fatal(err)
	}
}

func TestProbeKernelIsItsSource(t *testing.T) {
	needs.Program(t, "as")
	needs.Program(t, "ld")
	dir := t.TempDir()
	object, binary := filepath.Join(dir, "probe.o"), filepath.Join(dir, "probe.bin")
	run(t, "as", "--64", "-o", object, "probe.S")
	run(t, "ld", "-m", "elf_x86_64", "--oformat", "binary", "-Ttext", "0x100000", "-o", binary, object)
	built, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(built, probeKernel) {
		t.Error("probe.bin is not what probe.S assembles to: see its first lines")
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// fakeQEMU is a script that knows its version and, when told so, boots.
func fakeQEMU(t *testing.T, version string, boots bool) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "qemu")
	body := "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'QEMU emulator version " + version + "'; exit; }\n"
	if boots {
		body += "echo '" + probeMarker + "'\n"
	} else {
		body += "echo 'kvm: cannot' >&2; exit 1\n"
	}
	if err := os.WriteFile(path, []byte(body), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestProbeAccelerator(t *testing.T) {
	_, err := os.Stat("/dev/kvm")
	device := err == nil
	tests := []struct {
		name, version string
		boots         bool
		want          string
		refused       bool
	}{
		{name: "kvm works", version: "10.0.2", boots: true, want: KVM},
		{name: "kvm fails", version: "10.0.2", want: TCG},
		{name: "kvm fails, oldest good QEMU", version: "8.2.0", want: TCG},
		{name: "kvm fails, old QEMU", version: "7.2.9", want: TCG, refused: true},
		{name: "kvm works, old QEMU", version: "7.2.9", boots: true, want: KVM},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.boots && !device {
				t.Skip("no /dev/kvm here")
			}
			cache := filepath.Join(t.TempDir(), "accelerator.json")
			c := ProbeConfig{QEMU: fakeQEMU(t, tt.version, tt.boots), Cache: cache}
			for range 2 { // measured, then remembered
				got, err := ProbeAccelerator(t.Context(), c)
				if got != tt.want || tt.refused != (fault.KindOf(err) == fault.Refused) || !tt.refused && err != nil {
					t.Fatalf("got %q, %v", got, err)
				}
			}
		})
	}
}

func TestProbeForgetsWhenQEMUChanges(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "accelerator.json")
	if err := os.WriteFile(cache, []byte(`{"qemu":"QEMU emulator version 1.0","accelerator":"kvm"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := ProbeAccelerator(t.Context(), ProbeConfig{QEMU: fakeQEMU(t, "10.0.2", false), Cache: cache})
	if err != nil || got != TCG {
		t.Fatalf("got %q, %v", got, err)
	}
}
