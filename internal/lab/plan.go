package lab

import (
	"crypto/sha256"
	"fmt"
)

// Addresses of the lab. 198.18.0.0/15 is set aside for testing networks and
// 203.0.113.0/24 for documentation, so neither is anybody's real network.
const (
	managerAddress = "198.18.0.2"
	managerPort    = "7443"
	serverURL      = "https://" + managerAddress + ":" + managerPort
	rootLink       = "qlab0"
	rootAddress    = "198.18.0.254/24"
	outsideAddress = "203.0.113.1/24"
)

// The rack's ends of links begin with one of these: they say which switch the
// link is plugged into.
const (
	prefixMgmt    = "m-"
	prefixTrunk   = "t-"
	prefixOutside = "o-"
)

// insideDir is where a host sees its own folder, its program and the cache.
const (
	insideDir   = "/run/quarry-lab"
	insideHost  = insideDir + "/host"
	insideBin   = insideDir + "/bin"
	insideCache = insideDir + "/cache"
	insideLab   = insideDir + "/lab"
)

// plan lists the hosts of a site, the rack first. Pure.
func plan(s site) []host {
	hosts := []host{{Name: "rack", Role: roleRack}}
	manager := host{Name: "manager", Role: roleManager, Internet: true}
	manager.Links = []link{mgmt("manager", 2), uplink("trunk0", "", prefixTrunk+"manager")}
	hosts = append(hosts, manager)
	for i := 1; i <= s.Pnodes; i++ {
		h := host{Name: fmt.Sprintf("p%d", i), Role: rolePnode}
		h.Links = []link{mgmt(h.Name, 10+i), uplink("trunk0", "br-site", prefixTrunk+h.Name)}
		hosts = append(hosts, h)
	}
	for i := 1; i <= s.Gateways; i++ {
		h := host{Name: fmt.Sprintf("gw%d", i), Role: roleGateway}
		h.Links = []link{
			mgmt(h.Name, 30+i),
			uplink("trunk0", "br-site", prefixTrunk+h.Name),
			uplink("outside0", "br-outside", prefixOutside+h.Name),
		}
		hosts = append(hosts, h)
	}
	outside := host{Name: "outside", Role: roleOutside}
	outside.Links = []link{{Name: "eth0", Rack: prefixOutside + "out", Address: outsideAddress}}
	hosts = append(hosts, outside)

	peers := map[string]string{}
	for i := range hosts {
		h := &hosts[i]
		h.Binary, h.Datapath, h.Peers = s.Binary, s.Datapath, peers
		h.OfferMemoryMiB = s.OfferMemoryMiB
		for j := range h.Links {
			l := &h.Links[j]
			l.MAC = macOf(h.Name, l.Name)
			if l.Name == "mgmt0" {
				peers[h.Name] = l.Address[:len(l.Address)-len("/24")]
			}
		}
		h.Mounts = mountsOf(*h)
		h.Services = servicesOf(*h)
	}
	return hosts
}

func mgmt(name string, last int) link {
	return link{Name: "mgmt0", Rack: prefixMgmt + name, Address: fmt.Sprintf("198.18.0.%d/24", last)}
}

func uplink(name, bridge, rack string) link { return link{Name: name, Rack: rack, Bridge: bridge} }

// macOf gives an interface the same locally administered address every time.
func macOf(host, link string) string {
	sum := sha256.Sum256([]byte(host + "/" + link))
	return fmt.Sprintf("02:51:%02x:%02x:%02x:%02x", sum[0], sum[1], sum[2], sum[3])
}

func (h host) runsAgent() bool  { return h.Role == rolePnode || h.Role == roleGateway }
func (h host) runsSwitch() bool { return h.runsAgent() || h.Role == roleRack }

func mountsOf(h host) []mount {
	mounts := []mount{{Source: "tmp", Target: "/tmp"}}
	if h.runsSwitch() {
		mounts = append(
			mounts,
			mount{Source: "etc/openvswitch", Target: "/etc/openvswitch"},
			mount{Source: "var/log/openvswitch", Target: "/var/log/openvswitch"},
		)
	}
	if h.runsAgent() {
		mounts = append(
			mounts,
			mount{Source: "var/lib/quarry", Target: "/var/lib/quarry"},
			mount{Source: "var/lib/libvirt", Target: "/var/lib/libvirt"},
			mount{Source: "var/cache/libvirt", Target: "/var/cache/libvirt"},
			mount{Source: "etc/libvirt", Target: "/etc/libvirt"},
			mount{Source: "var/log/libvirt", Target: "/var/log/libvirt"},
		)
	}
	if h.Role == roleManager {
		mounts = append(
			mounts,
			mount{Source: "var/lib/quarry", Target: "/var/lib/quarry"},
			mount{Source: "manager", Target: "/var/cache/quarry", Cache: true},
			mount{Target: "/var/lib/apt/lists"}, // they say where packages come from
			mount{Source: "var/cache/apt", Target: "/var/cache/apt"},
		)
	}
	return mounts
}
