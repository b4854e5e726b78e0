package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"quarry/internal/fault"
	"quarry/internal/roll"
)

// MaxLockFile bounds what is read of a lock file, in bytes.
const MaxLockFile = 64 << 20

var hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ParseLock reads a lock file; name is the file's, for messages. It refuses
// (Invalid, everything at once) what is no lock or lacks a part of itself.
// Whether the addresses are still those of the images, [LockFile.Changed] says.
func ParseLock(name string, raw []byte) (LockFile, error) {
	if len(raw) > MaxLockFile {
		return LockFile{}, notLock(name, fmt.Sprintf("%d bytes are no lock: at most %d are read", len(raw), MaxLockFile))
	}
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return LockFile{}, notLock(place(name, raw, err), err.Error())
	}
	if head.Format != LockFormat {
		return LockFile{}, notLock(name, fmt.Sprintf("its format is %q, this Quarry reads %q", head.Format, LockFormat))
	}
	var f LockFile
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return LockFile{}, notLock(place(name, raw, err), err.Error())
	}
	c := lockChecker{file: f}
	c.check()
	if err := c.wrong.Err(fault.Invalid, name+" is no sound lock"); err != nil {
		return LockFile{}, err
	}
	return f, nil
}

func notLock(where, message string) error {
	return fault.New(fault.Invalid, "not a lock file", fault.Detail{Field: where, Message: message})
}

// place is "name:line" where an error of the JSON reader is known to stand.
func place(name string, raw []byte, err error) string {
	var offset int64
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = e.Offset
	} else if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = e.Offset
	}
	if offset <= 0 || offset > int64(len(raw)) {
		return name
	}
	return fmt.Sprintf("%s:%d", name, 1+bytes.Count(raw[:offset], []byte("\n")))
}

// lockChecker gathers what is wrong with a lock file.
type lockChecker struct {
	file  LockFile
	wrong fault.List
}

func (c *lockChecker) check() {
	for _, digest := range slices.Sorted(maps.Keys(c.file.Contents)) {
		sum := sha256.Sum256([]byte(c.file.Contents[digest]))
		if got := hex.EncodeToString(sum[:]); got != digest {
			c.wrong.Add("contents."+digest, fmt.Sprintf("the content has SHA-256 %s: it was changed after the lock was made", got))
		}
	}
	if len(c.file.Appliances) == 0 {
		c.wrong.Add("appliances", "there are none: a lock has at least one")
	}
	for _, name := range slices.Sorted(maps.Keys(c.file.Appliances)) {
		a, at := c.file.Appliances[name], "appliances."+name
		c.digest(at+".address", "the address", a.Address)
		c.image(at+".image", a.Image)
		c.files(at+".boot.files", a.Boot.Files)
		c.scripts(at+".boot.scripts", a.Boot.Scripts)
		c.scripts(at+".boot.cluster", a.Boot.Cluster)
		c.scripts(at+".boot.checks", a.Boot.Checks)
	}
}

func (c *lockChecker) image(at string, i LockedImage) {
	c.digest(at+".guest", "the guest program", i.Guest)
	if i.Epoch <= 0 || i.Epoch >= 1<<32 {
		c.wrong.Add(at+".epoch", fmt.Sprintf("%d is no time in seconds since 1970 that a file can have", i.Epoch))
	}
	seen := map[string]bool{}
	for n, p := range i.Packages {
		field, what := fmt.Sprintf("%s.packages[%d]", at, n), fmt.Sprintf("package %s %s %s", p.Name, p.Version, p.Architecture)
		c.digest(field, what, p.SHA256)
		if p.Name == "" || p.Version == "" || p.Architecture == "" || p.Filename == "" || p.Size <= 0 {
			c.wrong.Add(field, what+": name, version, architecture, file name and size are all needed")
		}
		if p.Part != "" && p.Part != PartBase && p.Part != PartBoot {
			c.wrong.Add(field, fmt.Sprintf("%s: part %q is not known: %q, %q or none", what, p.Part, PartBase, PartBoot))
		}
		if key := p.Part + "/" + p.Name + ":" + p.Architecture; seen[key] {
			c.wrong.Add(field, what+" is there twice")
		} else {
			seen[key] = true
		}
	}
	c.files(at+".files", i.Files)
	c.scripts(at+".scripts", i.Scripts)
}

