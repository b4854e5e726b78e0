package hypervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"

	"quarry/internal/fault"
)

// LibvirtConfig says which libvirt daemon, and what its guests are plugged into.
type LibvirtConfig struct {
	Socket string // default "/run/libvirt/libvirt-sock"
	URI    string // default "qemu:///system"
	// UserspaceSwitch is set where Open vSwitch runs its userspace datapath
	// (datapath_type=netdev): guests then compute their checksums themselves.
	UserspaceSwitch bool
	// Timeout bounds each operation; default 30 s. A caller's shorter
	// deadline counts.
	Timeout time.Duration
}

// Libvirt is a Hypervisor behind a libvirt daemon. It connects when it is
// first used and again whenever the daemon went away; guests outlive both.
type Libvirt struct {
	config LibvirtConfig
	link   link
}

var _ Hypervisor = (*Libvirt)(nil)

// NewLibvirt does not connect yet: a daemon that is down is reported by the
// operations, as fault.Unavailable.
func NewLibvirt(c LibvirtConfig) *Libvirt {
	c.Socket = cmp.Or(c.Socket, "/run/libvirt/libvirt-sock")
	c.URI = cmp.Or(c.URI, string(golibvirt.QEMUSystem))
	c.Timeout = cmp.Or(c.Timeout, 30*time.Second)
	return &Libvirt{config: c, link: link{socket: c.Socket, uri: golibvirt.ConnectURI(c.URI), timeout: c.Timeout}}
}

// Version names the hypervisor: "QEMU 10.0.2".
func (l *Libvirt) Version(ctx context.Context) (string, error) {
	return call(ctx, &l.link, func(c *golibvirt.Libvirt) (string, error) {
		kind, err := c.ConnectGetType()
		if err != nil {
			return "", fmt.Errorf("ask libvirt what it drives: %w", err)
		}
		v, err := c.ConnectGetVersion()
		if err != nil {
			return "", fmt.Errorf("ask libvirt for the version of %s: %w", kind, err)
		}
		return fmt.Sprintf("%s %d.%d.%d", kind, v/1_000_000, v/1_000%1_000, v%1_000), nil
	})
}

// List returns all guests that Quarry made, by name.
func (l *Libvirt) List(ctx context.Context) ([]Info, error) {
	return call(ctx, &l.link, func(c *golibvirt.Libvirt) ([]Info, error) {
		all, _, err := c.ConnectListAllDomains(1, 0)
		if err != nil {
			return nil, fmt.Errorf("list guests: %w", err)
		}
		var infos []Info
		for _, d := range all {
			info, ours, err := inspect(c, d)
			if golibvirt.IsNotFound(err) {
				continue // removed meanwhile
			}
			if err != nil {
				return nil, err
			}
			if ours {
				infos = append(infos, info)
			}
		}
		slices.SortFunc(infos, func(a, b Info) int { return cmp.Compare(a.Name, b.Name) })
		return infos, nil
	})
}

// Start makes the guest run.
func (l *Libvirt) Start(ctx context.Context, g Guest) error {
	if err := g.Validate(); err != nil {
		return err
	}
	definition, err := domainXML(g, l.config.UserspaceSwitch)
	if err != nil {
		return err
	}
	_, err = call(ctx, &l.link, func(c *golibvirt.Libvirt) (struct{}, error) {
		return struct{}{}, start(c, g.Name, definition)
	})
	return err
}

func start(c *golibvirt.Libvirt, name, definition string) error {
	_, info, err := lookup(c, name)
	if err != nil && !golibvirt.IsNotFound(err) {
		return err
	}
	if err == nil && (info.State == Running || info.State == Paused) {
		return nil
	}
	d, err := c.DomainDefineXML(definition)
	if err != nil {
		return fmt.Errorf("define guest %s: %w", name, err)
	}
	if err := c.DomainCreate(d); err != nil {
		return fmt.Errorf("start guest %s: %w", name, err)
	}
	return nil
}

