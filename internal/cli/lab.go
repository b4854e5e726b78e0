package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"quarry/internal/lab"
)

func newLab(a *app) *cobra.Command {
	var dir string
	cmd := group(&cobra.Command{
		Use:   "lab",
		Short: "A whole site on this machine",
		Long: `A lab is a whole site on this Linux machine: the hosts manager, p1 to pN, gw1
and outside, each in namespaces of its own, and guests that are real virtual
machines. It is the place to try Quarry and to test it. It needs root.`,
	},
		newLabUp(a, &dir), newLabDown(a, &dir), newLabStatus(a, &dir), newLabExec(a, &dir),
		newLabPower(&dir, "kill", "Pull the plug of a host: all that runs there ends, its disk stays", lab.KillHost),
		newLabPower(&dir, "start", "Switch a host on again, with the disk it had", lab.StartHost),
		newLabSlow(&dir),
		newLabHost(&dir),
	)
	cmd.PersistentFlags().StringVar(&dir, "dir", lab.DefaultDir, "folder of the lab")
	return cmd
}

func newLabUp(a *app, dir *string) *cobra.Command {
	var pnodes, gateways int
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring a lab up",
		Long: withExit(`Bring a lab up: repeat it as often as you like, also after a crash. It writes
the contexts demo (a tenant, current from then on) and provider into your
configuration file, so that plain "quarry ..." works at once.`, exitsRefused),
		Example: "sudo quarry lab up\nsudo quarry lab up --pnodes 4 --gateways 2",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.labUp(cmd.Context(), *dir, pnodes, gateways)
		},
	}
	cmd.Flags().IntVar(&pnodes, "pnodes", 3, "number of pnodes")
	cmd.Flags().IntVar(&gateways, "gateways", 1, "number of pnodes with an uplink")
	return cmd
}

func (a *app) labUp(ctx context.Context, dir string, pnodes, gateways int) error {
	binary, err := program()
	if err != nil {
		return err
	}
	steps := newSteps(a)
	err = lab.Up(ctx, lab.Options{
		Dir: dir, Pnodes: pnodes, Gateways: gateways, Binary: binary, Progress: steps.show,
		Bootstrap: func(ctx context.Context, c lab.Credentials) error {
			return a.writeContexts(ctx, dir, binary, c)
		},
	})
	if err == nil {
		steps.show("wait for the pnodes to measure themselves", 1, 1)
		err = a.awaitPnodes(ctx)
	}
	steps.end()
	if err != nil {
		return err
	}
	status, err := lab.Status(ctx, dir)
	if err != nil {
		return err
	}
	return a.print(status, func(w io.Writer) {
		fmt.Fprintf(w, "The lab is up; its manager is %s\n", status.Server)
		fmt.Fprintf(w, "Contexts demo (current) and provider are in %s\n", ConfigPath(a.env))
	})
}

// program is the absolute path of this program.
func program() (string, error) {
	path, err := os.Executable()
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return path, nil
}

func newLabDown(a *app, dir *string) *cobra.Command {
	var purge bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Take the lab away",
		Long: withExit(`Take the lab away, whatever state it is in: no process, namespace, mount,
interface or file of it is left, but the cache of packages and images, which
makes the next lab quick. --purge removes that too.`),
		Example: "sudo quarry lab down",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			// First what lab.Down does not know of: it removes its folder only
			// when it is empty.
			if err := a.removeContexts(*dir); err != nil {
				return err
			}
			if err := lab.Down(cmd.Context(), *dir, purge); err != nil {
				return err
			}
			return a.print(map[string]any{"dir": *dir, "up": false}, func(w io.Writer) { fmt.Fprintln(w, "The lab is gone") })
		},
	}
	cmd.Flags().BoolVar(&purge, "purge", false, "remove the cache of packages and images too")
	return cmd
}

func newLabStatus(a *app, dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the lab's hosts and what runs on them",
		Long: withExit(`Show the lab's hosts and the services on them. It is no failure that no lab is
up: scripts look at "up" in the JSON.`),
		Example: "sudo quarry lab status -o json",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := lab.Status(cmd.Context(), *dir)
			if err != nil {
				return err
			}
			return a.print(status, func(w io.Writer) { showLab(w, status) })
		},
	}
}

