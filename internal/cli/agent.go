package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"quarry/internal/agent"
)

func newAgent(a *app) *cobra.Command {
	return group(&cobra.Command{Use: "agent", Short: "The daemon on every pnode"},
		newAgentEnroll(a), newAgentRun(a))
}

// enrollOptions are the flags of agent enroll.
type enrollOptions struct {
	dir, server, name, tokenFile, ca string
	force                            bool
}

func newAgentEnroll(a *app) *cobra.Command {
	var o enrollOptions
	cmd := &cobra.Command{
		Use:   "enroll",
		Short: "Make this machine a pnode of a site",
		Long: withExit(`Trade a one-time token, made with "quarry node token NAME", for a certificate of
the site's own authority. The authority's certificate is brought here by you, so
that the manager is known before the token is shown to it. A machine that is
enrolled so already is left as it is.`, exitsRefused),
		Example: "sudo quarry agent enroll --server https://manager:7443 --name p1 --token-file token --ca ca.pem",
		Args:    args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", agent.DefaultDir, "folder of the agent")
	f.StringVar(&o.server, "server", "", "manager to enrol with, a URL")
	f.StringVar(&o.name, "name", "", "name of this pnode (default: the machine's)")
	f.StringVar(&o.tokenFile, "token-file", "-", "file with the token, - for standard input")
	f.StringVar(&o.ca, "ca", "", "file with the certificate of the site's authority")
	f.BoolVar(&o.force, "force", false, "enrol anew what is enrolled already")
	return cmd
}

func (o enrollOptions) run(ctx context.Context, a *app) error {
	if o.server == "" || o.ca == "" {
		return usage("give --server URL and --ca FILE: both are told by \"quarry manager init\"")
	}
	if o.name == "" {
		host, err := os.Hostname()
		if err != nil {
			return usage("this machine has no name: give --name")
		}
		o.name, _, _ = strings.Cut(host, ".")
	}
	ca, err := os.ReadFile(o.ca)
	if err != nil {
		return usage("cannot read the authority's certificate: %v", err)
	}
	token, err := o.token(a.in)
	if err != nil {
		return usage("cannot read the token: %v", err)
	}
	err = agent.Enroll(ctx, agent.EnrollConfig{
		Dir: o.dir, Server: o.server, Token: token, CA: ca, Name: o.name, Force: o.force,
	})
	if err != nil {
		return err
	}
	return a.print(map[string]string{"name": o.name, "server": o.server}, func(w io.Writer) {
		fmt.Fprintf(w, "This machine is pnode %s of %s\n", o.name, o.server)
	})
}

// token is not a flag, which other users of the machine could see.
func (o enrollOptions) token(stdin io.Reader) (string, error) {
	in := stdin
	if o.tokenFile != "-" {
		f, err := os.Open(o.tokenFile)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, 4096))
	return strings.TrimSpace(string(raw)), err
}

func newAgentRun(a *app) *cobra.Command {
	var c agent.Config
	var verbose bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the agent until it is stopped",
		Long: withExit(`Run the agent: it makes this machine equal to the newest state that the manager
wanted of it, also while no manager answers. It needs root, libvirt and Open
vSwitch. It can be killed at any time and started again; guests go on running.`,
			"4  this machine is not enrolled"),
		Example: "sudo quarry agent run",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Version, c.Log = Version, a.logger(verbose)
			return agent.Run(cmd.Context(), c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Dir, "dir", agent.DefaultDir, "folder of the agent")
	f.StringVar(&c.Server, "server", "", "manager's URL (default: the one it enrolled with)")
	f.IntVar(&c.OfferCPUs, "offer-cpus", 0, "most CPUs to offer (default: all)")
	f.IntVar(&c.OfferMemoryMiB, "offer-memory-mib", 0, "most memory to offer, in MiB (default: all)")
	f.IntVar(&c.OfferDiskMiB, "offer-disk-mib", 0, "most disk to offer, in MiB (default: all)")
	f.BoolVarP(&verbose, "verbose", "v", false, "log more")
	return cmd
}
