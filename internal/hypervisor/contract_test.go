package hypervisor

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"quarry/internal/fault"
)

// world is a hypervisor under test and what can happen to its guests.
type world struct {
	Hypervisor
	guest func(t *testing.T, name string) Guest // one that can be started here
	crash func(t *testing.T, name string)
	// foreign adds a guest that Quarry did not make.
	foreign func(t *testing.T, name string)
}

// testContract is what every Hypervisor promises. Guests are removed at its end.
func testContract(t *testing.T, w world) {
	t.Helper()
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	states := func() map[string]State {
		t.Helper()
		infos, err := w.List(ctx)
		check(err)
		all := map[string]State{}
		var names []string
		for _, i := range infos {
			all[i.Name] = i.State
			names = append(names, i.Name)
			if i.UUID != ID(i.Name) {
				t.Errorf("guest %s has UUID %s, want %s", i.Name, i.UUID, ID(i.Name))
			}
		}
		if !slices.IsSorted(names) {
			t.Errorf("listed as %v, want sorted", names)
		}
		return all
	}
	expect := func(want map[string]State) {
		t.Helper()
		if got := states(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("guests are %v, want %v", got, want)
		}
	}

	if v, err := w.Version(ctx); err != nil || v == "" {
		t.Fatalf("version is %q, %v", v, err)
	}
	expect(map[string]State{})
	check(w.Remove(ctx, "test-a"))   // absent is fine
	check(w.Shutdown(ctx, "test-a")) // absent is fine

	a := w.guest(t, "test-a")
	check(w.Start(ctx, a))
	check(w.Start(ctx, a))
	expect(map[string]State{"test-a": Running})

	other := a
	other.MemoryMiB *= 2
	check(w.Start(ctx, other)) // a running guest stays as it is
	expect(map[string]State{"test-a": Running})

	w.crash(t, "test-a")
	expect(map[string]State{"test-a": Crashed})
	check(w.Start(ctx, other))
	expect(map[string]State{"test-a": Running})

	wrong := w.guest(t, "test-b")
	wrong.CPUs, wrong.Disk.Format = 0, ""
	if err := w.Start(ctx, wrong); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a wrong guest gives %v, want a fault.Invalid", err)
	}
	expect(map[string]State{"test-a": Running})

	w.foreign(t, "test-foreign")
	expect(map[string]State{"test-a": Running})
	if err := w.Start(ctx, w.guest(t, "test-foreign")); fault.KindOf(err) != fault.Conflict {
		t.Errorf("starting over a foreign guest gives %v, want a fault.Conflict", err)
	}
	if err := w.Remove(ctx, "test-foreign"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("removing a foreign guest gives %v, want a fault.Conflict", err)
	}

	check(w.Shutdown(ctx, "test-a"))
	check(w.Remove(ctx, "test-a"))
	check(w.Remove(ctx, "test-a"))
	expect(map[string]State{})
}

func TestFakeContract(t *testing.T) {
	f := NewFake()
	testContract(t, world{
		Hypervisor: f,
		guest:      func(t *testing.T, name string) Guest { return sampleGuest(t.TempDir(), name) },
		crash:      func(_ *testing.T, name string) { f.Become(name, Crashed) },
		foreign:    func(_ *testing.T, name string) { f.AddForeign(name) },
	})
}

func sampleGuest(dir, name string) Guest {
	return Guest{
		Name: name, CPUs: 1, MemoryMiB: 64,
		Disk:        Disk{Path: filepath.Join(dir, "disk.qcow2"), Format: "qcow2"},
		ConsoleLog:  filepath.Join(dir, "console.log"),
		Channel:     filepath.Join(dir, "channel"),
		Accelerator: TCG,
	}
}
