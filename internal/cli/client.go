package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"quarry/internal/api"
	"quarry/internal/fault"
)

// current is who and where the user is: flags over environment over context.
func (a *app) current() (Context, error) {
	config, err := LoadConfig(ConfigPath(a.env))
	if err != nil {
		return Context{}, err
	}
	c, err := config.find(a.context)
	if err != nil {
		return Context{}, err
	}
	for _, over := range []string{a.getenv("QUARRY_SERVER"), a.server} {
		if over != "" {
			c.Server = over
		}
	}
	for _, over := range []string{a.getenv("QUARRY_TOKEN"), a.token} {
		if over != "" {
			c.Token = over
		}
	}
	if ca := a.getenv("QUARRY_CA"); ca != "" {
		c.CA = ca
	}
	return c, nil
}

// client is the manager as the user sees it.
func (a *app) client() (*api.Client, error) {
	where, err := a.current()
	if err != nil {
		return nil, err
	}
	return connect(where)
}

func connect(where Context) (*api.Client, error) {
	if where.Server == "" {
		return nil, usage("which manager? Give --server URL, or set QUARRY_SERVER, or have a context in the configuration (\"quarry lab up\" writes one)")
	}
	ca, err := where.certificates()
	if err != nil {
		return nil, err
	}
	client, err := api.New(where.Server, where.Token, ca)
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return nil, &usageError{title: e.Title, details: e.Details}
	}
	return client, err
}

// certificates returns the PEM text of a context's CA, which may be a file.
func (c Context) certificates() ([]byte, error) {
	if c.CA == "" || strings.Contains(c.CA, "-----BEGIN") {
		return []byte(c.CA), nil
	}
	raw, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authority of the site: %w", err)
	}
	return raw, nil
}

func (a *app) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	config, err := LoadConfig(ConfigPath(a.env))
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, c := range config.Contexts {
		names = append(names, c.Name+"\t"+c.Server)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
