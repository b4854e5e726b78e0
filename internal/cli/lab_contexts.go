package cli

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"

	"quarry/internal/fault"
	"quarry/internal/lab"
	"quarry/internal/manager"
)

// The contexts that lab up writes.
const (
	demoContext     = "demo"
	providerContext = "provider"
	demoTenant      = "demo"
)

// writeContexts makes the tenant demo with a token and an ssh key, and puts it
// and the provider into the user's configuration. Idempotent: what works stays.
func (a *app) writeContexts(ctx context.Context, dir, binary string, c lab.Credentials) error {
	path := ConfigPath(a.env)
	config, err := LoadConfig(path)
	if err != nil {
		return err
	}
	provider := Context{Name: providerContext, Server: c.Server, Token: c.Token, CA: c.CACertificate}
	token, err := demoToken(ctx, config, provider)
	if err != nil {
		return err
	}
	key, err := labKey(dir)
	if err != nil {
		return err
	}
	via := []string{binary, "lab", "exec", "--dir", dir, "outside", "--"}
	demo := Context{Name: demoContext, Server: c.Server, Token: token, CA: c.CACertificate, SSHKey: key, SSHVia: via}
	provider.SSHKey, provider.SSHVia = key, via
	config.Put(demo)
	config.Put(provider)
	config.Current = demoContext
	if err := config.Save(path); err != nil {
		return err
	}
	return a.forSudoUser(func(path string) error {
		demo.SSHVia = append([]string{"sudo"}, via...)
		provider.SSHVia = demo.SSHVia
		config, err := LoadConfig(path)
		if err != nil {
			return err
		}
		config.Put(demo)
		config.Put(provider)
		config.Current = demoContext
		return config.Save(path)
	})
}

// demoToken returns the token in the configuration while the manager takes it,
// or else a new one.
func demoToken(ctx context.Context, config Config, provider Context) (string, error) {
	if old, err := config.find(demoContext); err == nil && old.Token != "" {
		old.Server, old.CA = provider.Server, provider.CA
		if client, err := connect(old); err == nil {
			if _, err := client.Clusters(ctx, false); err == nil {
				return old.Token, nil
			}
		}
	}
	client, err := connect(provider)
	if err != nil {
		return "", err
	}
	if _, err := client.CreateTenant(ctx, demoTenant); err != nil && fault.KindOf(err) != fault.Conflict {
		return "", fmt.Errorf("make the tenant %s: %w", demoTenant, err)
	}
	token, err := client.CreateToken(ctx, demoTenant, 0)
	if err != nil {
		return "", fmt.Errorf("make a token for %s: %w", demoTenant, err)
	}
	return token.Secret, nil
}

// labKey returns the private key file of the lab's user and makes it if need
// be. It lies in the lab's folder, which every host of the lab sees.
func labKey(dir string) (string, error) {
	file := filepath.Join(dir, "ssh", "id_ed25519")
	if _, err := os.Stat(publicKey(file)); err == nil {
		return file, nil
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return "", fmt.Errorf("make an ssh key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "quarry lab")
	if err != nil {
		return "", fmt.Errorf("make an ssh key: %w", err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("make an ssh key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", fmt.Errorf("write the ssh key: %w", err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		return "", fmt.Errorf("write the ssh key: %w", err)
	}
	// The public half last: it says that both are there.
	if err := os.WriteFile(publicKey(file), ssh.MarshalAuthorizedKey(line), 0o644); err != nil {
		return "", fmt.Errorf("write the ssh key: %w", err)
	}
	return file, nil
}

// measurePatience bounds the wait for what pnodes find out about themselves;
// trying an accelerator that hangs takes them a while.
const measurePatience = 5 * time.Minute

// awaitPnodes returns once every pnode of the lab can take vnodes: before that
// nothing can be booked.
func (a *app) awaitPnodes(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, measurePatience,
		&timeoutError{"the pnodes were not ready within " + short(measurePatience) + ": see quarry node list --context provider"})
	defer cancel()
	config, err := LoadConfig(ConfigPath(a.env))
	if err != nil {
		return err
	}
	provider, err := config.find(providerContext)
	if err != nil {
		return err
	}
	client, err := connect(provider)
	if err != nil {
		return err
	}
	for {
		pnodes, err := client.Pnodes(ctx)
		if err != nil && !passing(err) {
			return err
		}
		if err == nil && !slices.ContainsFunc(pnodes, unmeasured) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

func unmeasured(n manager.PnodeInfo) bool { return n.State == "new" || n.Facts.CPUs == 0 }

// removeContexts forgets what writeContexts wrote.
func (a *app) removeContexts(dir string) error {
	forget := func(path string) error {
		config, err := LoadConfig(path)
		if err != nil {
			return err
		}
		before := len(config.Contexts)
		config.Contexts = slices.DeleteFunc(config.Contexts, func(c Context) bool {
			return c.SSHKey == filepath.Join(dir, "ssh", "id_ed25519")
		})
		if len(config.Contexts) == before {
			return nil
		}
		if len(config.Contexts) == 0 {
			return removeConfig(path)
		}
		if _, err := config.find(""); err != nil {
			config.Current = ""
		}
		return config.Save(path)
	}
	if err := errors.Join(forget(ConfigPath(a.env)), a.forSudoUser(forget)); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(dir, "ssh")); err != nil {
		return fmt.Errorf("remove the lab's ssh key: %w", err)
	}
	return nil
}

// removeConfig removes the file, and the folder made for it if it is empty.
func removeConfig(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the configuration: %w", err)
	}
	if filepath.Base(filepath.Dir(path)) == "quarry" {
		_ = os.Remove(filepath.Dir(path)) // only if it is empty
	}
	return nil
}

// forSudoUser does the same to the configuration of the user who called sudo,
// if one did, and leaves the file theirs.
func (a *app) forSudoUser(do func(path string) error) error {
	id := a.getenv("SUDO_UID")
	if id == "" || id == "0" || a.getenv("QUARRY_CONFIG") != "" || os.Geteuid() != 0 {
		return nil
	}
	u, err := user.LookupId(id)
	if err != nil {
		return nil //nolint:nilerr // a user that nobody knows has no home to write to
	}
	uid, errUID := strconv.Atoi(u.Uid)
	gid, errGID := strconv.Atoi(u.Gid)
	path := ConfigPath([]string{"HOME=" + u.HomeDir})
	if err := errors.Join(errUID, errGID, do(path)); err != nil {
		return err
	}
	for _, p := range []string{path, filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
		if err := os.Lchown(p, uid, gid); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("give the configuration to %s: %w", u.Username, err)
		}
	}
	return nil
}
