package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"quarry/internal/fault"
)

// clean takes everything out of a tree that would be the same secret or the
// same identity on every copy, and what only takes room. It refuses a tree
// that holds a secret which a roll put there.
func clean(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, pattern := range []string{
		"etc/ssh/ssh_host_*", "etc/machine-id", "var/lib/dbus/machine-id", "etc/hostname", "etc/resolv.conf", "etc/mailname",
		"etc/*-", "var/lib/systemd/random-seed", "var/lib/systemd/credential.secret", "etc/ssl/private/ssl-cert-snakeoil.key",
		"etc/ssl/certs/ssl-cert-snakeoil.pem", "etc/munge/munge.key", "usr/sbin/policy-rc.d", "root/.bash_history", "root/.ssh", "home/*/.ssh",
		"var/lib/apt/lists/*", "var/cache/apt/*", "var/cache/debconf/*-old", "var/lib/dpkg/*-old", "var/cache/ldconfig/*",
		"var/log/*.log", "var/log/apt/*", "var/log/journal/*", "tmp/*", "tmp/.[!.]*", "var/tmp/*", "run/*", "dev/*",
		"etc/apt/sources.list", "etc/apt/sources.list.d/*", "etc/apt/apt.conf.d/99mmdebstrap",
	} {
		names, err := fs.Glob(root.FS(), pattern)
		if err != nil {
			return fmt.Errorf("clean: %w", err)
		}
		if err := removeAll(root, names...); err != nil {
			return err
		}
	}
	for name, content := range map[string]string{
		// Empty, not missing: systemd would take a missing one for a first
		// boot and set every unit anew.
		"etc/machine-id":  "",
		"etc/resolv.conf": "",
		"etc/hostname":    "localhost\n",
		"etc/hosts":       "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
	} {
		if err := putFile(root, name, []byte(content), 0o644, 0, 0); err != nil {
			return fmt.Errorf("clean: %w", err)
		}
	}
	return checkSecrets(root)
}

var privateKey = []byte("PRIVATE KEY-----")

// checkSecrets returns every secret found where people and programs keep them.
func checkSecrets(root *os.Root) error {
	var faults fault.List
	if err := checkShadow(root, &faults); err != nil {
		return err
	}
	for _, top := range []string{"etc", "root", "home", "srv", "opt", "var/lib", "usr/local"} {
		err := fs.WalkDir(root.FS(), top, func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			return checkFileForSecret(root, name, &faults)
		})
		if err != nil {
			return fmt.Errorf("look for secrets: %w", err)
		}
	}
	return faults.Err(fault.Invalid, "an image may hold no secret: let a boot script make it, or use a secret parameter")
}

func checkFileForSecret(root *os.Root, name string, faults *fault.List) error {
	if base := path.Base(name); base == "authorized_keys" || strings.HasPrefix(name, "etc/ssh/ssh_host_") {
		faults.Add("/"+name, "keys of ssh are in the image")
		return nil
	}
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	start, err := io.ReadAll(io.LimitReader(f, 16<<10)) // keys are short files
	if err != nil {
		return err
	}
	if bytes.Contains(start, privateKey) {
		faults.Add("/"+name, "a private key is in the image")
	}
	return nil
}

// checkShadow finds accounts that a password would open.
func checkShadow(root *os.Root, faults *fault.List) error {
	raw, err := readShort(root, "etc/shadow")
	if err != nil {
		return fmt.Errorf("look for secrets: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		hash, _, _ := strings.Cut(rest, ":")
		if !strings.HasPrefix(hash, "!") && !strings.HasPrefix(hash, "*") {
			faults.Add("/etc/shadow", fmt.Sprintf("account %q has a password, or needs none", name))
		} else if strings.Contains(hash, "$") {
			faults.Add("/etc/shadow", fmt.Sprintf("account %q has a (locked) password", name))
		}
	}
	return nil
}

// readShort reads a file that somebody else may have made.
func readShort(root *os.Root, name string) ([]byte, error) {
	const most = 1 << 20
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("/%s is no plain file of at most %d bytes", name, most)
	}
	return root.ReadFile(name)
}
