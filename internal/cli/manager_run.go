package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"quarry/internal/serve"
	"quarry/rolls"
)

// suite is the OS release of the vnodes.
const suite = "trixie"

// runOptions are the flags of manager run.
type runOptions struct {
	dir, cache, listen, rolls, imageLimit string
	verbose                               bool
}

func (o runOptions) run(ctx context.Context, a *app) error {
	limit, err := parseSize(o.imageLimit)
	if err != nil {
		return usage("--image-limit: %v", err)
	}
	guest, err := guestProgram()
	if err != nil {
		return err
	}
	site, err := o.siteRolls()
	if err != nil {
		return err
	}
	return serve.Manager(ctx, serve.ManagerConfig{
		Dir: o.dir, CacheDir: o.cache, Listen: o.listen, GuestBinary: guest, Suite: suite,
		ImageLimit: int64(limit) << 20, Rolls: site, Version: Version, Log: a.logger(o.verbose),
	})
}

// siteRolls are the rolls of the site: a folder, or those that ship.
func (o runOptions) siteRolls() (fs.FS, error) {
	if o.rolls == "" {
		return rolls.FS(), nil
	}
	if info, err := os.Stat(o.rolls); err != nil || !info.IsDir() {
		return nil, usage("--rolls %s is not a folder", o.rolls)
	}
	return os.DirFS(o.rolls), nil
}

// guestProgram is the program that is put into every image: it lies beside
// this one.
func guestProgram() (string, error) {
	self, err := program()
	if err != nil {
		return "", err
	}
	guest := filepath.Join(filepath.Dir(self), "quarry-guest")
	if _, err := os.Stat(guest); err != nil {
		return "", fmt.Errorf("find quarry-guest beside this program: %w", err)
	}
	return guest, nil
}
