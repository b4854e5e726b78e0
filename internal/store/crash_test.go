package store

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"quarry/internal/fault"
)

// TestWriterProcess is the other process of TestKillLosesNothing.
func TestWriterProcess(t *testing.T) {
	path := os.Getenv("STORE_TEST_WRITE_TO")
	if path == "" {
		t.Skip("only run by TestKillLosesNothing")
	}
	s := openAt(t, path)
	for i := 0; ; i++ {
		update(t, s, func(tx *Tx) error {
			if err := tx.InsertTenant(Tenant{Name: fmt.Sprintf("t%06d", i), CreatedAt: t0}); err != nil {
				return err
			}
			return tx.PutSetting("last", []byte(strconv.Itoa(i)))
		})
		fmt.Printf("done %d\n", i)
	}
}

// What was acknowledged survives kill -9, and nothing is there by halves.
func TestKillLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quarry.db")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWriterProcess$", "-test.v")
	cmd.Env = append(os.Environ(), "STORE_TEST_WRITE_TO="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := -1
	for lines := bufio.NewScanner(out); lines.Scan(); {
		word, number, _ := strings.Cut(lines.Text(), " ")
		if word != "done" {
			continue
		}
		if acknowledged, err = strconv.Atoi(number); err != nil {
			t.Fatal(err)
		}
		if acknowledged == 50 { // it goes on writing while it is killed
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	if acknowledged < 50 {
		t.Fatalf("the writer stopped by itself after %d", acknowledged)
	}
	s := openAt(t, path)
	view(t, s, func(tx *Tx) error {
		last, err := tx.Setting("last")
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(last))
		if err != nil {
			return err
		}
		if n < acknowledged {
			t.Errorf("update %d was acknowledged, the store ends with %d", acknowledged, n)
		}
		all, err := tx.Tenants()
		if len(all) != n+1 {
			t.Errorf("%d tenants after update %d", len(all), n)
		}
		return err
	})
}

func TestBackupAndRestore(t *testing.T) {
	dir := t.TempDir()
	path, file := filepath.Join(dir, "quarry.db"), filepath.Join(dir, "backup")
	s := openAt(t, path)
	tenants(t, s, "before")
	if err := s.Backup(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.Backup(t.Context(), file), fault.Conflict)
	tenants(t, s, "after")
	wantKind(t, Restore(t.Context(), file, path, true), fault.Refused)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantKind(t, Restore(t.Context(), file, path, false), fault.Conflict)

	bad := filepath.Join(dir, "bad")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty": nil, "garbage": []byte(strings.Repeat("garbage ", 1000)),
		"half": raw[:len(raw)/2],
	} {
		if err := os.WriteFile(bad, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Restore(t.Context(), bad, path, true); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	s = openAt(t, path) // all that refusing changed nothing
	view(t, s, func(tx *Tx) error { _, err := tx.Tenant("after"); return err })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	if err := Restore(t.Context(), file, path, true); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path)
	view(t, s, func(tx *Tx) error {
		all, err := tx.Tenants()
		same(t, all, []Tenant{{Name: "before", CreatedAt: t0}})
		return err
	})
	left, err := filepath.Glob(filepath.Join(dir, "*.*.partial"))
	more, err2 := filepath.Glob(filepath.Join(dir, "*.restored*"))
	if err != nil || err2 != nil || len(left)+len(more) > 0 {
		t.Error("left behind:", left, more, err, err2)
	}
}

func BenchmarkCommit(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "quarry.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	write := func(b *testing.B) {
		err := s.Update(b.Context(), func(tx *Tx) error { return tx.PutSetting("k", []byte("v")) })
		if err != nil {
			b.Error(err)
		}
	}
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			write(b)
		}
	})
	b.Run("together", func(b *testing.B) {
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				write(b)
			}
		})
	})
}
