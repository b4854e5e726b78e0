package agent

import (
	"context"
	"net"
	"net/http"

	"github.com/vishvananda/netlink"

	"quarry/internal/fabric"
	"quarry/internal/hypervisor"
	"quarry/internal/image"
)

// guestAdapter maps the agent's words to those of package hypervisor.
type guestAdapter struct {
	hypervisor.Hypervisor
	// userspace starts guests where the switch passes frames on as they are.
	userspace hypervisor.Hypervisor
	probe     hypervisor.ProbeConfig
}

func (g guestAdapter) ProbeAccelerator(ctx context.Context) (string, error) {
	return hypervisor.ProbeAccelerator(ctx, g.probe)
}

func (g guestAdapter) List(ctx context.Context) ([]guestState, error) {
	infos, err := g.Hypervisor.List(ctx)
	if err != nil {
		return nil, err
	}
	var states []guestState
	for _, info := range infos {
		running := info.State == hypervisor.Running || info.State == hypervisor.Paused
		states = append(states, guestState{Name: info.Name, Running: running})
	}
	return states, nil
}

func (g guestAdapter) Start(ctx context.Context, v guest) error {
	var nics []hypervisor.NIC
	for _, n := range v.NICs {
		nics = append(nics, hypervisor.NIC{Tap: n.Tap, MAC: n.MAC})
	}
	starter := g.Hypervisor
	if switchesInUserspace() {
		starter = g.userspace
	}
	return starter.Start(ctx, hypervisor.Guest{
		Name: v.Name, CPUs: v.CPUs, MemoryMiB: v.MemoryMiB, Disk: hypervisor.Disk{Path: v.Disk, Format: "qcow2"},
		Kernel: v.Boot.Kernel, Initrd: v.Boot.Initrd, KernelArguments: v.Boot.Arguments,
		NICs: nics, ConsoleLog: v.ConsoleLog, Channel: v.Channel, Accelerator: v.Accelerator,
	})
}

func (g guestAdapter) CreateOverlay(ctx context.Context, base, overlay string, sizeMiB int) error {
	return hypervisor.CreateOverlay(ctx, base, overlay, sizeMiB)
}

// switchesInUserspace says whether Open vSwitch forwards by itself: the
// kernel's datapath shows its bridges as devices of a type of their own.
func switchesInUserspace() bool {
	bridge, err := netlink.LinkByName(fabric.BridgeSite)
	return err == nil && bridge.Type() != "openvswitch"
}

// fabricAdapter maps the agent's words to those of package fabric.
type fabricAdapter struct{ *fabric.Fabric }

func (f fabricAdapter) TapName(clusterID, vnode, network string) string {
	return fabric.TapName(clusterID, vnode, network)
}

func (f fabricAdapter) HasUplink(context.Context) bool {
	_, err := netlink.LinkByName(fabric.BridgeOutside)
	return err == nil
}

func (f fabricAdapter) Apply(ctx context.Context, ports []port) error {
	var want []fabric.Port
	for _, p := range ports {
		bridge := fabric.BridgeSite
		if p.Outside {
			bridge = fabric.BridgeOutside
		}
		want = append(want, fabric.Port{
			Tap: p.Tap, Bridge: bridge, VLAN: p.VLAN, MAC: p.MAC, Addresses: p.Addresses, Open: p.Open, Router: p.Router,
			Owner: p.key.Cluster, Vnode: p.key.Vnode,
		})
	}
	return f.Fabric.Apply(ctx, want)
}

func (f fabricAdapter) Ports(ctx context.Context) ([]port, error) {
	have, err := f.Fabric.Ports(ctx)
	var ports []port
	for _, p := range have {
		ports = append(ports, port{
			Tap: p.Tap, Outside: p.Bridge == fabric.BridgeOutside, VLAN: p.VLAN, MAC: p.MAC, Addresses: p.Addresses,
			Open: p.Open, Router: p.Router, key: Key{p.Owner, p.Vnode},
		})
	}
	return ports, err
}

// imageAdapter is a store and where images come from.
type imageAdapter struct {
	store  *image.Store
	client *http.Client
	base   string // URL
}

func (s imageAdapter) Has(address string) bool { return s.store.Has(address) }

func (s imageAdapter) Boot(address string) (bootFiles, error) {
	m, err := s.store.Manifest(address)
	if err != nil {
		return bootFiles{}, err
	}
	boot := bootFiles{Arguments: m.KernelArguments}
	for _, f := range []struct {
		name string
		path *string
	}{{image.DiskFile, &boot.Disk}, {image.KernelFile, &boot.Kernel}, {image.InitrdFile, &boot.Initrd}} {
		if *f.path, err = s.store.Path(address, f.name); err != nil {
			return bootFiles{}, err
		}
	}
	return boot, nil
}

func (s imageAdapter) List() ([]string, error) {
	entries, err := s.store.List()
	addresses := []string{}
	for _, e := range entries {
		addresses = append(addresses, e.Address)
	}
	return addresses, err
}

func (s imageAdapter) Fetch(ctx context.Context, address string, progress func(int)) error {
	return image.Fetch(ctx, s.client, s.base, address, s.store, func(_ string, percent int) { progress(percent) })
}

func (s imageAdapter) Prune(keep func(string) bool) error {
	_, err := s.store.Prune(keep)
	return err
}

// dialChannel connects to a guest's channel.
func dialChannel(ctx context.Context, socket string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", socket)
}
