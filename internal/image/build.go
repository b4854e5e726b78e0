package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"quarry/internal/fault"
	"quarry/internal/render"
)

// scriptTimeout is how long an install script without an own limit may take.
const scriptTimeout = 10 * time.Minute

// Build makes the image of a lock, unless the store has it. Callers who want
// the same image share one build. An install script that fails, a file that
// cannot be put where the roll says, an unknown unit or a secret in the tree
// is fault.Invalid; packages that cannot be had are fault.Unavailable.
func (b *Builder) Build(ctx context.Context, lock render.Lock, progress Progress) (Manifest, error) {
	address := lock.Address()
	if m, err := b.touched(address); err == nil {
		return m, nil
	}
	err := b.builds.do(ctx, address, progress, func(ctx context.Context, progress Progress) error {
		if b.cfg.Store.Has(address) {
			return nil
		}
		return b.build(ctx, lock, address, progress)
	})
	if err != nil {
		return Manifest{}, fmt.Errorf("build image %s: %w", address, err)
	}
	return b.touched(address)
}

// touched returns a manifest of the store and marks its image as used.
func (b *Builder) touched(address string) (Manifest, error) {
	if _, err := b.cfg.Store.Path(address, manifestFile); err != nil {
		return Manifest{}, err
	}
	return b.cfg.Store.Manifest(address)
}

