package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
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

// certificates returns the PEM text of a context's CA, which may be a file.
func (c Context) certificates() ([]byte, error) {
	if c.CA == "" || strings.Contains(c.CA, "-----BEGIN") {
		return []byte(c.CA), nil
	}
	raw, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authority of the context: %w", err)
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
