package guest

import (
	"context"
	"fmt"
	"strings"

	"quarry/internal/vnode"
)

func (g *guest) applyHostname(_ context.Context, id *vnode.Identity) error {
	err := g.tree.write(file{path: "/etc/hostname", mode: 0o644, content: []byte(id.Hostname + "\n")})
	if err != nil {
		return err
	}
	return g.sys.SetHostname(id.Hostname)
}

func (g *guest) applyHosts(_ context.Context, id *vnode.Identity) error {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	for _, h := range id.Hosts {
		fmt.Fprintf(&b, "%s %s\n", h.Address, strings.Join(names(h, id.Domain), " "))
	}
	return g.tree.write(file{path: "/etc/hosts", mode: 0o644, content: []byte(b.String())})
}

// names are a host's names, the canonical one first.
func names(h vnode.Host, domain string) []string {
	if domain == "" {
		return []string{h.Name}
	}
	return []string{h.Name + "." + domain, h.Name}
}

func (g *guest) applyResolver(_ context.Context, id *vnode.Identity) error {
	if len(id.DNS) == 0 {
		return nil
	}
	var b strings.Builder
	if id.Domain != "" {
		fmt.Fprintf(&b, "search %s\n", id.Domain)
	}
	for _, server := range id.DNS {
		fmt.Fprintf(&b, "nameserver %s\n", server)
	}
	return g.tree.write(file{path: "/etc/resolv.conf", mode: 0o644, content: []byte(b.String())})
}

func (g *guest) applyTimeZone(ctx context.Context, id *vnode.Identity) error {
	if id.TimeZone == "" {
		return nil
	}
	zone := "/usr/share/zoneinfo/" + id.TimeZone
	if !pathOK(zone) {
		return fmt.Errorf("%q is no name of a time zone", id.TimeZone)
	}
	if !g.tree.exists(zone) {
		g.log.WarnContext(ctx, "time zone not in the image, staying with its own", "zone", id.TimeZone)
		return nil
	}
	if err := g.tree.symlink(zone, "/etc/localtime"); err != nil {
		return err
	}
	return g.tree.write(file{path: "/etc/timezone", mode: 0o644, content: []byte(id.TimeZone + "\n")})
}

func (g *guest) applyKnownHosts(_ context.Context, id *vnode.Identity) error {
	var b strings.Builder
	for _, h := range id.Hosts {
		if h.HostKey == "" {
			continue
		}
		all := append(names(h, id.Domain), h.Address)
		fmt.Fprintf(&b, "%s %s\n", strings.Join(all, ","), strings.TrimSpace(h.HostKey))
	}
	if b.Len() == 0 {
		return nil
	}
	return g.tree.write(file{path: "/etc/ssh/ssh_known_hosts", mode: 0o644, content: []byte(b.String())})
}