func showLab(w io.Writer, s lab.SiteStatus) {
	if len(s.Hosts) == 0 {
		fmt.Fprintln(w, "No lab is up in "+s.Dir)
		return
	}
	var rows [][]string
	for _, h := range s.Hosts {
		state, address := "down", "-"
		if h.Running {
			state = "up"
		}
		if len(h.Addresses) > 0 {
			address = h.Addresses[0].Address
		}
		if len(h.Services) == 0 {
			rows = append(rows, []string{h.Name, h.Role, state, address, "-", "-", "-"})
		}
		for _, service := range h.Services {
			rows = append(rows, []string{h.Name, h.Role, state, address, service.Name, string(service.State), fmt.Sprint(service.Restarts)})
		}
	}
	printTable(w, []string{"HOST", "ROLE", "STATE", "ADDRESS", "SERVICE", "STATE", "RESTARTS"}, rows)
}

func newLabExec(a *app, dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "exec HOST -- COMMAND...",
		Short: "Run a program on a host of the lab",
		Long: withExit(`Run a program in all namespaces of a host. Terminals work, signals are passed
on. What follows -- is the program and its arguments, as they are.`, exitsNotFound,
			"n  otherwise the exit status of the program (128 + n when signal n ended it)"),
		Example: "sudo quarry lab exec outside -- ip addr\nsudo quarry lab exec p1 -- virsh list",
		Args: func(cmd *cobra.Command, got []string) error {
			if len(got) < 2 {
				return usage("%q wants a host and a command, as in %s outside -- ip addr", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
			return labHosts(cmd.Context(), *dir, given), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := lab.Exec(cmd.Context(), *dir, args[0], args[1:], a.in, a.out, a.err)
			if err != nil {
				return err
			}
			if code != 0 {
				return exitStatus(code)
			}
			return nil
		},
	}
}

func newLabPower(dir *string, verb, summary string, do func(ctx context.Context, dir, name string) error) *cobra.Command {
	return &cobra.Command{
		Use:     verb + " HOST",
		Short:   summary,
		Long:    withExit(summary+".", exitsNotFound),
		Example: "sudo quarry lab " + verb + " p1",
		Args:    args("HOST"),
		ValidArgsFunction: func(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
			return labHosts(cmd.Context(), *dir, given), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error { return do(cmd.Context(), *dir, args[0]) },
	}
}

func newLabSlow(dir *string) *cobra.Command {
	var cpu int
	cmd := &cobra.Command{
		Use:   "slow HOST",
		Short: "Let a host have only part of a processor",
		Long: withExit(`Let all that runs on a host, its guests too, have no more than a part of one
processor, as on a machine that is worn out or busy. --cpu 0 takes that back, and
so does pulling its plug.`, exitsRefused, exitsNotFound),
		Example: "sudo quarry lab slow p2 --cpu 30\nsudo quarry lab slow p2 --cpu 0",
		Args:    args("HOST"),
		ValidArgsFunction: func(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
			return labHosts(cmd.Context(), *dir, given), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return lab.SlowHost(cmd.Context(), *dir, args[0], cpu)
		},
	}
	cmd.Flags().IntVar(&cpu, "cpu", 30, "per cent of one processor")
	return cmd
}

// newLabHost is how lab up starts the supervisor of a host.
func newLabHost(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:    "host NAME",
		Short:  "Be a host of the lab",
		Hidden: true,
		Args:   args("NAME"),
		RunE:   func(cmd *cobra.Command, args []string) error { return lab.RunHost(cmd.Context(), *dir, args[0]) },
	}
}

func labHosts(ctx context.Context, dir string, given []string) []string {
	if len(given) > 0 {
		return nil
	}
	status, err := lab.Status(ctx, dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, h := range status.Hosts {
		names = append(names, h.Name+"\t"+h.Role)
	}
	return names
}
