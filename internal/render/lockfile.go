package render

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gowebpki/jcs"

	"quarry/internal/roll"
)

// LockFormat is the format of the lock files that are written and read. It is
// described in docs/locks.md.
const LockFormat = "quarry-lock/1"

// LockFile is what the machines of a cluster are made from, to the byte.
type LockFile struct {
	Format string `json:"format"`
	// Rolls are "name@version" of all that took part, sorted.
	Rolls []string `json:"rolls"`
	// Parameters are those that the profiles were walked with; no secret is among them.
	Parameters map[string]string `json:"parameters"`
	// Indexes are the signed ones that the hashes of the packages come from.
	Indexes    []Index                    `json:"indexes"`
	Appliances map[string]LockedAppliance `json:"appliances"`
	// Contents are the files and scripts by their SHA-256.
	Contents map[string]string `json:"contents"`
}

// LockedAppliance is one kind of vnode of a lock file.
type LockedAppliance struct {
	// Address is that of the image: the SHA-256 of Image in canonical JSON.
	Address string `json:"address"`
	// Order are the nodes of the graph in the order of the walk, "roll/node".
	Order []string    `json:"order"`
	Image LockedImage `json:"image"`
	Boot  LockedBoot  `json:"boot"`
	// Origins say which line of which roll brought a thing.
	Origins Origins `json:"origins"`
}

// LockedImage is all that makes an image, and nothing else.
type LockedImage struct {
	Recipe       int             `json:"recipe"` // RecipeVersion
	Suite        string          `json:"suite"`
	Architecture string          `json:"architecture"`
	Epoch        int64           `json:"epoch"` // seconds since 1970
	Guest        string          `json:"guest"` // SHA-256 of the guest program
	Packages     []LockedPackage `json:"packages"`
	Files        []LockedFile    `json:"files"`
	Enabled      []string        `json:"enabled"`
	Disabled     []string        `json:"disabled"`
	Masked       []string        `json:"masked"`
	Scripts      []LockedScript  `json:"scripts"` // install scripts, in order
}

// LockedBoot is what a vnode gets at its first boot. It is no part of the image.
type LockedBoot struct {
	Files   []LockedFile   `json:"files"`   // templates, as the roll has them
	Started []string       `json:"started"` // units, in order
	Scripts []LockedScript `json:"scripts"`
	Cluster []LockedScript `json:"cluster"` // run once all vnodes are up
	Checks  []LockedScript `json:"checks"`
}

// LockedFile is a file by the hash of its content.
type LockedFile struct {
	Path   string `json:"path"`
	Owner  string `json:"owner"`
	Mode   string `json:"mode"`
	Size   int    `json:"size"` // bytes
	SHA256 string `json:"sha256"`
	// Tenant is whose own roll brought it, "" for a published one.
	Tenant string `json:"tenant,omitempty"`
}

// LockedScript is a script by the hash of its text.
type LockedScript struct {
	Name    string `json:"name"`
	Size    int    `json:"size"` // bytes
	SHA256  string `json:"sha256"`
	Timeout string `json:"timeout,omitempty"` // "10m0s"
	// Tenant is whose own roll brought it, "" for a published one.
	Tenant string `json:"tenant,omitempty"`
}

// Origins are by the package's name, the file's path and the script's name.
type Origins struct {
	Packages map[string]roll.Source `json:"packages"`
	Files    map[string]roll.Source `json:"files"`
	Scripts  map[string]roll.Source `json:"scripts"`
}

// NewLockFile makes the lock file of appliances; their profiles and locks are
// by the same names.
func NewLockFile(parameters map[string]string, profiles map[string]roll.Profile, locks map[string]Lock) LockFile {
	f := LockFile{
		Format: LockFormat, Rolls: []string{}, Parameters: map[string]string{}, Indexes: []Index{},
		Appliances: map[string]LockedAppliance{}, Contents: map[string]string{},
	}
	maps.Copy(f.Parameters, parameters)
	for name, lock := range locks {
		profile := profiles[name]
		image := f.image(lock)
		f.Appliances[name] = LockedAppliance{
			Address: image.Address(), Order: list(profile.Order), Image: image, Boot: f.boot(profile), Origins: origins(lock.Recipe, profile),
		}
		f.Rolls = append(f.Rolls, profile.Rolls...)
		f.Indexes = append(f.Indexes, lock.Indexes...)
	}
	slices.Sort(f.Rolls)
	f.Rolls = slices.Compact(f.Rolls)
	slices.SortFunc(f.Indexes, func(a, b Index) int {
		return cmp.Or(strings.Compare(a.Suite, b.Suite), a.Date.Compare(b.Date), strings.Compare(a.SHA256, b.SHA256))
	})
	f.Indexes = slices.Compact(f.Indexes)
	return f
}

