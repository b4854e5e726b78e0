package guest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"quarry/internal/vnode"
)

// linkWait bounds how long a leg's link may take to appear.
const linkWait = 30 * time.Second

var (
	label    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	userName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)
	unitName = regexp.MustCompile(`^[A-Za-z0-9:_.@][A-Za-z0-9:_.@-]*$`)
	fileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
)

// apply makes the machine what id says, all but scripts, services and checks.
// The network comes first: what starts meanwhile waits for it most. Every step
// is tried, so that one message names all that is wrong.
func (g *guest) apply(ctx context.Context, id *vnode.Identity) error {
	if err := validate(id); err != nil {
		return err
	}
	steps := []struct {
		name string
		do   func(context.Context, *vnode.Identity) error
	}{
		{"network", g.applyNetwork},
		{"host name", g.applyHostname},
		{"hosts", g.applyHosts},
		{"name servers", g.applyResolver},
		{"time zone", g.applyTimeZone},
		{"host keys", g.applyHostKeys},
		{"known hosts", g.applyKnownHosts},
		{"accounts", g.applyUsers},
		{"parameters", g.applyParameters},
		{"nodes", g.applyNodes},
		{"secrets", g.applySecrets},
		{"files", g.applyFiles},
	}
	var errs []error
	for _, s := range steps {
		if err := s.do(ctx, id); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}

// validate refuses what would make a broken or dangerous file of the machine.
// The values come from the manager, which has checked them: this is the last
// line, and names no secret.
func validate(id *vnode.Identity) error {
	var errs []error
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(label.MatchString(id.Hostname), "host name %q is no DNS label", id.Hostname)
	bad(domainOK(id.Domain), "domain %q is no DNS name", id.Domain)
	for _, l := range id.Legs {
		_, err := netip.ParsePrefix(l.Address)
		bad(err == nil, "leg %q: address %q has no prefix length", l.Network, l.Address)
		_, err = net.ParseMAC(l.MAC)
		bad(err == nil, "leg %q: %q is no MAC", l.Network, l.MAC)
		bad(label.MatchString(l.Network) && len(l.Network) <= 14, "leg %q: no name for a link", l.Network)
	}
	for _, h := range id.Hosts {
		_, err := netip.ParseAddr(h.Address)
		bad(err == nil, "host %q: %q is no address", h.Name, h.Address)
		bad(label.MatchString(h.Name), "host %q is no DNS label", h.Name)
		bad(!strings.ContainsAny(h.HostKey, "\r\n"), "host %q: its host key has several lines", h.Name)
	}
	for _, u := range id.Users {
		bad(userName.MatchString(u.Name), "user %q is no account name", u.Name)
	}
	for kind := range id.HostKeys {
		bad(fileName.MatchString(kind), "host key of type %q", kind)
	}
	for key := range id.Secrets {
		bad(fileName.MatchString(key), "secret %q: no name for a file", key)
	}
	for _, f := range id.Files {
		bad(pathOK(f.Path), "file %q: not an absolute path without . and ..", f.Path)
		_, err := strconv.ParseUint(f.Mode, 8, 12)
		bad(err == nil, "file %q: mode %q is not octal up to 7777", f.Path, f.Mode)
		bad(f.Reload == "" || unitName.MatchString(f.Reload), "file %q: %q is no unit to reload", f.Path, f.Reload)
	}
	return errors.Join(errs...)
}

func domainOK(domain string) bool {
	for part := range strings.SplitSeq(domain, ".") {
		if !label.MatchString(part) {
			return domain == ""
		}
	}
	return true
}

func pathOK(p string) bool {
	return path.IsAbs(p) && path.Clean(p) == p && p != "/" && !strings.ContainsRune(p, 0)
}

// applyNetwork waits for the links and configures them.
func (g *guest) applyNetwork(ctx context.Context, id *vnode.Identity) error {
	if len(id.Legs) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, linkWait)
	defer cancel()
	for {
		links, err := g.sys.Links()
		if err != nil {
			return err
		}
		gone := missing(links, id.Legs)
		if len(gone) == 0 {
			return g.sys.Configure(network(id))
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return fmt.Errorf("no link with MAC %s after %s", strings.Join(gone, ", "), linkWait)
		}
	}
}

// missing returns the MACs of legs that have no link.
func missing(links map[string]string, legs []vnode.Leg) []string {
	var gone []string
	for _, l := range legs {
		if _, ok := links[strings.ToLower(l.MAC)]; !ok {
			gone = append(gone, l.MAC)
		}
	}
	return gone
}

// network is an already validated identity's configuration of links.
func network(id *vnode.Identity) Network {
	var n Network
	for _, l := range id.Legs {
		n.Links = append(n.Links, Link{
			MAC:     strings.ToLower(l.MAC),
			Name:    l.Network + "0",
			Address: netip.MustParsePrefix(l.Address),
		})
	}
	n.Gateway, _ = netip.ParseAddr(id.Gateway)
	for _, l := range n.Links {
		if l.Address.Addr() == n.Gateway { // it is the router itself
			n.Gateway = netip.Addr{}
		}
	}
	return n
}

func (g *guest) applyFiles(_ context.Context, id *vnode.Identity) error {
	var errs []error
	for _, f := range id.Files {
		mode, err := strconv.ParseUint(f.Mode, 8, 12)
		if err != nil {
			return err
		}
		uid, gid, err := g.tree.owner(f.Owner)
		if err == nil {
			err = g.replace(f.Reload, file{path: f.Path, mode: uint32(mode), uid: uid, gid: gid, content: []byte(f.Content)})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.Path, err))
		}
	}
	return errors.Join(errs...)
}

// sortedKeys makes everything that is written from a map the same every time.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
