package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// furnish gives the host its own view of the file system. It runs first in the
// new mount namespace, before anything else is started.
func furnish(l layout, h host) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	// Read before /run is covered: it is often a link to a file there.
	resolver, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil {
		resolver = ""
	}
	if err := mountRun(l, h); err != nil {
		return err
	}
	// Not only covered: libvirtd reads from the list of mounts that there are
	// control groups, and they are the machine's.
	for _, target := range []string{"/proc", "/sys"} {
		for unix.Unmount(target, unix.MNT_DETACH) == nil { // until none is left
		}
	}
	for _, m := range []struct{ kind, target, data string }{
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"tmpfs", "/dev/shm", "mode=1777"},
	} {
		if err := unix.Mount(m.kind, m.target, m.kind, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if err := writeConfig(h); err != nil {
		return err
	}
	for _, m := range h.Mounts {
		if m.Source == "" {
			if err := protect(m.Target); err != nil {
				return err
			}
			continue
		}
		source := filepath.Join(insideHost, m.Source)
		if m.Cache {
			source = filepath.Join(insideCache, m.Source)
		}
		if err := bind(source, m.Target); err != nil {
			return err
		}
	}
	if err := showLab(l); err != nil {
		return err
	}
	return nameFiles(h, resolver)
}

// showLab shows the lab's folder where the machine has it, if that is below
// something that the host has its own of: people name files there to ssh.
func showLab(l layout) error {
	if exists(l.site()) {
		return nil
	}
	if err := os.MkdirAll(string(l), 0o755); err != nil {
		return err
	}
	if err := unix.Mount(insideLab, string(l), "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("show the lab's folder to the host: %w", err)
	}
	return nil
}

// mountRun covers /run with an empty one that shows the host's folder, its
// program and the cache. It is built inside the host's folder, because those
// may themselves lie where the host is going to see something else.
func mountRun(l layout, h host) error {
	stage := filepath.Join(l.host(h.Name), "run")
	if err := os.MkdirAll(stage, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", stage, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount the host's /run: %w", err)
	}
	for _, dir := range []string{"lock", "openvswitch", "libvirt"} {
		if err := os.MkdirAll(filepath.Join(stage, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(l.cache(), 0o755); err != nil {
		return err
	}
	for source, target := range map[string]string{
		l.host(h.Name):         insideHost,
		filepath.Dir(h.Binary): insideBin,
		l.cache():              insideCache,
		string(l):              insideLab,
	} {
		target = filepath.Join(stage, strings.TrimPrefix(target, "/run"))
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("show %s to the host: %w", source, err)
		}
	}
	if err := unix.Mount(stage, "/run", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("mount the host's /run: %w", err)
	}
	return nil
}

// protect lets the host read the machine's folder and not write to it.
func protect(target string) error {
	if err := unix.Mount(target, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("show the machine's %s: %w", target, err)
	}
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("protect the machine's %s: %w", target, err)
	}
	return nil
}

func bind(source, target string) error {
	if err := os.MkdirAll(source, 0o755); err != nil {
		return err
	}
	if target == "/tmp" {
		if err := os.Chmod(source, 0o777|os.ModeSticky); err != nil {
			return err
		}
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount the host's %s: %w", target, err)
	}
	return nil
}

// nameFiles gives the host its name, the names of the others, and the resolver
// of its own way out (none, if it has none).
func nameFiles(h host, resolver string) error {
	if err := unix.Sethostname([]byte(h.Name)); err != nil {
		return fmt.Errorf("set the host's name: %w", err)
	}
	machine, _ := os.ReadFile("/etc/hosts")
	var hosts strings.Builder
	hosts.Write(machine)
	hosts.WriteString("\n# hosts of the lab\n127.0.1.1 " + h.Name + "\n")
	for _, name := range sortedKeys(h.Peers) {
		hosts.WriteString(h.Peers[name] + " " + name + "\n")
	}
	dns := "# this host of the lab has no resolver\n"
	if h.Internet {
		// slirp4netns answers here by asking the machine's own resolver.
		dns = "nameserver 10.0.2.3\n"
	}
	files := map[string]string{"/etc/hostname": h.Name + "\n", "/etc/hosts": hosts.String()}
	if resolver != "" {
		files[resolver] = dns
	}
	for target, content := range files {
		if err := coverFile(target, content); err != nil {
			return err
		}
	}
	return nil
}

// coverFile shows the content at the target, without touching the machine's
// file. What is below /run is the host's own already.
func coverFile(target, content string) error {
	if strings.HasPrefix(target, "/run/") {
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, []byte(content), 0o644)
	}
	if _, err := os.Stat(target); err != nil {
		return nil
	}
	source := filepath.Join(insideHost, "etc", filepath.Base(target))
	if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(source, []byte(content), 0o644); err != nil {
		return err
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount the host's %s: %w", target, err)
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
