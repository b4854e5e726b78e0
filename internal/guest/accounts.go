package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"quarry/internal/vnode"
)

// applyHostKeys writes the machine's own ssh keys and the public half of each.
func (g *guest) applyHostKeys(_ context.Context, id *vnode.Identity) error {
	for _, kind := range sortedKeys(id.HostKeys) {
		private := []byte(id.HostKeys[kind])
		signer, err := ssh.ParsePrivateKey(private)
		if err != nil {
			return fmt.Errorf("host key %q is no private key", kind) // err might quote it
		}
		path := "/etc/ssh/ssh_host_" + kind + "_key"
		err = errors.Join(
			g.tree.write(file{path: path, mode: 0o600, content: private}),
			g.tree.write(file{path: path + ".pub", mode: 0o644, content: ssh.MarshalAuthorizedKey(signer.PublicKey())}),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *guest) applyUsers(ctx context.Context, id *vnode.Identity) error {
	var errs []error
	for _, u := range id.Users {
		if err := g.applyUser(ctx, u); err != nil {
			errs = append(errs, fmt.Errorf("user %q: %w", u.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (g *guest) applyUser(ctx context.Context, u vnode.User) error {
	a, ok := g.tree.account(u.Name)
	if !ok {
		// "*" is no password, yet unlike "!" it does not lock the account.
		add := []string{"useradd", "--create-home", "--user-group", "--shell", "/bin/bash", "--password", "*", u.Name}
		if err := g.sys.Run(ctx, Command{Args: add, Timeout: time.Minute}); err != nil {
			return err
		}
		if a, ok = g.tree.account(u.Name); !ok {
			return errors.New("useradd made no account")
		}
	}
	if err := g.authorizeKeys(u, a); err != nil {
		return err
	}
	return g.applySudo(ctx, u)
}

// authorizeKeys writes the keys that open an account. It stays below the home
// whatever links the user has put there: it runs as root, again and again.
func (g *guest) authorizeKeys(u vnode.User, a account) error {
	if !pathOK(a.home) {
		return fmt.Errorf("home %q is no absolute path", a.home)
	}
	if err := g.ownFolder(a.home, a); err != nil {
		return err
	}
	home, err := os.OpenRoot(g.tree.at(a.home))
	if err != nil {
		return err
	}
	defer home.Close()
	if err := home.Mkdir(".ssh", 0o700); err == nil {
		err = g.sys.Chown(g.tree.at(a.home+"/.ssh"), a.uid, a.gid)
		if err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	const name, tmp = ".ssh/authorized_keys", ".ssh/.quarry.tmp"
	keys := authorizedKeys(u)
	if old, err := home.ReadFile(name); err == nil && bytes.Equal(old, keys) {
		return nil
	}
	if err := home.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := home.WriteFile(tmp, keys, 0o600); err != nil {
		return err
	}
	if err := g.sys.Chown(g.tree.at(a.home+"/"+tmp), a.uid, a.gid); err != nil {
		return err
	}
	return home.Rename(tmp, name)
}

func authorizedKeys(u vnode.User) []byte {
	var b bytes.Buffer
	for _, key := range u.SSHKeys {
		b.WriteString(strings.TrimSpace(key) + "\n")
	}
	return b.Bytes()
}

// ownFolder makes a home that is missing.
func (g *guest) ownFolder(path string, a account) error {
	if g.tree.exists(path) {
		return nil
	}
	if err := g.tree.mkdir(path, 0o700); err != nil {
		return err
	}
	return g.sys.Chown(g.tree.at(path), a.uid, a.gid)
}

// applySudo gives or takes the right to become root. A broken file there would
// take it from everybody, so visudo reads it first.
func (g *guest) applySudo(ctx context.Context, u vnode.User) error {
	path := "/etc/sudoers.d/quarry-" + u.Name
	if !u.Sudo {
		return g.tree.remove(path)
	}
	f := file{path: path, mode: 0o440, content: []byte(u.Name + " ALL=(ALL:ALL) NOPASSWD: ALL\n")}
	if g.tree.same(g.tree.at(path), f) {
		return nil
	}
	if g.sys.Has("visudo") {
		trial := f
		trial.path = stateDir + "/sudoers"
		if err := g.tree.write(trial); err != nil {
			return err
		}
		defer g.tree.remove(trial.path)
		check := Command{Args: []string{"visudo", "-cqf", g.tree.at(trial.path)}, Timeout: time.Minute}
		if err := g.sys.Run(ctx, check); err != nil {
			return err
		}
	}
	return g.tree.write(f)
}
