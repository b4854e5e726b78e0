package image

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"

	"quarry/internal/fault"
	"quarry/internal/render"
	"quarry/internal/roll"
)

// What a tenant's own roll brings is never run here. A file of its own may stand
// where a program stood, so nothing of a tree is run once such files are in it.

// checkOwn refuses install scripts of tenants' own rolls where no throwaway
// machine can be made: nobody books with one there, and a lock comes from a
// database.
func (b *Builder) checkOwn(r render.Recipe) error {
	if b.cfg.Accelerator != nil {
		return nil
	}
	var l fault.List
	for _, s := range r.Scripts {
		if s.Tenant != "" {
			l.Add(fmt.Sprintf("rolls/%s/%s:%d", s.From.Roll, s.From.File, s.From.Line),
				fmt.Sprintf("install script %q is of a roll of tenant %s's own: it is not run here", s.Name, s.Tenant))
		}
	}
	return l.Err(fault.Refused, "the image cannot be made here")
}

func hasOwnScripts(r render.Recipe) bool {
	return slices.ContainsFunc(r.Scripts, func(s roll.Script) bool { return s.Tenant != "" })
}

// dressInVM is dress for a recipe with install scripts of a tenant's own: the
// files are put here, and all that runs, in its order, runs in a throwaway
// machine.
func (b *Builder) dressInVM(ctx context.Context, lock render.Lock, base base, t tree, work, address string, progress Progress) error {
	root, err := os.OpenRoot(t.root)
	if err != nil {
		return err
	}
	err = errors.Join(putFiles(root, lock.Recipe.Files), b.putGuest(root), root.Close())
	if err != nil {
		return err
	}
	return b.installInVM(ctx, lock, base, t, work, address, progress)
}

// ownFiles parts the files of published rolls from those of tenants' own.
func ownFiles(files []roll.File) (published, own []roll.File) {
	for _, f := range files {
		if f.Tenant == "" {
			published = append(published, f)
		} else {
			own = append(own, f)
		}
	}
	return published, own
}

//go:embed outside.sh
var outsideScript string

// setOutside does what r wants of units, in a tree of which no program may be
// run, by those of the plain machine that the tree was made from.
func setOutside(ctx context.Context, r render.Recipe, base base, t tree) error {
	return setUnits(r, func(args []string) error {
		_, err := run(outside(ctx, base, t, "systemctl", append([]string{"--root=/run/tree"}, args...)...))
		return err
	})
}

// outside makes a command of the plain machine that sees the tree at /run/tree.
func outside(ctx context.Context, base base, t tree, name string, args ...string) *exec.Cmd {
	cmd := command(ctx, nil, "unshare", append([]string{
		"--mount", "--propagation", "private", "--pid", "--net", "--ipc", "--uts",
		"--fork", "--kill-child=SIGKILL",
		"sh", "-c", outsideScript, "outside", base.root(), t.root, name,
	}, args...)...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC", "SYSTEMCTL_SKIP_SYSV=1"}
	return cmd
}

// setUnits calls systemctl for each list of units.
func setUnits(r render.Recipe, systemctl func(args []string) error) error {
	for _, change := range []struct {
		verb  string
		units []string
	}{{"enable", r.Enabled}, {"disable", r.Disabled}, {"mask", r.Masked}} {
		if len(change.units) == 0 {
			continue
		}
		if err := systemctl(slices.Concat([]string{"--quiet", change.verb, "--"}, change.units)); err != nil {
			return unitFault(change.verb, change.units, err)
		}
	}
	return nil
}

// finishOwn puts the files of tenants' own rolls into the tree, last of all.
func finishOwn(ctx context.Context, root *os.Root, r render.Recipe, own []roll.File, base base, t tree) error {
	if err := putFiles(root, own); err != nil {
		return err
	}
	return setOutside(ctx, r, base, t)
}
