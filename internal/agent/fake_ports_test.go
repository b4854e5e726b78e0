package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"quarry/internal/api/agentapi"
	"quarry/internal/pnode"
)

type fakeHypervisor struct{ *agentProcess }

func (h fakeHypervisor) await(ctx context.Context) error {
	h.w.mu.Lock()
	hang := h.w.hang
	h.w.mu.Unlock()
	if hang {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (h fakeHypervisor) Version(ctx context.Context) (string, error) {
	return h.w.version, h.await(ctx)
}

func (h fakeHypervisor) ProbeAccelerator(ctx context.Context) (string, error) {
	return h.w.accelerator, h.await(ctx)
}

func (h fakeHypervisor) List(ctx context.Context) ([]guestState, error) {
	if err := h.await(ctx); err != nil {
		return nil, err
	}
	h.w.mu.Lock()
	var list []guestState
	for name, g := range h.w.guests {
		list = append(list, guestState{Name: name, Running: g.running})
	}
	takes := h.w.listTakes
	h.w.mu.Unlock()
	sleep(ctx, takes)
	return list, ctx.Err()
}

func (h fakeHypervisor) Start(ctx context.Context, g guest) error {
	return h.effect("start "+g.Name, func() error {
		if err := h.await(ctx); err != nil {
			return err
		}
		h.w.mu.Lock()
		defer h.w.mu.Unlock()
		if !slices.ContainsFunc(h.w.ports, func(p port) bool { return p.Tap == g.NICs[0].Tap }) {
			h.w.doubled = append(h.w.doubled, g.Name+" started without its port")
		}
		for name, other := range h.w.guests {
			if name != g.Name && other.running && other.guest.Disk == g.Disk {
				h.w.doubled = append(h.w.doubled, g.Name+" and "+name+" on one disk")
			}
		}
		if _, err := os.Stat(g.Disk); err != nil {
			return err
		}
		known := h.w.guests[g.Name]
		if known == nil {
			known = &fakeGuest{w: h.w, busy: make(chan struct{}, 1)}
			h.w.guests[g.Name] = known
		}
		if known.running {
			return nil
		}
		known.guest = g
		known.boot()
		return nil
	})
}

func (h fakeHypervisor) Shutdown(ctx context.Context, name string) error {
	return h.effect("shutdown "+name, func() error {
		h.w.turnOff(name)
		return h.await(ctx)
	})
}

func (h fakeHypervisor) Remove(ctx context.Context, name string) error {
	return h.effect("remove "+name, func() error {
		if err := h.await(ctx); err != nil {
			return err
		}
		h.w.turnOff(name)
		h.w.mu.Lock()
		defer h.w.mu.Unlock()
		delete(h.w.guests, name)
		return nil
	})
}

func (h fakeHypervisor) CreateOverlay(_ context.Context, base, overlay string, _ int) error {
	return h.effect("overlay "+overlay, func() error {
		if _, err := os.Stat(overlay); err == nil {
			return nil
		}
		return os.WriteFile(overlay, []byte(base), 0o600)
	})
}

type fakeFabric struct{ *agentProcess }

func (f fakeFabric) Setup(context.Context) error { return f.w.fabricErr }

func (f fakeFabric) Twins(context.Context) (map[string]uint64, error) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	return maps.Clone(f.w.twins), f.w.fabricErr
}

func (f fakeFabric) HasUplink(context.Context) bool { return true }

func (f fakeFabric) TapName(clusterID, vnode, leg string) string {
	return fmt.Sprintf("%.4s-%.8s%.1s", clusterID, vnode, leg)
}

func (f fakeFabric) Ports(context.Context) ([]port, error) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	return slices.Clone(f.w.ports), f.w.fabricErr
}

func (f fakeFabric) Apply(ctx context.Context, ports []port) error {
	return f.effect(fmt.Sprintf("apply %d ports", len(ports)), func() error {
		if !sleep(ctx, 5*time.Millisecond+f.w.applyTakes) {
			return ctx.Err()
		}
		f.w.mu.Lock()
		defer f.w.mu.Unlock()
		if err := cmp.Or(f.w.fabricErr, f.w.applyErr); err != nil {
			return err
		}
		var bad error
		ports = slices.DeleteFunc(slices.Clone(ports), func(p port) bool {
			if p.Tap == f.w.badTap {
				bad = fmt.Errorf("tap %s cannot be made", p.Tap)
			}
			return p.Tap == f.w.badTap
		})
		open := map[string]bool{}
		for _, p := range ports {
			if p.Outside && p.Open {
				open[p.key.Cluster] = true
				if f.w.opened[p.key.Cluster].IsZero() {
					f.w.opened[p.key.Cluster] = time.Now()
				}
			}
		}
		for id := range f.w.opened {
			if !open[id] && f.w.closed[id].IsZero() {
				f.w.closed[id] = time.Now()
			}
		}
		f.w.ports = ports
		f.w.applies++
		return bad
	})
}

type fakeImages struct{ *agentProcess }

func (i fakeImages) Has(address string) bool {
	i.w.mu.Lock()
	defer i.w.mu.Unlock()
	return i.w.pool[address]
}

func (i fakeImages) Boot(address string) (bootFiles, error) {
	if !i.Has(address) {
		return bootFiles{}, errors.New("no such image")
	}
	return bootFiles{Disk: "/images/" + address, Kernel: "/kernel", Initrd: "/initrd"}, nil
}

func (i fakeImages) List() ([]string, error) {
	i.w.mu.Lock()
	defer i.w.mu.Unlock()
	return slices.Sorted(maps.Keys(i.w.pool)), nil
}

func (i fakeImages) Fetch(ctx context.Context, address string, progress func(int)) error {
	for _, percent := range []int{0, 50, 100} {
		progress(percent)
		if !sleep(ctx, time.Second) {
			return ctx.Err()
		}
	}
	return i.effect("fetch", func() error {
		i.w.mu.Lock()
		defer i.w.mu.Unlock()
		if i.w.remote == nil {
			return errors.New("manager is down")
		}
		i.w.pool[address] = true
		i.w.fetched[address]++
		return nil
	})
}

func (i fakeImages) Prune(func(string) bool) error { return nil }

type fakeManager struct{ *agentProcess }

func (m fakeManager) Watch(ctx context.Context, accept func(pnode.Desired) error) error {
	for {
		newer := m.w.newer.wait()
		m.w.mu.Lock()
		d := m.w.remote
		m.w.mu.Unlock()
		if d == nil {
			return errors.New("manager is down")
		}
		if err := accept(*d); err != nil {
			return err
		}
		select {
		case <-newer:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m fakeManager) RenewAt() time.Time {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	return m.w.renewAt
}

func (m fakeManager) Renew(_ context.Context, keep func(agentapi.Enrolled) error) error {
	if err := keep(agentapi.Enrolled{Key: []byte("key"), Certificate: []byte("new"), CA: []byte("ca")}); err != nil {
		return err
	}
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	m.w.renewAt = m.w.renewAt.AddDate(1, 0, 0)
	return nil
}

func (m fakeManager) Report(_ context.Context, r pnode.Report) (time.Time, error) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	if m.w.remote == nil {
		return time.Time{}, errors.New("manager is down")
	}
	m.w.reports = append(m.w.reports, r)
	return time.Now(), nil
}
