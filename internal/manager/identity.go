package manager

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/roll"
	"quarry/internal/vnode"
)

// identity makes a vnode's identity from what is known of its cluster.
func identity(site Site, c cluster.Cluster, d dossier, n cluster.Node) (vnode.Identity, error) {
	private, err := netip.ParsePrefix(c.Spec.Network)
	if err != nil {
		return vnode.Identity{}, fmt.Errorf("private network of %s: %w", c.Name, err)
	}
	p := planOf(d.Plans, n)
	id := vnode.Identity{
		Hostname: n.Name, Domain: c.Spec.Domain, Cluster: c.Name, Tenant: c.Tenant,
		Appliance: n.Appliance, TimeZone: c.Spec.TimeZone,
		Hosts: hosts(c, d, n), Users: users(c.Spec),
		HostKeys:   map[string]string{"ed25519": d.HostKeys[n.Name].Private},
		Parameters: d.Parameters, Attributes: d.attributesOf(n), Secrets: secretsOf(p.Profile, d.Secrets),
		Scripts: scripts(p.Profile.Boot), ClusterScripts: scripts(p.Profile.Cluster), Checks: scripts(p.Profile.Checks),
	}
	gatewayAddress := c.Nodes[0].Leg(cluster.PrivateNetwork).Address
	id.DNS = []string{gatewayAddress}
	id.Gateway = gatewayAddress
	for _, a := range n.Addresses {
		bits := private.Bits()
		if a.Network == cluster.OutsideNetwork {
			outside, err := netip.ParsePrefix(site.OutsideNetwork)
			if err != nil {
				return vnode.Identity{}, fmt.Errorf("outside network: %w", err)
			}
			bits = outside.Bits()
			id.Gateway = site.OutsideRouter
		}
		id.Legs = append(id.Legs, vnode.Leg{Network: a.Network, MAC: a.MAC, Address: fmt.Sprintf("%s/%d", a.Address, bits)})
	}
	for _, s := range p.Profile.Services {
		if s.State == "started" {
			id.Services = append(id.Services, s.Unit)
		}
	}
	data, err := roll.NewTemplateData(id)
	if err != nil {
		return vnode.Identity{}, err
	}
	for _, f := range p.Profile.Files {
		if !f.Template {
			continue
		}
		file, err := roll.RenderFile(f, data)
		if err != nil {
			return vnode.Identity{}, err
		}
		id.Files = append(id.Files, file)
	}
	return id, nil
}

// tooMuch says what is wrong with an identity that no message could carry.
func tooMuch(id vnode.Identity) []fault.Detail {
	const most = vnode.MaxMessage - 4096 // the rest is for what is around it
	raw, err := json.Marshal(id)
	if err == nil && len(raw) <= most {
		return nil
	}
	return []fault.Detail{{Field: "spec.rolls", Message: fmt.Sprintf(
		"the files, scripts and values of a vnode of appliance %s come to %d bytes, of which a vnode can be told %d: make its scripts and templates smaller, and put what is the same everywhere into files that are no templates",
		id.Appliance, len(raw), most)}}
}

// hosts are the vnodes of a cluster that one of them knows: those that are
// joining or leaving only itself.
func hosts(c cluster.Cluster, d dossier, of cluster.Node) []vnode.Host {
	var list []vnode.Host
	for _, n := range c.Nodes {
		if n.Aside() && n.Name != of.Name {
			continue
		}
		leg := n.Leg(cluster.PrivateNetwork)
		list = append(list, vnode.Host{
			Name: n.Name, Address: leg.Address, MAC: leg.MAC, Appliance: n.Appliance, HostKey: d.HostKeys[n.Name].Public,
		})
	}
	return list
}

func users(s cluster.Spec) []vnode.User {
	list := []vnode.User{{Name: "admin", SSHKeys: s.SSHKeys, Sudo: true}}
	for _, u := range s.Users {
		list = append(list, vnode.User(u))
	}
	return list
}

func scripts(list []roll.Script) []vnode.Script {
	var out []vnode.Script
	for _, s := range list {
		out = append(out, vnode.Script{Name: s.Name, Body: s.Body, Timeout: s.Timeout})
	}
	return out
}

// secretsOf are the secrets of the rolls that a profile is made of: a vnode
// learns no others, so that one that is broken into gives away less.
func secretsOf(p roll.Profile, all map[string]string) map[string]string {
	own := map[string]string{}
	for _, r := range p.Rolls {
		name, _, _ := strings.Cut(r, "@")
		for key, value := range all {
			if strings.HasPrefix(key, name+".") {
				own[key] = value
			}
		}
	}
	return own
}
