package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Config is the user's configuration file. It holds tokens, so it is written
// for its owner alone.
type Config struct {
	// Current names the context that is used when none is asked for.
	Current  string    `yaml:"current"`
	Contexts []Context `yaml:"contexts"`
}

// Context is one way to be someone at a site.
type Context struct {
	Name   string `yaml:"name"`
	Server string `yaml:"server"` // "https://198.18.0.2:7443"
	Token  string `yaml:"token,omitempty"`
	// CA is the certificate authority of the server: PEM text or a file.
	CA string `yaml:"ca,omitempty"`
	// SSHKey is the private key file for clusters' accounts; its public half
	// lies beside it with ".pub".
	SSHKey string `yaml:"sshKey,omitempty"`
	// SSHVia is put in front of ssh where the outside network is reached from
	// another place than this machine ("quarry", "lab", "exec", "outside", "--").
	SSHVia []string `yaml:"sshVia,omitempty,flow"`
}

// ConfigPath is $QUARRY_CONFIG, or config.yaml in the user's configuration folder.
func ConfigPath(env []string) string {
	if path := lookup(env, "QUARRY_CONFIG"); path != "" {
		return path
	}
	if dir := lookup(env, "XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "quarry", "config.yaml")
	}
	return filepath.Join(lookup(env, "HOME"), ".config", "quarry", "config.yaml")
}

// LoadConfig reads the configuration. A file that does not exist is an empty one.
func LoadConfig(path string) (Config, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, nil
	}
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	return parseConfig(raw, path)
}

func parseConfig(raw []byte, path string) (Config, error) {
	if len(strings.TrimSpace(string(raw))) == 0 {
		return Config{}, nil
	}
	var c Config
	if err := yaml.Load(raw, &c, yaml.WithKnownFields(), yaml.WithUniqueKeys()); err != nil {
		return Config{}, yamlUsage(path, err)
	}
	return c, nil
}

// Save writes the configuration, readable by its owner alone. A reader sees
// the old file or the new one.
func (c Config) Save(path string) error {
	raw, err := yaml.Dump(c)
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	next, err := os.CreateTemp(filepath.Dir(path), ".config-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	_, err = next.Write(raw)
	if err = errors.Join(err, next.Close()); err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the configuration: %w", err), os.Remove(next.Name()))
	}
	return nil
}

// Put adds a context, or replaces the one of the same name.
func (c *Config) Put(context Context) {
	for i := range c.Contexts {
		if c.Contexts[i].Name == context.Name {
			c.Contexts[i] = context
			return
		}
	}
	c.Contexts = append(c.Contexts, context)
}

// Remove forgets the contexts of these names, and what is current with them.
func (c *Config) Remove(names ...string) {
	var kept []Context
	for _, context := range c.Contexts {
		if !slices.Contains(names, context.Name) {
			kept = append(kept, context)
		}
	}
	c.Contexts = kept
	if slices.Contains(names, c.Current) {
		c.Current = ""
	}
}

// find returns the context of that name, or the current one for "".
func (c Config) find(name string) (Context, error) {
	if name == "" {
		name = c.Current
	}
	if name == "" {
		return Context{}, nil
	}
	var known []string
	for _, context := range c.Contexts {
		if context.Name == name {
			return context, nil
		}
		known = append(known, context.Name)
	}
	return Context{}, usage("there is no context %q in the configuration: it has %s", name, orNone(known))
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// lookup finds NAME in an environment of NAME=value entries; the last wins.
func lookup(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if value, found := strings.CutPrefix(env[i], name+"="); found {
			return value
		}
	}
	return ""
}
