package agent

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"quarry/internal/api/agentapi"
	"quarry/internal/fabric"
	"quarry/internal/fault"
	"quarry/internal/hypervisor"
	"quarry/internal/image"
)

// Run is the agent: it converges until the context ends, and leaves guests
// and ports as they are. An error means that it could not begin.
func Run(ctx context.Context, cfg Config) error {
	cfg = cfg.withDefaults()
	e, err := readEnrolment(cfg.Dir)
	if err != nil {
		return err
	}
	if cfg.Server == "" {
		cfg.Server = e.Server
	}
	held, err := lock(cfg.path("lock"))
	if err != nil {
		return err
	}
	defer held.Close()
	d, closeAll, err := wire(cfg, e)
	if err != nil {
		return err
	}
	defer closeAll()
	return newAgent(cfg, d).run(ctx)
}

// wire makes what the agent works on. Nothing is connected to yet: what does
// not answer is reported and tried again.
func wire(cfg Config, e enrolment) (deps, func(), error) {
	client, err := agentapi.New(cfg.Server, agentapi.Enrolled{Key: e.Key, Certificate: e.Certificate, CA: e.CA})
	if err != nil {
		return deps{}, nil, err
	}
	store, err := image.OpenStore(cfg.path("images"), cfg.ImageBytes)
	if err != nil {
		return deps{}, nil, err
	}
	network := fabric.New(fabric.Config{Log: cfg.Log})
	kernel := hypervisor.NewLibvirt(hypervisor.LibvirtConfig{})
	userspace := hypervisor.NewLibvirt(hypervisor.LibvirtConfig{UserspaceSwitch: true})
	closeAll := func() {
		kernel.Close()
		userspace.Close()
		network.Close()
	}
	probe := hypervisor.ProbeConfig{Cache: cfg.path("accelerator.json"), Log: cfg.Log}
	return deps{
		hypervisor: guestAdapter{Hypervisor: kernel, userspace: userspace, probe: probe},
		fabric:     fabricAdapter{network},
		images:     imageAdapter{store: store, client: client.HTTPClient(), base: client.ImagesURL()},
		manager:    client,
		dial:       dialChannel,
		wall:       time.Now,
	}, closeAll, nil
}

// lock keeps a second agent out of the folder until the process ends.
func lock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the agent's folder: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, fault.New(fault.Conflict, "another agent is running", fault.Detail{
			Field: path, Message: fmt.Sprintf("%v: end that one first", err),
		})
	}
	return file, nil
}