func (c *lockChecker) files(at string, files []LockedFile) {
	for n, f := range files {
		c.content(fmt.Sprintf("%s[%d]", at, n), fmt.Sprintf("file %q", f.Path), f.SHA256, f.Size)
	}
}

func (c *lockChecker) scripts(at string, scripts []LockedScript) {
	for n, s := range scripts {
		field, what := fmt.Sprintf("%s[%d]", at, n), fmt.Sprintf("script %q", s.Name)
		c.content(field, what, s.SHA256, s.Size)
		if _, err := s.timeout(); err != nil {
			c.wrong.Add(field, fmt.Sprintf("%s: timeout %q is no length of time like \"10m0s\"", what, s.Timeout))
		}
	}
}

// content wants that the file has the content of a digest.
func (c *lockChecker) content(field, what, digest string, size int) {
	content, there := c.file.Contents[digest]
	switch {
	case !there:
		c.wrong.Add(field, fmt.Sprintf("%s: the lock has no content with SHA-256 %s", what, digest))
	case len(content) != size:
		c.wrong.Add(field, fmt.Sprintf("%s: the lock says %d bytes, its content has %d", what, size, len(content)))
	}
}

func (c *lockChecker) digest(field, what, digest string) {
	if !hexDigest.MatchString(digest) {
		c.wrong.Add(field, fmt.Sprintf("%s: %q is no SHA-256 in hex", what, digest))
	}
}

func (s LockedScript) timeout() (time.Duration, error) {
	if s.Timeout == "" {
		return 0, nil
	}
	return time.ParseDuration(s.Timeout)
}

// Changed tells of every appliance whose image is no longer the one that its
// address was made of.
func (f LockFile) Changed() []fault.Detail {
	var wrong fault.List
	for _, name := range slices.Sorted(maps.Keys(f.Appliances)) {
		a := f.Appliances[name]
		if now := a.Image.Address(); now != a.Address {
			wrong.Add("appliances."+name+".image", fmt.Sprintf("it was changed after the lock was made: the address says %.12s, the content is %.12s", a.Address, now))
		}
	}
	return wrong.Details()
}

// Lock returns what the image of an appliance is made from; false if the file
// has no such appliance.
func (f LockFile) Lock(appliance string) (Lock, bool) {
	a, ok := f.Appliances[appliance]
	if !ok {
		return Lock{}, false
	}
	i := a.Image
	l := Lock{
		Recipe: Recipe{
			Version: i.Recipe, Suite: i.Suite, Architecture: i.Architecture,
			Enabled: i.Enabled, Disabled: i.Disabled, Masked: i.Masked,
			Packages: slices.Sorted(maps.Keys(a.Origins.Packages)), Origins: a.Origins.Packages,
		},
		Packages: i.Packages, Guest: i.Guest, Epoch: i.Epoch, Indexes: f.Indexes,
	}
	for _, file := range i.Files {
		l.Recipe.Files = append(l.Recipe.Files, roll.File{
			Path: file.Path, Owner: file.Owner, Mode: file.Mode, Content: f.Contents[file.SHA256], Tenant: file.Tenant, From: a.Origins.Files[file.Path],
		})
	}
	for _, s := range i.Scripts {
		limit, _ := s.timeout() // ParseLock has read it
		l.Recipe.Scripts = append(l.Recipe.Scripts, roll.Script{
			Name: s.Name, Body: f.Contents[s.SHA256], Timeout: limit, Tenant: s.Tenant, From: a.Origins.Scripts[s.Name],
		})
	}
	return l, true
}
