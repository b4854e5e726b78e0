package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// role says what a host of the lab is there for.
type role string

const (
	roleRack    role = "rack"    // the switches between the hosts
	roleManager role = "manager" // runs the manager
	rolePnode   role = "pnode"   // runs an agent
	roleGateway role = "gateway" // a pnode with an uplink
	roleOutside role = "outside" // a machine on the Internet side
)

// host is the plan of one host: what its supervisor makes true. It is written
// to the host's folder and is all that the supervisor goes by.
type host struct {
	Name string `json:"name"`
	Role role   `json:"role"`
	// Binary is the quarry program as seen by the machine.
	Binary string `json:"binary"`
	// Datapath is the Open vSwitch datapath type: "system" or "netdev".
	Datapath string `json:"datapath"`
	// OfferMemoryMiB is the most memory that a pnode offers.
	OfferMemoryMiB int       `json:"offerMemoryMiB,omitempty"`
	Links          []link    `json:"links"`
	Mounts         []mount   `json:"mounts"`
	Services       []service `json:"services"`
	// Peers are the hosts of the lab by name, for /etc/hosts.
	Peers map[string]string `json:"peers"`
	// Internet says that the host shares the machine's way out.
	Internet bool `json:"internet,omitempty"`
}

// link is one network interface of a host; its other end is in the rack.
type link struct {
	Name    string `json:"name"`
	Rack    string `json:"rack"` // name of the end in the rack; the prefix says which switch
	MAC     string `json:"mac"`
	Address string `json:"address,omitempty"` // CIDR, empty for a port of a bridge
	Bridge  string `json:"bridge,omitempty"`  // Open vSwitch bridge whose uplink it is
}

// mount is a folder of the host's own, bound over one of the machine's.
type mount struct {
	// Source is below the host's folder, or below the cache with Cache; without
	// it the host sees the machine's own and cannot write to it.
	Source string `json:"source"`
	Target string `json:"target"`
	Cache  bool   `json:"cache,omitempty"`
}

// site is what a lab's folder says about the lab: written before anything is
// made, so that Down knows what to take away.
type site struct {
	Pnodes   int    `json:"pnodes"`
	Gateways int    `json:"gateways"`
	Binary   string `json:"binary"`
	Datapath string `json:"datapath"`
	// OfferMemoryMiB is what each pnode offers: they share one machine.
	OfferMemoryMiB int `json:"offerMemoryMiB"`
	// Made are folders outside Dir that Up made as mount points.
	Made []string `json:"made,omitempty"`
}

// layout names the files of a lab.
type layout string

func (l layout) path(parts ...string) string {
	return filepath.Join(append([]string{string(l)}, parts...)...)
}

func (l layout) site() string               { return l.path("lab.json") }
func (l layout) lock() string               { return l.path("lock") }
func (l layout) hosts() string              { return l.path("hosts") }
func (l layout) cache() string              { return l.path("cache") }
func (l layout) host(name string) string    { return l.path("hosts", name) }
func (l layout) plan(name string) string    { return l.path("hosts", name, "plan.json") }
func (l layout) status(name string) string  { return l.path("hosts", name, "status.json") }
func (l layout) hostLog(name string) string { return l.path("hosts", name, "log", "host.log") }

func (l layout) readSite() (site, error) {
	var s site
	err := readJSON(l.site(), &s)
	return s, err
}

// readHosts returns the plans in the lab's folder, unreadable ones left out.
func (l layout) readHosts() ([]host, error) {
	entries, err := os.ReadDir(l.hosts())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the lab's hosts: %w", err)
	}
	var hosts []host
	for _, e := range entries {
		var h host
		if err := readJSON(l.plan(e.Name()), &h); err == nil {
			hosts = append(hosts, h)
		}
	}
	return hosts, nil
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writeJSON replaces the file at once: a reader sees the old or the new one.
func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return writeFile(path, append(data, '\n'), 0o600)
}

func writeFile(path string, data []byte, mode fs.FileMode) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, data, mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
