package lab

import (
	"path/filepath"
	"strconv"
)

// service is one program that a host keeps running. It is data: the
// supervisor knows nothing else about what it runs.
type service struct {
	Name string   `json:"name"`
	Kind kind     `json:"kind"`
	Argv []string `json:"argv"`
	// Needs are files that must exist before the service is started.
	Needs []string `json:"needs,omitempty"`
	// Ready is when the next service may start; the zero value is at once.
	Ready ready `json:"ready,omitzero"`
	// Output is a file that takes the standard output of a Boot or Once
	// service, whole and only when it succeeds.
	Output string `json:"output,omitempty"`
	// Machine runs the program in the machine's own network and mounts, with
	// its /proc/self/fd/3 and 4, but as a process of the host.
	Machine bool `json:"machine,omitempty"`
}

// kind says how long a service is meant to run.
type kind string

const (
	daemon kind = "daemon" // always: started again when it ends
	boot   kind = "boot"   // to success, each time the host starts
	once   kind = "once"   // to success, once in the life of the host's disk
)

// ready is what shows that a service can be used.
type ready struct {
	Unix string `json:"unix,omitempty"` // a socket that accepts
	TCP  string `json:"tcp,omitempty"`  // an address that accepts
	File string `json:"file,omitempty"` // a file or folder that exists
}

// Files by which a pnode is enrolled: Up puts them into the host's folder.
const (
	enrolToken = insideHost + "/enrol/token"
	enrolCA    = insideHost + "/enrol/ca.pem"
	// managerInit keeps what "quarry manager init" printed: the provider's
	// first token is shown only once.
	managerInit = insideHost + "/init.json"
)

const (
	managerDir = "/var/lib/quarry/manager"
	agentDir   = "/var/lib/quarry/agent"
)

func servicesOf(h host) []service {
	switch {
	case h.Role == roleManager:
		return managerServices(h)
	case h.Role == roleRack:
		return append(switchServices(), rackBridge(h))
	case h.runsAgent():
		return agentServices(h)
	}
	return nil
}

func (h host) quarry(args ...string) []string {
	return append([]string{filepath.Join(insideBin, filepath.Base(h.Binary))}, args...)
}

func managerServices(h host) []service {
	return []service{
		{
			// slirp4netns carries the host's traffic through sockets of the
			// machine, whatever the machine's own way out is, and needs no
			// forwarding or address translation there.
			Name: "internet", Kind: daemon, Machine: true,
			Argv: []string{
				"slirp4netns", "--configure", "--mtu=1500", "--disable-host-loopback",
				"--netns-type=path", "/proc/HOST/ns/net", "internet0",
			},
			Ready: ready{File: "/sys/class/net/internet0"},
		},
		{
			// A site whose first token nobody has kept is of no use: an
			// attempt that was cut short is begun anew.
			Name: serviceInit, Kind: once, Output: managerInit,
			Argv: append([]string{"sh", "-c", `rm -rf "$0" && exec "$@"`, managerDir},
				h.quarry("manager", "init", "--dir", managerDir, "--server", serverURL, "-o", "json")...),
		},
		{
			Name: serviceManager, Kind: daemon,
			Argv:  h.quarry("manager", "run", "--dir", managerDir, "--listen", managerAddress+":"+managerPort),
			Ready: ready{TCP: managerAddress + ":" + managerPort},
		},
	}
}

func agentServices(h host) []service {
	services := append(switchServices(), siteBridges(h)...)
	return append(
		services,
		service{
			Name: "libvirtd", Kind: daemon,
			Argv:  []string{"/usr/sbin/libvirtd"},
			Ready: ready{Unix: "/run/libvirt/libvirt-sock"},
		},
		service{
			Name: serviceEnrol, Kind: once, Needs: []string{enrolToken, enrolCA},
			Argv: h.quarry("agent", "enroll", "--dir", agentDir, "--server", serverURL,
				"--token-file", enrolToken, "--ca", enrolCA, "--name", h.Name),
		},
		service{
			Name: "agent", Kind: daemon,
			Argv: h.quarry("agent", "run", "--dir", agentDir, "--offer-memory-mib", strconv.Itoa(h.OfferMemoryMiB)),
		},
	)
}

func switchServices() []service {
	const database = "/etc/openvswitch/conf.db"
	return []service{
		{
			Name: "ovs-create", Kind: once,
			Argv: []string{"sh", "-c", "rm -f " + database +
				" && ovsdb-tool create " + database + " /usr/share/openvswitch/vswitch.ovsschema"},
		},
		{
			Name: "ovsdb-server", Kind: daemon,
			Argv: []string{
				"ovsdb-server", database, "--remote=punix:/run/openvswitch/db.sock",
				"--pidfile", "-vconsole:info", "-vsyslog:off", "-vfile:off",
			},
			Ready: ready{Unix: "/run/openvswitch/db.sock"},
		},
		{
			Name: "ovs-vswitchd", Kind: daemon,
			Argv: []string{
				"ovs-vswitchd", "unix:/run/openvswitch/db.sock",
				"--pidfile", "-vconsole:info", "-vsyslog:off", "-vfile:off",
			},
			Ready: ready{File: "/run/openvswitch/ovs-vswitchd.pid"},
		},
	}
}

// siteBridges makes a pnode's bridges. They fail closed: without the flows
// that the agent installs they forward nothing.
func siteBridges(h host) []service {
	var services []service
	for _, l := range h.Links {
		if l.Bridge == "" {
			continue
		}
		argv := []string{
			"ovs-vsctl", "--timeout=20", "--may-exist", "add-br", l.Bridge,
			"--", "set", "Bridge", l.Bridge, "datapath_type=" + h.Datapath, "fail_mode=secure",
			"--", "set", "Open_vSwitch", ".", "external_ids:hostname=" + h.Name, "--", "--may-exist",
		}
		services = append(services, service{Name: "ovs-" + l.Bridge, Kind: boot, Argv: append(argv, addUplink(l)...)})
	}
	return services
}

// addUplink makes the link the uplink of its bridge. Its port keeps the same
// number, by which flows know it, when it is taken out and in again.
func addUplink(l link) []string {
	return []string{
		"add-port", l.Bridge, l.Name,
		"--", "set", "Interface", l.Name, "ofport_request=1",
		"--", "set", "Port", l.Name, "external_ids:quarry-uplink=true",
	}
}

// rackBridge is the switch in the rack; its ports come with the links.
func rackBridge(h host) service {
	return service{
		Name: "ovs-rack", Kind: boot,
		Argv: []string{
			"ovs-vsctl", "--timeout=20", "--may-exist", "add-br", "rack",
			"--", "set", "Bridge", "rack", "datapath_type=" + h.Datapath, "fail_mode=standalone",
		},
	}
}
