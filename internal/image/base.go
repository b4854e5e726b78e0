package image

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"quarry/internal/render"
)

//go:embed all:tree init.sh
var baseFiles embed.FS

// basesKept is how many base roots stay in the cache.
const basesKept = 3

// base is a plain machine in the cache, shared by profiles: never written to.
type base struct {
	dir           string
	kernelVersion string
}

func (b base) root() string { return filepath.Join(b.dir, "root") }

// base returns the base root of a lock, making it if needed.
func (b *Builder) base(ctx context.Context, lock render.Lock, progress Progress) (base, error) {
	key, err := baseKey(lock)
	if err != nil {
		return base{}, err
	}
	dir := filepath.Join(b.cfg.CacheDir, "base", key)
	err = b.bases.do(ctx, key, progress, func(ctx context.Context, progress Progress) error {
		if _, err := os.Stat(dir); err == nil {
			return nil
		}
		return b.makeBase(ctx, lock, dir, progress)
	})
	if err != nil {
		return base{}, fmt.Errorf("base root: %w", err)
	}
	now := b.now()
	if err := os.Chtimes(dir, now, now); err != nil {
		return base{}, fmt.Errorf("base root: %w", err)
	}
	version, err := os.ReadFile(filepath.Join(dir, "kernel-version"))
	if err != nil {
		return base{}, fmt.Errorf("base root: %w", err)
	}
	return base{dir: dir, kernelVersion: string(version)}, nil
}

// baseKey names a base root by all that goes into it.
func baseKey(lock render.Lock) (string, error) {
	h := sha256.New()
	shared := []any{lock.Recipe.Suite, lock.Recipe.Architecture, part(lock, render.PartBase), part(lock, render.PartBoot), basePackages(), maskedUnits(), maskedGenerators(), bootModules(), lock.Recipe.Version, lock.Epoch}
	if err := json.NewEncoder(h).Encode(shared); err != nil {
		return "", fmt.Errorf("base root: %w", err)
	}
	err := fs.WalkDir(baseFiles, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := baseFiles.ReadFile(path)
		fmt.Fprintf(h, "%s %d %s\n", path, len(raw), raw)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:16]), err
}

func part(lock render.Lock, name string) []render.LockedPackage {
	var list []render.LockedPackage
	for _, p := range lock.Packages {
		if p.Part == name {
			list = append(list, p)
		}
	}
	return list
}

func (b *Builder) makeBase(ctx context.Context, lock render.Lock, dir string, progress Progress) error {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	staged, err := os.MkdirTemp(parent, stagePrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(staged)
	progress("base", 0)
	t := tree{root: filepath.Join(staged, "root"), pool: b.poolDir(), epoch: lock.Epoch}
	if err := b.bootstrap(ctx, lock, staged, t.root); err != nil {
		return err
	}
	progress("base", 70)
	if err := b.unpackKernel(ctx, lock, t, staged); err != nil {
		return err
	}
	progress("base", 85)
	if err := dressBase(ctx, t); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(staged, "repo")); err != nil {
		return err
	}
	if err := syncFilesystem(staged); err != nil {
		return err
	}
	if err := os.Rename(staged, dir); err != nil {
		return err
	}
	progress("base", 100)
	return b.pruneBases(parent)
}

