package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"quarry/internal/fault"
	"quarry/internal/render"
)

// poolBatch is how many packages one download brings.
const poolBatch = 24

func (b *Builder) poolDir() string { return filepath.Join(b.cfg.CacheDir, "pool") }

// poolFile is where the cache keeps a package: the digest makes the name.
func poolFile(p render.LockedPackage) string { return p.SHA256 + ".deb" }

// download brings the packages that the cache does not have. A file is in the
// cache under its name only with the right digest.
func (b *Builder) download(ctx context.Context, r render.Recipe, packages []render.LockedPackage, progress Progress) error {
	if err := os.MkdirAll(b.poolDir(), 0o755); err != nil {
		return fmt.Errorf("package cache: %w", err)
	}
	raw, err := json.Marshal(packages)
	if err != nil {
		return fmt.Errorf("package cache: %w", err)
	}
	return b.pool.do(ctx, shortSum(raw), progress, func(ctx context.Context, progress Progress) error {
		missing := b.missing(packages)
		var wrong []fault.Detail
		for done := 0; done < len(missing); done += poolBatch {
			progress("packages", done*100/len(missing))
			err := b.downloadBatch(ctx, r, missing[done:min(done+poolBatch, len(missing))])
			if is, ok := errors.AsType[*fault.Error](err); ok && is.Kind == fault.Refused {
				wrong = append(wrong, is.Details...) // name them all
			} else if err != nil {
				return err
			}
		}
		if len(wrong) > 0 {
			return fault.New(fault.Refused, notAsLocked, wrong...)
		}
		progress("packages", 100)
		return nil
	})
}

// missing returns the packages that the cache does not have as locked. It
// reads them: what is on a disk may have changed since it was written.
func (b *Builder) missing(packages []render.LockedPackage) []render.LockedPackage {
	var list []render.LockedPackage
	for _, p := range packages {
		if verifyFile(filepath.Join(b.poolDir(), poolFile(p)), p.Size, p.SHA256) != nil {
			list = append(list, p)
		}
	}
	return list
}

// downloadBatch asks the sources in turn for what is still missing.
func (b *Builder) downloadBatch(ctx context.Context, r render.Recipe, packages []render.LockedPackage) error {
	dir, err := os.MkdirTemp(b.cfg.Dir, stagePrefix)
	if err != nil {
		return fmt.Errorf("package cache: %w", err)
	}
	defer os.RemoveAll(dir)
	a := &apt{dir: filepath.Join(dir, "apt"), mirror: b.cfg.Mirror, suite: r.Suite, architecture: r.Architecture}
	if err := a.configure(); err != nil {
		return fmt.Errorf("package cache: %w", err)
	}
	var last error
	other := map[string]*DigestError{} // what the mirror has instead, by digest
	for _, source := range b.cfg.Mirror.Sources {
		wanted := b.missing(packages)
		if !anyOf(source, wanted) {
			continue
		}
		if last = b.downloadFrom(ctx, a, source, wanted, dir, other); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	missing := b.missing(packages)
	if len(missing) == 0 {
		return nil
	}
	if err := mismatches(missing, other); err != nil {
		return err
	}
	var faults fault.List
	for _, p := range missing {
		faults.Add("packages", fmt.Sprintf("%s %s cannot be had from the mirror: book again for a newer version, or try later", p.Name, p.Version))
	}
	b.log.ErrorContext(ctx, "packages cannot be had", "missing", len(missing), "error", last)
	return faults.Err(fault.Unavailable, "packages cannot be had")
}

const notAsLocked = "packages are not what the lock says"

// mismatches names every package that is not what the lock says.
func mismatches(packages []render.LockedPackage, other map[string]*DigestError) error {
	var faults fault.List
	for _, p := range packages {
		is := other[p.SHA256]
		if is == nil {
			continue
		}
		message := fmt.Sprintf("the lock says sha256 %s, the file has %s", p.SHA256, is.SHA256)
		if is.Size != p.Size {
			message = fmt.Sprintf("the lock says %d bytes with sha256 %s, the file has %d with %s", p.Size, p.SHA256, is.Size, is.SHA256)
		}
		faults.Add(fmt.Sprintf("package %s %s %s", p.Name, p.Version, p.Architecture), message)
	}
	return faults.Err(fault.Refused, notAsLocked)
}

// ofSource tells by its path which source holds a package: the security
// archive keeps its packages below pool/updates.
func ofSource(s Source, p render.LockedPackage) bool {
	return strings.HasPrefix(p.Filename, "pool/updates/") == (s.Suffix == "-security")
}

func anyOf(s Source, packages []render.LockedPackage) bool {
	for _, p := range packages {
		if ofSource(s, p) {
			return true
		}
	}
	return false
}

// downloadFrom asks one source. It checks the digests itself, to be able to
// tell what came instead.
func (b *Builder) downloadFrom(ctx context.Context, a *apt, s Source, packages []render.LockedPackage, dir string, other map[string]*DigestError) error {
	args := []string{"download-file"}
	var brought []render.LockedPackage
	for _, p := range packages {
		if !ofSource(s, p) {
			continue
		}
		brought = append(brought, p)
		uri := strings.TrimSuffix(s.URL, "/") + "/" + strings.ReplaceAll(p.Filename, "+", "%2b")
		args = append(args, uri, filepath.Join(dir, poolFile(p)), "")
	}
	_, failed := run(command(ctx, a.env(), "/usr/lib/apt/apt-helper", args...))
	for _, p := range brought {
		from := filepath.Join(dir, poolFile(p))
		if err := verifyFile(from, p.Size, p.SHA256); err != nil {
			if is, ok := errors.AsType[*DigestError](err); ok {
				other[p.SHA256] = is
			}
			continue // counted as missing
		}
		if err := moveFile(from, filepath.Join(b.poolDir(), poolFile(p))); err != nil {
			return err
		}
	}
	return failed
}

// moveFile moves a file into a folder that may lie on another disk.
func moveFile(from, to string) error {
	if err := os.Rename(from, to); err == nil {
		return syncPath(to)
	}
	part := to + ".part"
	if err := copyFile(from, part); err != nil {
		return err
	}
	if err := os.Rename(part, to); err != nil {
		return err
	}
	return os.Remove(from)
}

// writeRepository makes dir a package source of exactly these packages: the
// pool itself is mounted at dir/pool. It also holds the apt.conf to use it.
func (b *Builder) writeRepository(ctx context.Context, dir string, packages []render.LockedPackage) error {
	for _, d := range []string{"pool", "index"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	var index strings.Builder
	for _, p := range packages {
		control, err := run(command(ctx, nil, "dpkg-deb", "-f", filepath.Join(b.poolDir(), poolFile(p))))
		if err != nil {
			return err
		}
		fmt.Fprintf(&index, "%s\nFilename: pool/%s\nSize: %d\nSHA256: %s\n\n",
			strings.TrimSpace(string(control)), poolFile(p), p.Size, p.SHA256)
	}
	for name, content := range map[string]string{
		"index/Packages": index.String(),
		"sources.list":   "deb [trusted=yes] file:/run/quarry index/\n",
		"apt.conf":       repositoryConf,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// repositoryConf makes the apt inside a tree use the repository alone. All
// that it writes beside the packages lands in /run and is gone afterwards.
const repositoryConf = `Dir::Etc::sourcelist "/run/quarry/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "/run/apt-lists";
Dir::Cache "/run/apt-cache";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Get::Assume-Yes "true";
Acquire::Languages "none";
Dpkg::Use-Pty "false";
DPkg::Options { "--force-confdef"; "--force-confold"; "--force-unsafe-io"; };
`
