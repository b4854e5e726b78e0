package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"quarry/internal/fault"
	"quarry/internal/manager"
	"quarry/internal/serve"
	"quarry/internal/store"
)

// Folders of the manager on its machine.
const (
	managerDir   = "/var/lib/quarry/manager"
	managerCache = "/var/cache/quarry"
)

func newManager(a *app) *cobra.Command {
	return group(&cobra.Command{Use: "manager", Short: "The daemon that books, prepares, hands over and ends"},
		newManagerInit(a), newManagerRun(a), newManagerBackup(a), newManagerRestore(a))
}

// initOptions are the flags of manager init.
type initOptions struct {
	dir, server     string
	hosts           []string
	network, router string
	pool, vlans     string
}

func newManagerInit(a *app) *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Set up a site, once",
		Long: withExit(`Set up a site in an empty folder: its certificate authority, what it has to give
away, and the first provider token, which is shown this one time. A site that is
there already is left as it is, and no token is shown.

The defaults of the outside network are addresses that are set aside for
documentation: they suit a lab and no real site.`),
		Example: `quarry manager init --server https://manager.example.org:7443 \
  --outside-network 192.0.2.0/24 --outside-router 192.0.2.1 \
  --outside-pool 192.0.2.100-192.0.2.199 --vlans 100-999 -o json`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", managerDir, "folder of the manager")
	// Not the common flag of that name: this is where the site will be.
	f.StringVar(&o.server, "server", "https://localhost:7443", "URL by which agents and people reach the manager")
	f.StringSliceVar(&o.hosts, "host", nil, "further names and addresses of the manager, for its certificate")
	f.StringVar(&o.network, "outside-network", "203.0.113.0/24", "range of the outside network")
	f.StringVar(&o.router, "outside-router", "203.0.113.1", "way out of the outside network")
	f.StringVar(&o.pool, "outside-pool", "203.0.113.100-203.0.113.199", "addresses for gateways, first-last")
	f.StringVar(&o.vlans, "vlans", "100-999", "VLANs for clusters, first-last")
	return cmd
}

func (o initOptions) run(ctx context.Context, a *app) error {
	site, err := o.site()
	if err != nil {
		return err
	}
	result, err := serve.Init(ctx, o.dir, site)
	if err != nil {
		return notByServer(err)
	}
	return a.print(result, func(w io.Writer) {
		if result.Existing {
			fmt.Fprintf(w, "The site in %s is already initialised; nothing was changed\n", o.dir)
			return
		}
		fmt.Fprintf(w, "%sprovider token, shown this once:\n%s\n", result.CACertificate, result.Token)
	})
}

func (o initOptions) site() (manager.Site, error) {
	var wrong fault.List
	site := manager.Site{Server: o.server, OutsideNetwork: o.network, OutsideRouter: o.router}
	u, err := url.Parse(o.server)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		wrong.Add("--server", fmt.Sprintf("%q is not a URL like https://manager.example.org:7443", o.server))
	} else {
		site.Hosts = append([]string{u.Hostname()}, o.hosts...)
	}
	var found bool
	if site.OutsideFirst, site.OutsideLast, found = strings.Cut(o.pool, "-"); !found {
		wrong.Add("--outside-pool", fmt.Sprintf("%q is not first-last, as in 203.0.113.100-203.0.113.199", o.pool))
	}
	first, last, _ := strings.Cut(o.vlans, "-")
	var errFirst, errLast error
	site.VLANFirst, errFirst = strconv.Atoi(first)
	site.VLANLast, errLast = strconv.Atoi(last)
	if errFirst != nil || errLast != nil {
		wrong.Add("--vlans", fmt.Sprintf("%q is not first-last, as in 100-999", o.vlans))
	}
	if len(wrong.Details()) > 0 {
		return site, &usageError{title: "the site is not described properly", details: wrong.Details()}
	}
	if e, ok := errors.AsType[*fault.Error](site.Validate()); ok {
		return site, &usageError{title: e.Title, details: e.Details}
	}
	return site, nil
}

func newManagerRun(a *app) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the manager until it is stopped",
		Long: withExit(`Run the manager: the API for people and for agents on one port, and the
controllers. It needs root to make images. It can be killed at any time and
started again.`),
		Example: "sudo quarry manager run --listen :7443",
		Args:    args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", managerDir, "folder of the manager")
	f.StringVar(&o.cache, "cache", managerCache, "folder for packages and images, which may be emptied")
	f.StringVar(&o.listen, "listen", net.JoinHostPort("", "7443"), "address and port of the API")
	f.StringVar(&o.rolls, "rolls", "", "folder of the site's rolls (default: those that ship with Quarry)")
	f.StringVar(&o.imageLimit, "image-limit", "20G", "size of the image store")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "log more")
	return cmd
}

func newManagerBackup(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy all that the manager knows to a file",
		Long: withExit(`Copy all that the manager knows, as of one instant, to a new file, while it goes
on working. The file holds every secret of the site.`, exitsRefused),
		Example: "quarry manager backup quarry.db --context provider",
		Args:    args("FILE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.backup(cmd.Context(), args[0]) },
	}
}

// backup writes beside the file first: what has the name is whole.
func (a *app) backup(ctx context.Context, path string) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return usage("%s exists already: name a new file", path)
	}
	part, err := os.OpenFile(path+".partial", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	err = client.Backup(ctx, part)
	if err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Link(part.Name(), path) // unlike a rename it never overwrites
	}
	if err = errors.Join(err, os.Remove(part.Name())); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return a.print(map[string]string{"backup": path}, func(w io.Writer) { fmt.Fprintf(w, "All that the manager knows is in %s\n", path) })
}

func newManagerRestore(a *app) *cobra.Command {
	var dir string
	var force bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the manager's place",
		Long: withExit(`Put a backup in place as what the manager knows, on the manager's machine while
no manager runs. The backup is checked first.`),
		Example: "sudo quarry manager restore quarry.db --force",
		Args:    args("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := store.Restore(cmd.Context(), args[0], serve.StorePath(dir), force); err != nil {
				return notByServer(err)
			}
			return a.print(map[string]string{"restored": args[0]}, func(w io.Writer) { fmt.Fprintf(w, "%s is restored\n", args[0]) })
		},
	}
	cmd.Flags().StringVar(&dir, "dir", managerDir, "folder of the manager")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite what is there")
	return cmd
}