// image moves the contents of a lock into the file.
func (f *LockFile) image(l Lock) LockedImage {
	packages := slices.Clone(list(l.Packages))
	slices.SortStableFunc(packages, func(a, b LockedPackage) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Part, b.Part))
	})
	return LockedImage{
		Recipe: l.Recipe.Version, Suite: l.Recipe.Suite, Architecture: l.Recipe.Architecture, Epoch: l.Epoch, Guest: l.Guest,
		Packages: packages, Files: f.files(l.Recipe.Files), Scripts: f.scripts(l.Recipe.Scripts),
		Enabled: list(l.Recipe.Enabled), Disabled: list(l.Recipe.Disabled), Masked: list(l.Recipe.Masked),
	}
}

func (f *LockFile) boot(p roll.Profile) LockedBoot {
	b := LockedBoot{Started: []string{}, Scripts: f.scripts(p.Boot), Cluster: f.scripts(p.Cluster), Checks: f.scripts(p.Checks)}
	var templates []roll.File
	for _, file := range p.Files {
		if file.Template {
			templates = append(templates, file)
		}
	}
	b.Files = f.files(templates)
	for _, s := range p.Services {
		if s.State == "started" {
			b.Started = append(b.Started, s.Unit)
		}
	}
	return b
}

func (f *LockFile) files(files []roll.File) []LockedFile {
	locked := make([]LockedFile, len(files))
	for i, file := range files {
		locked[i] = LockedFile{
			Path: file.Path, Owner: file.Owner, Mode: file.Mode, Size: len(file.Content), SHA256: f.keep(file.Content), Tenant: file.Tenant,
		}
	}
	return locked
}

func (f *LockFile) scripts(scripts []roll.Script) []LockedScript {
	locked := make([]LockedScript, len(scripts))
	for i, s := range scripts {
		locked[i] = LockedScript{Name: s.Name, Size: len(s.Body), SHA256: f.keep(s.Body), Tenant: s.Tenant}
		if s.Timeout > 0 {
			locked[i].Timeout = s.Timeout.String()
		}
	}
	return locked
}

// keep puts a content into the file and returns its SHA-256 in hex.
func (f *LockFile) keep(content string) string {
	sum := sha256.Sum256([]byte(content))
	name := hex.EncodeToString(sum[:])
	if f.Contents != nil {
		f.Contents[name] = content
	}
	return name
}

func origins(r Recipe, p roll.Profile) Origins {
	o := Origins{Packages: map[string]roll.Source{}, Files: map[string]roll.Source{}, Scripts: map[string]roll.Source{}}
	maps.Copy(o.Packages, r.Origins)
	for _, pkg := range p.Packages { // a recipe that was stored has lost its origins
		if _, known := o.Packages[pkg.Name]; !known {
			o.Packages[pkg.Name] = pkg.From
		}
	}
	for _, file := range slices.Concat(r.Files, p.Files) {
		o.Files[file.Path] = file.From
	}
	for _, s := range slices.Concat(r.Scripts, p.Boot, p.Cluster, p.Checks) {
		o.Scripts[s.Name] = s.From
	}
	return o
}

// list makes nothing an empty list: both are the same lock.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// Address is the content address of the image: the SHA-256, in hex, of its
// canonical JSON (RFC 8785).
func (i LockedImage) Address() string {
	sum := sha256.Sum256(canonical(i))
	return hex.EncodeToString(sum[:])
}

// Encode returns the file as it is written: canonical JSON, indented, so that
// one lock is always the same bytes.
func (f LockFile) Encode() []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, canonical(f), "", "  "); err != nil {
		panic(fmt.Sprintf("render: canonical JSON is JSON: %v", err))
	}
	out.WriteByte('\n')
	return out.Bytes()
}

func canonical(value any) []byte {
	raw, err := json.Marshal(value)
	if err == nil {
		raw, err = jcs.Transform(raw)
	}
	if err != nil {
		panic(fmt.Sprintf("render: a lock is always JSON: %v", err))
	}
	return raw
}
