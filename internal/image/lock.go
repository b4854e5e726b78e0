package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"quarry/internal/fault"
	"quarry/internal/render"
)

// kernelPackage depends on the newest kernel for virtual machines.
const kernelPackage = "linux-image-cloud-"

// basePackages make the plain machine that every profile starts from: a login
// over ssh, a network, name and time zone data, and what rolls expect of a
// Debian. A change of the list is a change of render.RecipeVersion.
func basePackages() []string {
	return []string{
		"apt", "e2fsprogs", "iproute2", "iputils-ping", "kmod", "netbase", "nftables", "openssh-server",
		"procps", "sudo", "systemd-sysv", "tzdata", "udev",
	}
}

// Lock pins every package of a recipe. It asks the mirror only if the indexes
// are missing or old; the same recipe and the same indexes give the same lock.
// A recipe that names unknown packages or ones that clash is refused with
// fault.Invalid and all of them; without indexes, fault.Unavailable.
func (b *Builder) Lock(ctx context.Context, r render.Recipe) (render.Lock, error) {
	if err := checkRecipe(r); err != nil {
		return render.Lock{}, err
	}
	guest, err := b.guest.of(b.cfg.GuestBinary)
	if err != nil {
		return render.Lock{}, fmt.Errorf("guest program: %w", err)
	}
	b.aptMu.Lock()
	defer b.aptMu.Unlock()
	a, err := b.indexes(ctx, r.Suite, r.Architecture)
	if err != nil {
		return render.Lock{}, err
	}
	if lock, ok := b.cachedLock(a, r, guest); ok {
		return lock, nil
	}
	packages, err := lockPackages(ctx, a, r)
	if err != nil {
		return render.Lock{}, err
	}
	signed, err := a.signedIndexes()
	if err != nil {
		return render.Lock{}, err
	}
	lock := render.Lock{Recipe: r, Packages: packages, Guest: guest, Epoch: render.Epoch, Indexes: signed}
	return lock, b.cacheLock(a, lock)
}

// indexes returns the apt of a suite, with indexes that are new enough.
func (b *Builder) indexes(ctx context.Context, suite, architecture string) (*apt, error) {
	raw, err := json.Marshal(b.cfg.Mirror)
	if err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	name := suite + "-" + architecture + "-" + shortSum(raw)
	a := &apt{dir: filepath.Join(b.cfg.CacheDir, "apt", name), mirror: b.cfg.Mirror, suite: suite, architecture: architecture}
	now, last := b.now(), a.updated()
	if !last.IsZero() && now.Sub(last) < b.cfg.RefreshEvery {
		return a, nil
	}
	if err := a.configure(); err != nil {
		return nil, fmt.Errorf("indexes of %s: %w", suite, err)
	}
	err = a.update(ctx, now)
	if err == nil {
		return a, nil
	}
	if last.IsZero() || ctx.Err() != nil {
		return nil, fault.New(fault.Unavailable, "no package indexes", fault.Detail{
			Field: "suite", Message: fmt.Sprintf("the mirror's indexes of %q cannot be had: %v", suite, err),
		})
	}
	b.log.WarnContext(ctx, "package indexes stay old", "suite", suite, "updated", last, "error", err)
	return a, nil
}

func lockPackages(ctx context.Context, a *apt, r render.Recipe) ([]render.LockedPackage, error) {
	base, err := a.resolve(ctx, append([]string{"?essential"}, basePackages()...))
	if err != nil {
		return nil, fmt.Errorf("base packages of %s: %w", r.Suite, err)
	}
	boot, err := a.resolve(ctx, []string{kernelPackage + r.Architecture, "busybox-static"})
	if err != nil {
		return nil, fmt.Errorf("kernel of %s: %w", r.Suite, err)
	}
	all := base
	if len(r.Packages) > 0 {
		all, err = a.resolve(ctx, slices.Concat([]string{"?essential"}, base, r.Packages))
	}
	if err != nil {
		return nil, refusal(err, r)
	}
	boot = slices.DeleteFunc(boot, func(pin string) bool {
		return !isKernel(pin) && !strings.HasPrefix(pin, "busybox-static=")
	})
	installed, err := a.show(ctx, all)
	if err != nil {
		return nil, err
	}
	for i := range installed {
		if slices.Contains(base, installed[i].Name+"="+installed[i].Version) {
			installed[i].Part = render.PartBase
		}
	}
	unpacked, err := a.show(ctx, boot)
	if err != nil {
		return nil, err
	}
	for i := range unpacked {
		unpacked[i].Part = render.PartBoot
	}
	packages := append(installed, unpacked...)
	if err := a.provenance(ctx, packages); err != nil {
		return nil, err
	}
	slices.SortStableFunc(packages, func(a, b render.LockedPackage) int { return strings.Compare(a.Name, b.Name) })
	return packages, nil
}

