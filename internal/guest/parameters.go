package guest

import (
	"context"
	"errors"
	"os"
	"strings"

	"quarry/internal/vnode"
)

// environment is what scripts and checks know of their vnode, as NAME=value.
// Secrets are not in it: they are files, since an environment leaks easily.
func environment(id *vnode.Identity) []string {
	env := []string{
		"QUARRY_HOSTNAME=" + id.Hostname,
		"QUARRY_APPLIANCE=" + id.Appliance,
		"QUARRY_CLUSTER=" + id.Cluster,
		"QUARRY_DOMAIN=" + id.Domain,
		"QUARRY_NODES=" + nodesFile,
		"QUARRY_NODES_TABLE=" + nodesTable,
	}
	for _, key := range sortedKeys(id.Parameters) {
		env = append(env, variable("PARAM", key)+"="+strings.ReplaceAll(id.Parameters[key], "\x00", ""))
	}
	for _, key := range sortedKeys(id.Attributes) {
		env = append(env, variable("ATTR", key)+"="+strings.ReplaceAll(id.Attributes[key], "\x00", ""))
	}
	return env
}

// variable makes a shell variable's name of "roll.key".
func variable(kind, key string) string {
	return "QUARRY_" + kind + "_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
}

// applyParameters writes the environment so that a shell and systemd's
// EnvironmentFile both read it.
func (g *guest) applyParameters(_ context.Context, id *vnode.Identity) error {
	var b strings.Builder
	for _, pair := range environment(id) {
		name, value, _ := strings.Cut(pair, "=")
		b.WriteString(name + "='" + strings.ReplaceAll(value, "'", `'\''`) + "'\n")
	}
	return g.tree.write(file{path: etcDir + "/parameters.env", mode: 0o644, content: []byte(b.String())})
}

// applySecrets writes each secret to a file that root alone reads, and removes
// those the vnode has no more.
func (g *guest) applySecrets(_ context.Context, id *vnode.Identity) error {
	dir := etcDir + "/secrets"
	if err := g.tree.mkdir(dir, 0o700); err != nil {
		return err
	}
	var errs []error
	for _, key := range sortedKeys(id.Secrets) {
		errs = append(errs, g.tree.write(file{path: dir + "/" + key, mode: 0o600, content: []byte(id.Secrets[key])}))
	}
	entries, err := os.ReadDir(g.tree.at(dir))
	errs = append(errs, err)
	for _, e := range entries {
		if _, ok := id.Secrets[e.Name()]; !ok {
			errs = append(errs, g.tree.remove(dir+"/"+e.Name()))
		}
	}
	return errors.Join(errs...)
}
