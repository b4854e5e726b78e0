package serve

import (
	"context"

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
