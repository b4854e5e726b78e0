package cli

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quarry/internal/cluster"
	"quarry/internal/fault"
)

func newClusterSSH(a *app) *cobra.Command {
	var node string
	cmd := &cobra.Command{
		Use:   "ssh NAME [-- COMMAND...]",
		Short: "Log in on a cluster, or run a command there",
		Long: withExit(`Log in as admin on the gateway of an active cluster, at its outside address, or
with --node on another node by way of the gateway. It runs your ssh, with the
host keys that the manager knows and no others. What follows -- is run there.

Where the outside network is not reached from this machine, the context's sshVia
says how to get there; the lab's context does.`,
			exitsRefused+" (or the cluster is not active)", exitsNotFound,
			"n  otherwise the exit status of ssh, which is that of the command"),
		Example:           "quarry cluster ssh farm\nquarry cluster ssh farm -- condor_status\nquarry cluster ssh farm --node compute-0 -- uptime",
		Args:              nameAndCommand("NAME"),
		ValidArgsFunction: a.completeClusters,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ssh(cmd.Context(), args[0], node, args[1:])
		},
	}
	cmd.Flags().StringVar(&node, "node", "", "log in on this node, by way of the gateway")
	must(cmd.RegisterFlagCompletionFunc("node", a.completeNodes))
	return cmd
}

// nameAndCommand wants one argument, and after "--" whatever there is.
func nameAndCommand(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, got []string) error {
		before := got
		if dash := cmd.ArgsLenAtDash(); dash >= 0 {
			before = got[:dash]
		}
		return args(name)(cmd, before)
	}
}

func (a *app) ssh(ctx context.Context, name, node string, command []string) error {
	where, err := a.current()
	if err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	c, err := client.Cluster(ctx, name)
	if err != nil {
		return err
	}
	argv, err := sshCommand(c, where, node, command)
	if err != nil {
		return err
	}
	return a.runProgram(ctx, argv)
}

// runProgram runs argv in place of this command and passes its exit status on.
func (a *app) runProgram(ctx context.Context, argv []string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = a.in, a.out, a.err, a.env
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exitStatus(max(exitFailed, exit.ExitCode()))
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", argv[0], err)
	}
	return nil
}

// sshCommand is the command line that logs in on a node of c. Pure.
func sshCommand(c cluster.Cluster, where Context, node string, command []string) ([]string, error) {
	if c.State != cluster.Active || c.Gateway.OutsideAddress == "" {
		return nil, fault.New(fault.Refused, "nobody can log in yet or any more", fault.Detail{
			Message: fmt.Sprintf("%s is %s, and open while it is active: from %s to %s", c.Name, c.State, stamp(c.Start), stamp(c.End)),
		})
	}
	gateway := slices.Concat([]string{"ssh"}, sshOptions(where, c.Name+".gateway", c.Gateway.HostKeys))
	target := "admin@" + c.Gateway.OutsideAddress
	if node == "" || node == cluster.Gateway {
		return slices.Concat(where.SSHVia, gateway, []string{target}, remoteCommand(command)), nil
	}
	i := slices.IndexFunc(c.Nodes, func(n cluster.Node) bool { return n.Name == node })
	if i < 0 {
		var names []string
		for _, n := range c.Nodes {
			names = append(names, n.Name)
		}
		return nil, fault.New(fault.NotFound, "no such node", fault.Detail{
			Field: "--node", Message: fmt.Sprintf("%s has no node %q: it has %s", c.Name, node, orNone(names)),
		})
	}
	n := c.Nodes[i]
	proxy := slices.Concat(gateway, []string{"-W", "%h:%p", target})
	argv := slices.Concat([]string{"ssh"}, sshOptions(where, c.Name+"."+n.Name, n.HostKeys),
		[]string{"-o", "ProxyCommand=" + proxyCommand(proxy), "admin@" + privateAddress(n)})
	return slices.Concat(where.SSHVia, argv, remoteCommand(command)), nil
}

// sshOptions make ssh accept the known host keys only. The keys come from a
// command rather than a file: a file would have to be cleaned up, and to be
// visible wherever sshVia leads.
func sshOptions(where Context, alias string, keys []string) []string {
	options := []string{"-o", "UserKnownHostsFile=/dev/null", "-o", "GlobalKnownHostsFile=/dev/null", "-o", "HostKeyAlias=" + alias, "-o", "LogLevel=ERROR"}
	if len(keys) > 0 {
		options = append(options, "-o", "StrictHostKeyChecking=yes", "-o", "KnownHostsCommand="+knownHosts(alias, keys))
	} else {
		// Only while a manager tells no host keys: the path leads through the
		// gateway, whose key was checked.
		options = append(options, "-o", "StrictHostKeyChecking=accept-new")
	}
	if where.SSHKey != "" {
		options = append(options, "-o", "IdentitiesOnly=yes", "-i", privateKey(where.SSHKey))
	}
	return options
}

// knownHosts is a command that prints known_hosts lines. What is not part of
// a key line is left out, as it comes from the server and ends up in a command.
func knownHosts(alias string, keys []string) string {
	var lines strings.Builder
	for _, key := range keys {
		fields := strings.Fields(strings.Map(keyRune, key))
		lines.WriteString(alias + " " + strings.Join(fields[:min(2, len(fields))], " ") + `\n`)
	}
	return `/usr/bin/printf "` + lines.String() + `"`
}

func keyRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+/=-@. ", r) {
		return r
	}
	return -1
}

// remoteCommand is a command as ssh wants it: ssh joins its arguments with spaces and
// hands them to a shell, so they are quoted to arrive as they were given. One
// argument alone is a line for the shell.
func remoteCommand(command []string) []string {
	if len(command) < 2 {
		return command
	}
	quoted := make([]string, len(command))
	for i, word := range command {
		quoted[i] = quote(word)
	}
	return []string{strings.Join(quoted, " ")}
}

// proxyCommand joins argv for the shell that runs a ProxyCommand. ssh expands
// %-sequences in it first, of which only those of -W are meant, and puts an
// exec in front.
func proxyCommand(argv []string) string {
	words := make([]string, len(argv))
	for i, word := range argv {
		words[i] = quote(word)
		if word != "%h:%p" {
			words[i] = strings.ReplaceAll(words[i], "%", "%%")
		}
	}
	return strings.Join(words, " ")
}

// quote makes one word for a POSIX shell.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func privateAddress(n cluster.Node) string {
	for _, leg := range n.Addresses {
		if leg.Network == cluster.PrivateNetwork {
			address, _, _ := strings.Cut(leg.Address, "/")
			return address
		}
	}
	return n.Name
}

func (a *app) completeNodes(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.completeOf(cmd, given, func(c cluster.Cluster) (names []string) {
		for _, n := range c.Nodes {
			names = append(names, n.Name+"\t"+n.Appliance)
		}
		return names
	})
}

// completeOf completes what the cluster that was named has.
func (a *app) completeOf(cmd *cobra.Command, given []string, has func(cluster.Cluster) []string) ([]string, cobra.ShellCompDirective) {
	client, err := a.client()
	if err != nil || len(given) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := client.Cluster(cmd.Context(), given[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return has(c), cobra.ShellCompDirectiveNoFileComp
}
