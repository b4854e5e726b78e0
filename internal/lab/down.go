package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"quarry/internal/fault"
)

var errNotRoot = fault.New(fault.Forbidden, "the lab belongs to root: run this as root (sudo)")

// Down takes the lab away, whatever state it is in: it goes by what runs and
// what is there rather than by what should be. The cache stays unless purge is
// set. It goes on after a failure and returns all of them.
func Down(ctx context.Context, dir string, purge bool) error {
	if os.Geteuid() != 0 {
		return errNotRoot
	}
	if !filepath.IsAbs(dir) || filepath.Clean(dir) == "/" {
		return fault.New(fault.Invalid, fmt.Sprintf("%q is not the folder of a lab", dir))
	}
	l := layout(dir)
	if !exists(dir) {
		// A lab may run whose folder somebody has removed.
		return errors.Join(killAll(ctx, dir), unplugRoot(dir))
	}
	release, err := l.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	// Killing comes first: it ends what could make the rest again.
	if err := killAll(ctx, dir); err != nil {
		return err
	}
	return errors.Join(unplugRoot(dir), unmountBelow(dir), removeMountPoints(l), removeFiles(l, purge))
}

func killAll(ctx context.Context, dir string) error {
	found, err := supervisors(dir)
	if err != nil {
		return err
	}
	var problems []error
	for name, pids := range found {
		for _, pid := range pids {
			problems = append(problems, kill(ctx, dir, name, pid))
		}
	}
	if otherLab(dir) == "" {
		problems = append(problems, forgetSlow(ctx, ""))
	}
	return errors.Join(problems...)
}

// unplugRoot removes the machine's leg; the kernel does so too, but later.
func unplugRoot(dir string) error {
	if otherLab(dir) != "" {
		return nil // it is that one's
	}
	dev, err := netlink.LinkByName(rootLink)
	if isNoLink(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find %s: %w", rootLink, err)
	}
	if dev.Type() != "veth" {
		return nil
	}
	if err := netlink.LinkDel(dev); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove %s: %w", rootLink, err)
	}
	return nil
}

// unmountBelow removes mounts in the lab's folder. The lab makes none in the
// machine's namespace, but a lab that a person looked into may have some.
func unmountBelow(dir string) error {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("list mounts: %w", err)
	}
	var problems []error
	for _, target := range mountsBelow(string(info), dir) {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			problems = append(problems, fmt.Errorf("unmount %s: %w", target, err))
		}
	}
	return errors.Join(problems...)
}

var octal = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// mountsBelow lists the mount points below dir, the deepest first.
func mountsBelow(mountinfo, dir string) []string {
	var targets []string
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		if target := octal.Replace(fields[4]); strings.HasPrefix(target, dir+"/") {
			targets = append(targets, target)
		}
	}
	slices.Reverse(targets) // a mount is listed after the one it lies on
	return targets
}

// removeMountPoints removes the empty folders that Up made outside the lab's.
func removeMountPoints(l layout) error {
	s, err := l.readSite()
	if err != nil {
		return nil // nothing was made, or nobody knows any more what
	}
	var problems []error
	for _, dir := range slices.Backward(s.Made) {
		err := os.Remove(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTEMPTY) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// removeFiles removes what the lab has written and, if that was all, its folder.
func removeFiles(l layout, purge bool) error {
	paths := []string{l.hosts(), l.site(), l.site() + ".new"}
	if purge {
		paths = append(paths, l.cache())
	}
	var problems []error
	for _, path := range append(paths, l.lock()) {
		problems = append(problems, os.RemoveAll(path))
	}
	_ = os.Remove(l.cache()) // only if it is empty
	_ = os.Remove(string(l)) // as well
	return errors.Join(problems...)
}