func (b *Builder) build(ctx context.Context, lock render.Lock, address string, progress Progress) error {
	start := b.now()
	if err := b.checkLock(lock); err != nil {
		return err
	}
	if err := b.download(ctx, lock.Recipe, lock.Packages, span(progress, 0, 20)); err != nil {
		return err
	}
	base, err := b.base(ctx, lock, span(progress, 20, 50))
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(b.cfg.Dir, stagePrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	t := tree{root: filepath.Join(work, "root"), pool: b.poolDir(), epoch: lock.Epoch}
	if _, err := run(command(ctx, nil, "cp", "-a", "--reflink=auto", base.root(), t.root)); err != nil {
		return err
	}
	progress("packages", 52)
	if err := b.install(ctx, lock, t, work); err != nil {
		return err
	}
	progress("files", 75)
	if hasOwnScripts(lock.Recipe) {
		err = b.dressInVM(ctx, lock, base, t, work, address, span(progress, 75, 80))
	} else {
		err = b.dress(ctx, lock.Recipe, base, t)
	}
	if err != nil {
		return err
	}
	progress("clean", 80)
	if err := clean(t.root); err != nil {
		return err
	}
	progress("disk", 82)
	if err := b.finish(ctx, lock, address, base, t, span(progress, 82, 100)); err != nil {
		return err
	}
	b.log.InfoContext(ctx, "image built", "image", address, "packages", len(lock.Packages), "took", b.now().Sub(start))
	return nil
}

// Verify brings the packages of a lock into the cache and refuses, naming
// each, those that are not what the lock says.
func (b *Builder) Verify(ctx context.Context, lock render.Lock) error {
	if err := b.checkLock(lock); err != nil {
		return err
	}
	return b.download(ctx, lock.Recipe, lock.Packages, func(string, int) {})
}

// checkLock refuses a lock that this builder cannot fulfil to the letter.
func (b *Builder) checkLock(lock render.Lock) error {
	if err := checkRecipe(lock.Recipe); err != nil {
		return err
	}
	if err := b.checkOwn(lock.Recipe); err != nil {
		return err
	}
	for _, p := range lock.Packages {
		if err := checkLocked(p); err != nil {
			return err
		}
	}
	guest, err := b.guest.of(b.cfg.GuestBinary)
	if err != nil {
		return fmt.Errorf("guest program: %w", err)
	}
	if guest != lock.Guest {
		return fault.New(fault.Refused, "the lock is of another guest program", fault.Detail{
			Field: "guest", Message: fmt.Sprintf("the lock wants the guest program %.12s, this Quarry has %.12s: lock the recipe again", lock.Guest, guest),
		})
	}
	return nil
}

// install adds the packages of the profile, exactly as locked.
func (b *Builder) install(ctx context.Context, lock render.Lock, t tree, work string) error {
	packages := part(lock, "")
	if len(packages) == 0 {
		return nil
	}
	t.repo = filepath.Join(work, "repo")
	if err := b.writeRepository(ctx, t.repo, packages); err != nil {
		return err
	}
	const script = `export APT_CONFIG=/run/quarry/apt.conf
mkdir -p /run/apt-lists/partial /run/apt-cache/archives/partial
apt-get -qq update && apt-get -qq install "$@"`
	args := []string{"-c", script, "install"}
	for _, p := range packages {
		args = append(args, p.Name+"="+p.Version)
	}
	if err := t.run(ctx, "/bin/sh", args...); err != nil {
		return fmt.Errorf("install packages: %w", err)
	}
	return nil
}

// dress puts the profile's files and the guest program into the tree, sets its
// units and runs its scripts.
func (b *Builder) dress(ctx context.Context, r render.Recipe, base base, t tree) error {
	root, err := os.OpenRoot(t.root)
	if err != nil {
		return err
	}
	defer root.Close()
	published, own := ownFiles(r.Files)
	if err := putFiles(root, published); err != nil {
		return err
	}
	if err := b.putGuest(root); err != nil {
		return err
	}
	if err := runScripts(ctx, r, t); err != nil {
		return err
	}
	if len(own) > 0 {
		return finishOwn(ctx, root, r, own, base, t)
	}
	return setUnits(r, func(args []string) error { return t.run(ctx, "systemctl", args...) })
}

func (b *Builder) putGuest(root *os.Root) error {
	guest, err := os.ReadFile(b.cfg.GuestBinary)
	if err != nil {
		return fmt.Errorf("guest program: %w", err)
	}
	if err := putFile(root, "usr/lib/quarry/guest", guest, 0o755, 0, 0); err != nil {
		return fmt.Errorf("guest program: %w", err)
	}
	return nil
}

func unitFault(verb string, units []string, err error) error {
	failed, ok := errors.AsType[*CommandError](err)
	if !ok {
		return err
	}
	return fault.New(fault.Invalid, "a unit cannot be set", fault.Detail{
		Field:   "services",
		Message: fmt.Sprintf("systemctl %s %s: %s", verb, strings.Join(units, " "), lastLines(failed.Output, commandTail)),
	})
}

// runScripts runs the install scripts in order, each with the tree alone.
func runScripts(ctx context.Context, r render.Recipe, t tree) error {
	for _, s := range r.Scripts {
		limit := s.Timeout
		if limit <= 0 {
			limit = scriptTimeout
		}
		limited, cancel := context.WithTimeout(ctx, limit)
		cmd := t.command(limited, "/bin/sh", "-c", `cat >/run/script && chmod 700 /run/script && exec /run/script </dev/null`)
		cmd.Stdin = strings.NewReader(s.Body)
		_, err := run(cmd)
		late := limited.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil {
			continue
		}
		failed, ok := errors.AsType[*CommandError](err)
		if !ok || ctx.Err() != nil {
			return err
		}
		why := failed.Err.Error()
		if late {
			why = fmt.Sprintf("not done after %s", limit)
		}
		return fault.New(fault.Invalid, "an install script failed", fault.Detail{
			Field:   fmt.Sprintf("rolls/%s/%s:%d", s.From.Roll, s.From.File, s.From.Line),
			Message: fmt.Sprintf("script %q: %s; its last lines:\n%s", s.Name, why, lastLines(failed.Output, commandTail)),
		})
	}
	return nil
}

// span maps the progress of a part to its share of the whole.
func span(progress Progress, from, to int) Progress {
	return func(stage string, percent int) { progress(stage, from+(to-from)*percent/100) }
}