// isKernel tells a kernel's image from the package that depends on the newest.
func isKernel(pin string) bool {
	return strings.HasPrefix(pin, "linux-image-") && !strings.HasPrefix(pin, kernelPackage)
}

// refusal turns what apt said about a recipe into what a person needs.
func refusal(err error, r render.Recipe) error {
	var faults fault.List
	for _, name := range unknownPackages(err) {
		faults.Add(origin(r, name), fmt.Sprintf("package %q is not in %s (%s): correct the name, or remove it from the roll", name, r.Suite, r.Architecture))
	}
	if why := unmet(err); why != "" {
		faults.Add("packages", "the packages of the rolls cannot be installed together: "+why)
	}
	if refused := faults.Err(fault.Invalid, "the packages of the rolls cannot be had"); refused != nil {
		return refused
	}
	return fmt.Errorf("packages of %s: %w", r.Suite, err)
}

func origin(r render.Recipe, name string) string {
	from, ok := r.Origins[name]
	if !ok {
		return "packages"
	}
	return fmt.Sprintf("rolls/%s/%s:%d", from.Roll, from.File, from.Line)
}

// checkRecipe refuses names that apt would take for something else.
func checkRecipe(r render.Recipe) error {
	var faults fault.List
	if r.Version != render.RecipeVersion {
		faults.Add("version", fmt.Sprintf("recipe version %d: this Quarry makes version %d", r.Version, render.RecipeVersion))
	}
	if !packageName.MatchString(r.Suite) || !packageName.MatchString(r.Architecture) {
		faults.Add("suite", fmt.Sprintf("suite %q, architecture %q: want names like \"trixie\" and \"amd64\"", r.Suite, r.Architecture))
	}
	for _, name := range r.Packages {
		if !packageName.MatchString(name) {
			faults.Add(origin(r, name), fmt.Sprintf("%q is no package name: small letters, digits, '+', '-', '.'", name))
		}
	}
	return faults.Err(fault.Invalid, "the recipe is wrong")
}

// lockPath names the cached lock by all that it depends on.
func (b *Builder) lockPath(a *apt, r render.Recipe, guest string) string {
	raw, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("image: a recipe is always JSON: %v", err))
	}
	state := fmt.Sprintf("%s\n%s\n%s\n%d", raw, guest, strings.Join(basePackages(), " "), a.updated().UnixNano())
	return filepath.Join(a.dir, "locks", shortSum([]byte(state))+".json")
}

func (b *Builder) cachedLock(a *apt, r render.Recipe, guest string) (render.Lock, bool) {
	path := b.lockPath(a, r, guest)
	lock, known := b.locks[path]
	if !known {
		raw, err := os.ReadFile(path)
		if err != nil {
			return render.Lock{}, false
		}
		if err := json.Unmarshal(raw, &lock); err != nil {
			return render.Lock{}, false // half written by a crash
		}
		if len(b.locks) >= maxLocks || b.locks == nil {
			b.locks = map[string]render.Lock{}
		}
		b.locks[path] = lock
	}
	lock.Recipe = r // with where its things come from, which JSON leaves out
	lock.Packages = slices.Clone(lock.Packages)
	return lock, true
}

// maxLocks bounds how many locks are kept in memory; each may be 100 KiB.
const maxLocks = 100

func (b *Builder) cacheLock(a *apt, lock render.Lock) error {
	raw, err := json.Marshal(lock)
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	path := b.lockPath(a, lock.Recipe, lock.Guest)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

func shortSum(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}