// bootstrap makes the root tree of the base packages, without a network.
func (b *Builder) bootstrap(ctx context.Context, lock render.Lock, staged, root string) error {
	packages := part(lock, render.PartBase)
	repo := filepath.Join(staged, "repo")
	if err := b.writeRepository(ctx, repo, packages); err != nil {
		return err
	}
	names := make([]string, len(packages))
	for i, p := range packages {
		names[i] = p.Name
	}
	const mounted = `umask 022; ip link set lo up; mount --bind "$1" "$2"; shift 2; exec "$@"`
	args := []string{
		"--mount", "--propagation", "private", "--pid", "--net", "--mount-proc", "--fork", "--kill-child=SIGKILL",
		"sh", "-c", mounted, "bootstrap", b.poolDir(), filepath.Join(repo, "pool"),
		"mmdebstrap", "--quiet", "--mode=root", "--variant=apt", "--format=directory",
		"--architectures=" + lock.Recipe.Architecture, "--include=" + strings.Join(names, ","),
		`--aptopt=Acquire::Languages "none"`, `--aptopt=APT::Install-Recommends "false"`,
	}
	conf, err := baseFiles.ReadFile("tree/etc/dpkg/dpkg.cfg.d/quarry")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(conf)) {
		args = append(args, "--dpkgopt="+strings.TrimSpace(line))
	}
	args = append(args, lock.Recipe.Suite, root, "deb [trusted=yes] copy:"+repo+" index/")
	_, err = run(command(ctx, sameTime(lock.Epoch), "unshare", args...))
	return err
}

// maskedUnits are of no use in a vnode and cost time at its boot.
func maskedUnits() []string {
	return []string{
		"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
		"fstrim.timer", "systemd-tmpfiles-clean.timer", "getty@tty1.service", "getty-static.service",
		"systemd-firstboot.service", "systemd-hwdb-update.service", "systemd-journal-catalog-update.service",
		"systemd-update-done.service", "ldconfig.service", "systemd-sysusers.service", "systemd-machine-id-commit.service",
		"systemd-pcrmachine.service", "systemd-pcrphase.service", "systemd-pcrphase-sysinit.service", "systemd-pstore.service",
		"systemd-boot-random-seed.service", "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount",
		"systemd-ask-password-console.path", "systemd-ask-password-wall.path", "systemd-battery-check.service",
		"dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
		"sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "modprobe@configfs.service", "modprobe@drm.service",
		"modprobe@efi_pstore.service", "modprobe@fuse.service", "kmod-static-nodes.service", "systemd-fsck-root.service",
		"systemd-journal-flush.service", "systemd-tpm2-setup.service", "systemd-tpm2-setup-early.service",
		"systemd-network-generator.service", "systemd-hibernate-clear.service", "sshd-keygen.service",
		"systemd-random-seed.service", "systemd-remount-fs.service", "systemd-udev-load-credentials.service",
		"systemd-networkd.service", "systemd-networkd.socket", "systemd-networkd-wait-online.service",
		"systemd-networkd-persistent-storage.service", "systemd-tmpfiles-setup-dev.service",
		"systemd-tmpfiles-setup-dev-early.service", "systemd-user-sessions.service", "tmp.mount",
		"systemd-sysext.socket", "systemd-creds.socket", "systemd-initctl.socket", "systemd-hostnamed.socket",
		"run-lock.mount", "systemd-journald-audit.socket", "systemd-networkd-varlink.socket", "systemd-udevd-varlink.socket",
	}
}

// maskedGenerators would each run at every boot to find nothing.
func maskedGenerators() []string {
	return []string{
		"systemd-bless-boot-generator", "systemd-cryptsetup-generator", "systemd-debug-generator", "systemd-gpt-auto-generator",
		"systemd-hibernate-resume-generator", "systemd-integritysetup-generator", "systemd-rc-local-generator",
		"systemd-run-generator", "systemd-ssh-generator", "systemd-system-update-generator", "systemd-sysv-generator",
		"systemd-tpm2-generator", "systemd-veritysetup-generator", "systemd-factory-reset-generator",
	}
}

func (b *Builder) pruneBases(parent string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	var dirs []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && hexKey(e.Name()) {
			dirs = append(dirs, info)
		}
	}
	for _, old := range oldest(dirs, basesKept) {
		doomed := filepath.Join(parent, stagePrefix+old)
		if err := os.Rename(filepath.Join(parent, old), doomed); err != nil {
			return err
		}
		if err := os.RemoveAll(doomed); err != nil {
			return err
		}
	}
	return nil
}
