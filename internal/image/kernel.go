package image

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"quarry/internal/render"
)

// kernelArguments boot an image fast, also where the machine is emulated.
const kernelArguments = "root=/dev/vda rw quiet console=ttyS0 mitigations=off cryptomgr.notests apparmor=0 lsm=landlock,yama audit=0 psi=0 " +
	"net.ifnames=0 nowatchdog random.trust_cpu=on rcupdate.rcu_expedited=1 8250.nr_uarts=1 systemd.show_status=false"

// bootModules are wanted before the disk is there. Those that a kernel has
// built in, or not at all, are left out.
func bootModules() []string {
	return []string{
		"virtio_pci", "virtio_blk", "crc32c_generic", "crc32c-intel", "ext4",
		"virtio_net", "virtio_console", "virtio-rng",
	}
}

// unpackKernel puts the kernel and the initramfs beside the tree, and the
// kernel's modules into it.
func (b *Builder) unpackKernel(ctx context.Context, lock render.Lock, t tree, staged string) error {
	boot := filepath.Join(staged, "boot")
	defer os.RemoveAll(boot)
	for _, p := range part(lock, render.PartBoot) {
		if _, err := run(command(ctx, nil, "dpkg-deb", "-x", filepath.Join(b.poolDir(), poolFile(p)), boot)); err != nil {
			return err
		}
	}
	kernels, err := filepath.Glob(filepath.Join(boot, "boot", "vmlinuz-*"))
	if err != nil || len(kernels) != 1 {
		return fmt.Errorf("want one kernel in the lock, found %d", len(kernels))
	}
	version := strings.TrimPrefix(filepath.Base(kernels[0]), "vmlinuz-")
	if err := copyFile(kernels[0], filepath.Join(staged, KernelFile)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(staged, "kernel-version"), []byte(version), 0o600); err != nil {
		return err
	}
	modules, err := moveModules(boot, t.root, version)
	if err != nil {
		return err
	}
	if err := t.run(ctx, "depmod", version); err != nil {
		return err
	}
	return makeInitrd(ctx, modules, findBusybox(boot), filepath.Join(staged, InitrdFile))
}

func findBusybox(boot string) string {
	for _, path := range []string{"usr/bin/busybox", "bin/busybox"} {
		if _, err := os.Stat(filepath.Join(boot, path)); err == nil {
			return filepath.Join(boot, path)
		}
	}
	return filepath.Join(boot, "usr/bin/busybox")
}

func moveModules(boot, root, version string) (string, error) {
	to := filepath.Join(root, "usr/lib/modules", version)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	for _, lib := range []string{"usr/lib/modules", "lib/modules"} {
		from := filepath.Join(boot, lib, version)
		if _, err := os.Stat(from); err == nil {
			return to, os.Rename(from, to)
		}
	}
	return "", fmt.Errorf("the package of kernel %s has no modules", version)
}

// makeInitrd writes an initramfs of busybox, init.sh and the boot modules.
func makeInitrd(ctx context.Context, modules, busybox, path string) error {
	files, err := loadOrder(modules, bootModules())
	if err != nil {
		return err
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	script, err := baseFiles.ReadFile("init.sh")
	if err != nil {
		return err
	}
	var a archive
	for _, dir := range []string{"bin", "dev", "lib", "proc", "root"} {
		a.dir(dir)
	}
	a.file("bin/busybox", 0o755, program)
	for _, name := range []string{"sh", "mount", "umount", "insmod", "sleep", "cat", "echo", "poweroff", "switch_root", "mknod", "mkdir"} {
		a.link("bin/"+name, "busybox")
	}
	a.file("init", 0o755, script)
	var names []string
	for _, file := range files {
		raw, err := readModule(ctx, busybox, filepath.Join(modules, file))
		if err != nil {
			return err
		}
		name, _, _ := strings.Cut(filepath.Base(file), ".ko")
		names = append(names, name+".ko")
		a.file("lib/"+name+".ko", 0o644, raw)
	}
	a.file("modules", 0o644, []byte(strings.Join(names, "\n")+"\n"))
	packed, err := a.pack()
	if err != nil {
		return err
	}
	return os.WriteFile(path, packed, 0o600)
}

// readModule returns a module's plain content.
func readModule(ctx context.Context, busybox, path string) ([]byte, error) {
	if !strings.HasSuffix(path, ".xz") {
		return os.ReadFile(path)
	}
	return run(command(ctx, nil, busybox, "unxz", "-c", path))
}

// loadOrder returns the files of modules and of what they need, needs first.
func loadOrder(dir string, wanted []string) ([]string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return nil, err
	}
	needs, files := parseDependencies(raw)
	var order []string
	for _, name := range wanted {
		file, ok := files[moduleName(name)]
		if !ok {
			continue
		}
		// modules.dep lists the direct need first and the deepest last.
		for _, need := range slices.Backward(append([]string{file}, needs[file]...)) {
			if !slices.Contains(order, need) {
				order = append(order, need)
			}
		}
	}
	return order, nil
}

// parseDependencies reads modules.dep: "file: need need …". It returns the
// needs by file and the files by module name.
func parseDependencies(raw []byte) (needs map[string][]string, files map[string]string) {
	needs, files = map[string][]string{}, map[string]string{}
	for line := range bytes.Lines(raw) {
		file, rest, ok := strings.Cut(string(line), ":")
		if !ok {
			continue
		}
		needs[file] = strings.Fields(rest)
		files[moduleName(filepath.Base(file))] = file
	}
	return needs, files
}

func moduleName(file string) string {
	name, _, _ := strings.Cut(file, ".ko")
	return strings.ReplaceAll(name, "-", "_")
}