// Shutdown asks the guest to shut down and returns at once.
func (l *Libvirt) Shutdown(ctx context.Context, name string) error {
	_, err := call(ctx, &l.link, func(c *golibvirt.Libvirt) (struct{}, error) {
		d, info, err := lookup(c, name)
		if golibvirt.IsNotFound(err) || err == nil && info.State != Running {
			return struct{}{}, nil
		}
		if err != nil {
			return struct{}{}, err
		}
		if err := c.DomainShutdown(d); err != nil && !isCode(err, golibvirt.ErrOperationInvalid) {
			return struct{}{}, fmt.Errorf("ask guest %s to shut down: %w", name, err)
		}
		return struct{}{}, nil
	})
	return err
}

// Remove stops the guest at once and forgets it.
func (l *Libvirt) Remove(ctx context.Context, name string) error {
	_, err := call(ctx, &l.link, func(c *golibvirt.Libvirt) (struct{}, error) {
		err := remove(c, name)
		if golibvirt.IsNotFound(err) {
			err = nil
		}
		return struct{}{}, err
	})
	return err
}

func remove(c *golibvirt.Libvirt, name string) error {
	d, info, err := lookup(c, name)
	if err != nil {
		return err
	}
	if info.State == Running || info.State == Paused {
		if err := c.DomainDestroy(d); err != nil && !isCode(err, golibvirt.ErrOperationInvalid) {
			return fmt.Errorf("stop guest %s: %w", name, err)
		}
	}
	const everything = golibvirt.DomainUndefineManagedSave | golibvirt.DomainUndefineSnapshotsMetadata |
		golibvirt.DomainUndefineNvram | golibvirt.DomainUndefineCheckpointsMetadata
	if err := c.DomainUndefineFlags(d, everything); err != nil {
		return fmt.Errorf("forget guest %s: %w", name, err)
	}
	return nil
}

// Close gives back the connection.
func (l *Libvirt) Close() error {
	l.link.close()
	return nil
}

// lookup finds a guest by name. Its error is libvirt's own when there is
// none, and a fault.Conflict when there is one that Quarry did not make.
func lookup(c *golibvirt.Libvirt, name string) (golibvirt.Domain, Info, error) {
	d, err := c.DomainLookupByName(name)
	if err != nil {
		return d, Info{}, fmt.Errorf("find guest %s: %w", name, err)
	}
	info, ours, err := inspect(c, d)
	if err != nil {
		return d, Info{}, err
	}
	if !ours {
		return d, Info{}, foreign(name)
	}
	return d, info, nil
}

func foreign(name string) error {
	return fault.New(fault.Conflict, "a guest of that name exists and is not Quarry's", fault.Detail{
		Field: "name", Message: fmt.Sprintf("%s was defined by somebody else on this machine: rename or undefine it", name),
	})
}

// inspect reads a domain's state and whether it bears Quarry's mark.
func inspect(c *golibvirt.Libvirt, d golibvirt.Domain) (Info, bool, error) {
	_, err := c.DomainGetMetadata(d, int32(golibvirt.DomainMetadataElement), golibvirt.OptString{metadataSpace}, 0)
	if isCode(err, golibvirt.ErrNoDomainMetadata) {
		return Info{}, false, nil
	}
	if err != nil {
		return Info{}, false, fmt.Errorf("read mark of guest %s: %w", d.Name, err)
	}
	state, reason, err := c.DomainGetState(d, 0)
	if err != nil {
		return Info{}, false, fmt.Errorf("read state of guest %s: %w", d.Name, err)
	}
	return Info{Name: d.Name, UUID: uuid.UUID(d.UUID), State: stateOf(state, reason)}, true, nil
}

func stateOf(state, reason int32) State {
	switch golibvirt.DomainState(state) {
	case golibvirt.DomainRunning, golibvirt.DomainBlocked, golibvirt.DomainShutdown:
		return Running
	case golibvirt.DomainPaused, golibvirt.DomainPmsuspended:
		return Paused
	case golibvirt.DomainCrashed:
		return Crashed
	}
	switch golibvirt.DomainShutoffReason(reason) {
	case golibvirt.DomainShutoffCrashed, golibvirt.DomainShutoffFailed:
		return Crashed
	}
	return Off
}

func isCode(err error, code golibvirt.ErrorNumber) bool {
	e, ok := errors.AsType[golibvirt.Error](err)
	return ok && e.Code == uint32(code)
}
