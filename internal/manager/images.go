package manager

import (
	"context"
	"net/http"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/store"
)

// ImageInfo describes an image in the manager's store.
type ImageInfo struct {
	Address   string    `json:"address"`
	CreatedAt time.Time `json:"createdAt"`
	UsedAt    time.Time `json:"usedAt"`
	Bytes     int64     `json:"bytes"` // on disk
	// Clusters are the live ones that boot it, as "tenant/name".
	Clusters []string `json:"clusters"`
}

// build is an image on its way.
type build struct {
	stage   string
	percent int
	begun   time.Time
	failed  error
	retryAt time.Duration // by Elapsed
}

const buildRetry = 20 * time.Second

// ImageHandler serves the images to agents.
func (m *Manager) ImageHandler() http.Handler { return m.ImageStore.Handler() }

// buildMissing begins to make the images of a cluster that are not there yet,
// or failed a while ago. Images are made as soon as a cluster is booked: a
// machine that is idle now may not be later.
func (m *Manager) buildMissing(ctx context.Context, c cluster.Cluster, d dossier, now time.Time) {
	for _, p := range d.addresses() {
		if m.ImageStore.Has(p.Address) {
			continue
		}
		m.mu.Lock()
		b := m.builds[p.Address]
		due := b == nil || b.failed != nil && m.clock.Elapsed() >= b.retryAt
		if due {
			m.builds[p.Address] = &build{stage: "waiting", begun: now}
		}
		m.mu.Unlock()
		if due {
			m.Log.InfoContext(ctx, "image build begins", "address", p.Address, "cluster", c.Name, "appliance", p.Profile.Appliance)
			m.work.Go(func() { m.makeImage(ctx, p) })
		}
	}
}

func (m *Manager) makeImage(ctx context.Context, p plan) {
	slot, own := m.building, hasOwnScripts(p.Lock.Recipe.Scripts)
	if own {
		slot = m.buildingOwn
	}
	slot <- struct{}{} // one at a time: they are made of CPU and disk
	defer func() { <-slot }()
	begun := m.clock.Elapsed()
	err := m.ImageStore.Build(ctx, p.Lock, func(stage string, percent int) {
		m.mu.Lock()
		if b := m.builds[p.Address]; b != nil {
			b.stage, b.percent = stage, percent
		}
		m.mu.Unlock()
		m.poke()
	})
	took := m.clock.Elapsed() - begun
	retry := buildRetry
	if own { // a script that fails will fail again: half the time is for others
		retry = max(retry, took)
	}
	m.mu.Lock()
	if err != nil {
		m.builds[p.Address] = &build{failed: err, retryAt: m.clock.Elapsed() + retry}
	} else {
		delete(m.builds, p.Address)
	}
	m.mu.Unlock()
	if err != nil {
		m.Log.ErrorContext(ctx, "image build failed", "address", p.Address, "error", err)
	} else {
		m.Log.InfoContext(ctx, "image built", "address", p.Address, "seconds", took.Seconds())
		m.remember(ctx, buildSample(p, took, m.Now()))
		if _, err := m.prune(ctx); err != nil {
			m.Log.WarnContext(ctx, "images not pruned", "error", err)
		}
	}
	m.poke()
}

// Images lists the images in the manager's store.
func (m *Manager) Images(ctx context.Context, p Principal) ([]ImageInfo, error) {
	if err := provider(p); err != nil {
		return nil, err
	}
	list, err := m.ImageStore.List()
	if err != nil {
		return nil, err
	}
	used, err := m.imagesInUse(ctx)
	for i := range list {
		list[i].Clusters = append([]string{}, used[list[i].Address]...)
	}
	return list, err
}

// imagesInUse maps image addresses to the live clusters that boot them.
func (m *Manager) imagesInUse(ctx context.Context) (map[string][]string, error) {
	used := map[string][]string{}
	err := m.Store.View(ctx, func(tx *store.Tx) error {
		live, err := tx.Clusters(store.ClusterFilter{Live: true})
		for _, c := range live {
			seen := map[string]bool{}
			for _, n := range c.Nodes {
				if !seen[n.Image] {
					seen[n.Image] = true
					used[n.Image] = append(used[n.Image], c.Tenant+"/"+c.Name)
				}
			}
		}
		return err
	})
	return used, err
}

// BuildImages makes the images of all appliances of the given rolls now, so
// that the first cluster of them does not wait. It returns their addresses
// when they are there.
func (m *Manager) BuildImages(ctx context.Context, p Principal, rolls []string) ([]string, error) {
	if err := provider(p); err != nil {
		return nil, err
	}
	shelf, err := m.shelf(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	sel, err := shelf.catalog.Select(rolls)
	if err != nil {
		return nil, err
	}
	spec := cluster.Spec{Rolls: rolls}
	for _, a := range sel.Appliances() {
		spec.Nodes = append(spec.Nodes, cluster.Group{Appliance: a.Name, Count: max(1, a.Count)})
	}
	ch, wrong, err := m.choose(ctx, shelf.catalog, spec)
	if err != nil {
		return nil, err
	}
	if len(wrong) > 0 {
		return nil, fault.New(fault.Invalid, "the images cannot be made", wrong...)
	}
	var made []string
	for _, appliance := range sortedKeys(ch.plans) {
		pl := ch.plans[appliance]
		if err := m.ImageStore.Build(ctx, pl.Lock, func(string, int) {}); err != nil {
			return made, err
		}
		made = append(made, pl.Address)
	}
	return made, nil
}

// PruneImages removes images that no live cluster boots, least recently used
// first, down to the store's limit, and returns their addresses.
func (m *Manager) PruneImages(ctx context.Context, p Principal) ([]string, error) {
	if err := provider(p); err != nil {
		return nil, err
	}
	return m.prune(ctx)
}

func (m *Manager) prune(ctx context.Context) ([]string, error) {
	used, err := m.imagesInUse(ctx)
	if err != nil {
		return nil, err
	}
	return m.ImageStore.Prune(func(address string) bool { return len(used[address]) > 0 })
}
