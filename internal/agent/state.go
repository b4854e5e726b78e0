package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"quarry/internal/pnode"
)

// Names below the agent's folder.
const (
	desiredFile = "desired.json"
	ledgerFile  = "clusters.json"
	vnodesDir   = "vnodes"
	socketsDir  = "run"
	recordFile  = "vnode.json"
	diskFile    = "disk.qcow2"
	consoleFile = "console.log"
	trashPrefix = ".trash-"
	tempSuffix  = ".tmp"
)

// record is what the agent remembers of a vnode beside its disk.
type record struct {
	Cluster     string `json:"cluster"`
	Name        string `json:"name"`
	Guest       string `json:"guest"`
	Incarnation int    `json:"incarnation"`
	Image       string `json:"image"` // what its disk lies on
	Stage       string `json:"stage"`
	Progress    int    `json:"progress"`
	Failed      bool   `json:"failed,omitempty"`
	Message     string `json:"message,omitempty"`
	// BootID is of the boot that spoke last.
	BootID string `json:"bootID,omitempty"`
	// WasReady is set once the guest was ready: its disk holds a tenant's work.
	WasReady bool `json:"wasReady,omitempty"`
	// Tries counts boots in which the guest never spoke.
	Tries int `json:"tries,omitempty"`

	// Took is what is known of how long the preparation took. Begun is when it
	// began, Up when the boot scripts were through, Met when all vnodes of the
	// cluster were; Unix milliseconds, 0 for not yet.
	Took  pnode.Took `json:"took,omitzero"`
	Begun int64      `json:"begun,omitempty"`
	Up    int64      `json:"up,omitempty"`
	Met   int64      `json:"met,omitempty"`
}

// entry is what the agent remembers of a cluster, beyond its vnodes.
type entry struct {
	Opened *time.Time `json:"opened,omitempty"`
	Closed *time.Time `json:"closed,omitempty"`
	Gone   *time.Time `json:"gone,omitempty"`
	// Ending is when the end of all that is here of it began.
	Ending *time.Time `json:"ending,omitempty"`
}

// files are the agent's own files. Each is replaced as a whole, so a reader
// finds the old or the new one, also after a power cut.
type files struct {
	dir string
	// before is called before each change; tests crash there.
	before func(change string) error
}

func (f files) change(what string) error {
	if f.before == nil {
		return nil
	}
	return f.before(what)
}

// setUp makes the folders and removes what a crash left half done. Folders can
// be searched by others, since a hypervisor may run guests as another user;
// files with secrets cannot be read.
func (f files) setUp() error {
	for _, dir := range []string{"", vnodesDir, socketsDir} {
		if err := os.MkdirAll(filepath.Join(f.dir, dir), 0o711); err != nil {
			return fmt.Errorf("make the agent's folder: %w", err)
		}
	}
	leftovers, err := filepath.Glob(filepath.Join(f.dir, vnodesDir, "*", trashPrefix+"*"))
	if err != nil {
		return err
	}
	for _, pattern := range []string{"*" + tempSuffix, filepath.Join(vnodesDir, "*", "*", "*"+tempSuffix)} {
		temps, err := filepath.Glob(filepath.Join(f.dir, pattern))
		if err != nil {
			return err
		}
		leftovers = append(leftovers, temps...)
	}
	for _, path := range leftovers {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove leftovers: %w", err)
		}
	}
	return nil
}

// write replaces one file below the folder with v as JSON.
func (f files) write(name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := f.change("write " + name); err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(f.dir, name), raw, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// replaceFile writes a file beside path, makes it durable and renames it.
func replaceFile(path string, raw []byte, mode fs.FileMode) error {
	temp := path + tempSuffix
	out, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = out.Write(raw)
	err = errors.Join(err, out.Chmod(mode), out.Sync(), out.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// desired returns the newest desired state, nil if there is none.
func (f files) desired() (*pnode.Desired, error) {
	raw, err := os.ReadFile(filepath.Join(f.dir, desiredFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := parseDesired(raw)
	if err != nil {
		return nil, err
	}
	return &d, nil
}

// ledger returns the entries of all clusters, by ID.
func (f files) ledger() (map[string]entry, error) {
	ledger := map[string]entry{}
	raw, err := os.ReadFile(filepath.Join(f.dir, ledgerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return ledger, nil
	}
	if err != nil {
		return ledger, err
	}
	return ledger, json.Unmarshal(raw, &ledger)
}

// vnodes returns what is on disk: the records, and an empty record with only
// the key for a folder that has none.
func (f files) vnodes() (map[Key]record, error) {
	found := map[Key]record{}
	paths, err := filepath.Glob(filepath.Join(f.dir, vnodesDir, "*", "*"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		key := Key{Cluster: filepath.Base(filepath.Dir(path)), Vnode: filepath.Base(path)}
		if strings.HasPrefix(key.Vnode, trashPrefix) {
			continue
		}
		rec, err := readRecord(path)
		if err != nil {
			return nil, err
		}
		rec.Cluster, rec.Name = key.Cluster, key.Vnode
		found[key] = rec
	}
	return found, nil
}

// clusters returns the IDs that have a folder.
func (f files) clusters() ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(f.dir, vnodesDir, "*"))
	for i := range paths {
		paths[i] = filepath.Base(paths[i])
	}
	return paths, err
}

// readRecord returns an empty record when there is none or it is damaged; the
// vnode is then made anew.
func readRecord(dir string) (record, error) {
	raw, err := os.ReadFile(filepath.Join(dir, recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	if err != nil {
		return record{}, err
	}
	var rec record
	if err := json.Unmarshal(raw, &rec); err != nil {
		return record{}, nil //nolint:nilerr // a damaged record is as good as none
	}
	return rec, nil
}

func (f files) vnodeDir(k Key) string { return filepath.Join(f.dir, vnodesDir, k.Cluster, k.Vnode) }

func (f files) writeRecord(k Key, rec record) error {
	dir := f.vnodeDir(k)
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return err
	}
	return f.write(filepath.Join(vnodesDir, k.Cluster, k.Vnode, recordFile), rec)
}

// wipeVnode removes every file of a vnode. The folder is renamed first: a disk
// must never be found beside the record of another incarnation.
func (f files) wipeVnode(k Key) error {
	if err := f.change("wipe " + k.Vnode); err != nil {
		return err
	}
	dir := f.vnodeDir(k)
	trash := filepath.Join(filepath.Dir(dir), trashPrefix+k.Vnode)
	if err := os.RemoveAll(trash); err != nil {
		return err
	}
	if err := os.Rename(dir, trash); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f.change("empty trash of " + k.Vnode); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(trash), os.RemoveAll(f.socket(k)))
}

// wipeCluster removes the folder of a cluster.
func (f files) wipeCluster(id string) error {
	if err := f.change("wipe cluster"); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(f.dir, vnodesDir, id))
}
