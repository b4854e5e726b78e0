package serve

import (
	"context"
	"path/filepath"

	"quarry/internal/hypervisor"
	"quarry/internal/image"
	"quarry/internal/manager"
	"quarry/internal/render"
)

// images is the builder and the store as the manager sees them.
type images struct {
	*image.Builder
	*image.Store
}

// Build makes the image of a lock unless it is there.
func (i *images) Build(ctx context.Context, l render.Lock, progress func(stage string, percent int)) error {
	_, err := i.Builder.Build(ctx, l, progress)
	return err
}

// List describes every image.
func (i *images) List() ([]manager.ImageInfo, error) {
	entries, err := i.Store.List()
	var list []manager.ImageInfo
	for _, e := range entries {
		list = append(list, manager.ImageInfo{Address: e.Address, CreatedAt: e.CreatedAt, UsedAt: e.UsedAt, Bytes: e.Bytes})
	}
	return list, err
}

// accelerator finds out how throwaway machines run here, as an agent does of
// its pnode.
func accelerator(cfg ManagerConfig) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		return hypervisor.ProbeAccelerator(ctx, hypervisor.ProbeConfig{
			Cache: filepath.Join(cfg.CacheDir, "accelerator.json"), Log: cfg.Log,
		})
	}
}
