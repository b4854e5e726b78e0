package hypervisor

import (
	"fmt"
	"strings"

	"libvirt.org/go/libvirtxml"

	"quarry/internal/vnode"
)

// metadataSpace marks the domains that Quarry made.
const metadataSpace = "urn:quarry:guest:1"

// tcgModel has no AVX and so nothing that is slow to emulate: a Debian boots
// in 27 s with it and in 33 s with "max".
const tcgModel = "Nehalem"

// domainXML is the definition of g for libvirt's QEMU driver: virtio devices
// and a serial port, and none of the devices libvirt adds by itself.
func domainXML(g Guest, userspaceSwitch bool) (string, error) {
	d := libvirtxml.Domain{
		Type: "kvm",
		Name: g.Name,
		UUID: ID(g.Name).String(),
		Metadata: &libvirtxml.DomainMetadata{
			XML: fmt.Sprintf(`<quarry:guest xmlns:quarry="%s"/>`, metadataSpace),
		},
		Memory: &libvirtxml.DomainMemory{Value: uint(g.MemoryMiB), Unit: "MiB"},
		VCPU:   &libvirtxml.DomainVCPU{Value: uint(g.CPUs)},
		CPU:    &libvirtxml.DomainCPU{Mode: "host-passthrough", Check: "none"},
		// q35 is no faster and needs a bridge for every device.
		OS: &libvirtxml.DomainOS{
			Type:    &libvirtxml.DomainOSType{Arch: "x86_64", Machine: "pc", Type: "hvm"},
			Kernel:  g.Kernel,
			Initrd:  g.Initrd,
			Cmdline: g.KernelArguments,
		},
		Features: &libvirtxml.DomainFeatureList{
			ACPI:   &libvirtxml.DomainFeature{},
			APIC:   &libvirtxml.DomainFeatureAPIC{},
			VMPort: &libvirtxml.DomainFeatureState{State: "off"},
		},
		Clock:      &libvirtxml.DomainClock{Offset: "utc"},
		OnPoweroff: "destroy",
		OnReboot:   "restart",
		// A crashed guest holds no memory; its console log says why.
		OnCrash: "destroy",
		Devices: devices(g, userspaceSwitch),
	}
	if g.Accelerator == TCG {
		d.Type = "qemu"
		d.CPU = &libvirtxml.DomainCPU{
			Mode: "custom", Match: "exact", Check: "none",
			Model: &libvirtxml.DomainCPUModel{Fallback: "forbid", Value: tcgModel},
		}
	}
	raw, err := d.Marshal()
	if err != nil {
		return "", fmt.Errorf("write definition of guest %s: %w", g.Name, err)
	}
	return raw, nil
}

func devices(g Guest, userspaceSwitch bool) *libvirtxml.DomainDeviceList {
	list := &libvirtxml.DomainDeviceList{
		Disks:       []libvirtxml.DomainDisk{disk(g)},
		Controllers: []libvirtxml.DomainController{{Type: "usb", Model: "none"}},
		Serials: []libvirtxml.DomainSerial{{
			Source: &libvirtxml.DomainChardevSource{
				File: &libvirtxml.DomainChardevSourceFile{Path: g.ConsoleLog, Append: "on"},
			},
			Target: &libvirtxml.DomainSerialTarget{Type: "isa-serial"},
		}},
		MemBalloon: &libvirtxml.DomainMemBalloon{Model: "none"},
		RNGs: []libvirtxml.DomainRNG{{
			Model: "virtio",
			Backend: &libvirtxml.DomainRNGBackend{
				Random: &libvirtxml.DomainRNGBackendRandom{Device: "/dev/urandom"},
			},
		}},
	}
	for _, n := range g.NICs {
		list.Interfaces = append(list.Interfaces, nic(n, userspaceSwitch))
	}
	if g.Channel != "" {
		list.Channels = []libvirtxml.DomainChannel{{
			Source: &libvirtxml.DomainChardevSource{
				UNIX: &libvirtxml.DomainChardevSourceUNIX{Mode: "bind", Path: g.Channel},
			},
			Target: &libvirtxml.DomainChannelTarget{
				VirtIO: &libvirtxml.DomainChannelTargetVirtIO{Name: vnode.ChannelName},
			},
		}}
	}
	return list
}

// disk goes through the host's page cache: all vnodes of an image on a pnode
// then read its base from memory. The guest's flushes are honoured.
func disk(g Guest) libvirtxml.DomainDisk {
	return libvirtxml.DomainDisk{
		Device: "disk",
		Driver: &libvirtxml.DomainDiskDriver{
			Name: "qemu", Type: g.Disk.Format,
			Cache: "writeback", IO: "threads", Discard: "unmap", DetectZeros: "unmap",
		},
		Source: &libvirtxml.DomainDiskSource{
			File: &libvirtxml.DomainDiskSourceFile{File: g.Disk.Path},
		},
		Target: &libvirtxml.DomainDiskTarget{Dev: "vda", Bus: "virtio"},
		// A serial number of 20 bytes is all that virtio-blk carries.
		Serial: strings.ReplaceAll(ID(g.Name).String(), "-", "")[:20],
	}
}

// nic is an interface on a tap that the fabric made and keeps.
func nic(n NIC, userspaceSwitch bool) libvirtxml.DomainInterface {
	i := libvirtxml.DomainInterface{
		MAC:    &libvirtxml.DomainInterfaceMAC{Address: n.MAC},
		Source: &libvirtxml.DomainInterfaceSource{Ethernet: &libvirtxml.DomainInterfaceSourceEthernet{}},
		Target: &libvirtxml.DomainInterfaceTarget{Dev: n.Tap, Managed: "no"},
		Model:  &libvirtxml.DomainInterfaceModel{Type: "virtio"},
		// No network boot: the ROM would cost time and nothing else.
		ROM: &libvirtxml.DomainROM{Enabled: "no"},
	}
	if !userspaceSwitch {
		return i
	}
	// Open vSwitch's userspace datapath forwards frames as they are: one
	// whose checksum was left to hardware would arrive broken.
	i.Driver = &libvirtxml.DomainInterfaceDriver{
		Name: "qemu",
		Host: &libvirtxml.DomainInterfaceDriverHost{
			CSum: "off", GSO: "off", TSO4: "off", TSO6: "off", ECN: "off", UFO: "off",
		},
		Guest: &libvirtxml.DomainInterfaceDriverGuest{
			CSum: "off", TSO4: "off", TSO6: "off", ECN: "off", UFO: "off",
		},
	}
	return i
}
