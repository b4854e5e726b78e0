package cli

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"quarry/internal/render"
)

// readLock reads a lock file; "-" is standard input.
func (a *app) readLock(name string) (render.LockFile, error) {
	in := a.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return render.LockFile{}, usage("cannot read the lock: %v", err)
		}
		defer f.Close()
		in = f
	} else {
		name = "standard input"
	}
	raw, err := io.ReadAll(io.LimitReader(in, render.MaxLockFile+1))
	if err != nil {
		return render.LockFile{}, fmt.Errorf("read the lock: %w", err)
	}
	lock, err := render.ParseLock(name, raw)
	if err != nil {
		return render.LockFile{}, notByServer(err)
	}
	return lock, nil
}

// only keeps the named appliances of a lock, all if none is named. What is
// not of them stays: a content more or less changes nothing.
func only(lock render.LockFile, appliances []string) (render.LockFile, error) {
	if len(appliances) == 0 {
		return lock, nil
	}
	kept := map[string]render.LockedAppliance{}
	for _, name := range appliances {
		one, ok := lock.Appliances[name]
		if !ok {
			return lock, usage("the lock has no appliance %q; it has %s", name, strings.Join(slices.Sorted(maps.Keys(lock.Appliances)), ", "))
		}
		kept[name] = one
	}
	lock.Appliances = kept
	return lock, nil
}

// lockSummary is what is said of a lock that went into a file.
type lockSummary struct {
	Appliance string `json:"appliance"`
	Address   string `json:"address"`
	Packages  int    `json:"packages"`
}

// writeLock writes a lock to a file, or to standard output if there is none.
func (a *app) writeLock(lock render.LockFile, file []string) error {
	if len(file) == 0 {
		_, err := a.out.Write(lock.Encode())
		return err
	}
	part := file[0] + ".partial"
	if err := os.WriteFile(part, lock.Encode(), 0o644); err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	if err := os.Rename(part, file[0]); err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	var all []lockSummary
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(lock.Appliances)) {
		one := lock.Appliances[name]
		all = append(all, lockSummary{name, one.Address, len(one.Image.Packages)})
		rows = append(rows, []string{name, one.Address[:12], fmt.Sprint(len(one.Image.Packages))})
	}
	return a.print(all, func(w io.Writer) { printTable(w, []string{"APPLIANCE", "IMAGE", "PACKAGES"}, rows) })
}

// localCache is a folder for what can be had again, for commands that work
// without a manager.
func (a *app) localCache() (string, error) {
	if dir := a.getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "quarry"), nil
	}
	home := a.getenv("HOME")
	if home == "" {
		return "", usage("there is no HOME to keep packages in: name a folder with --cache")
	}
	return filepath.Join(home, ".cache", "quarry"), nil
}
