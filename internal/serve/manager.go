// Package serve wires the manager's daemon together: store, CA, rolls,
// images, controllers and the API, and runs them until it is told to stop.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"quarry/internal/api"
	"quarry/internal/image"
	"quarry/internal/manager"
	"quarry/internal/roll"
	"quarry/internal/store"
)

// ManagerConfig is what the manager's daemon is started with.
type ManagerConfig struct {
	Dir      string // the store; what is in it cannot be had again
	CacheDir string // package indexes, base roots, images; all of it can
	Listen   string // address and port of the API
	// GuestBinary is the program put into every image.
	GuestBinary string
	Suite       string // OS release of the vnodes, "trixie"
	ImageLimit  int64  // bytes that images may take
	Rolls       fs.FS
	Version     string
	Log         *slog.Logger
}

// StorePath is where the store lies in a manager's folder.
func StorePath(dir string) string { return filepath.Join(dir, "quarry.db") }

// Init sets up a site in the folder, unless it is there already.
func Init(ctx context.Context, dir string, site manager.Site) (manager.InitResult, error) {
	st, err := store.Open(ctx, StorePath(dir))
	if err != nil {
		return manager.InitResult{}, err
	}
	defer st.Close()
	return manager.Init(ctx, st, site, time.Now().UTC())
}

// Manager runs the daemon until ctx ends. An error is why it cannot go on.
func Manager(ctx context.Context, cfg ManagerConfig) error {
	st, err := store.Open(ctx, StorePath(cfg.Dir))
	if err != nil {
		return err
	}
	defer st.Close()
	site, err := manager.ReadSite(ctx, st)
	if err != nil {
		return err
	}
	ca, err := manager.ReadCA(ctx, st)
	if err != nil {
		return err
	}
	images, err := openImages(ctx, cfg)
	if err != nil {
		return err
	}
	catalog, err := roll.LoadAll(cfg.Rolls)
	if err != nil {
		return fmt.Errorf("the site's rolls: %w", err)
	}
	m, err := manager.New(ctx, manager.Deps{
		Store: st, CA: ca, Catalog: catalog, Rolls: cfg.Rolls, ImageStore: images,
		Log: cfg.Log, Wall: time.Now, Suite: cfg.Suite, Dir: cfg.Dir, InstallVM: images.CheckVM,
	})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	server := api.NewServer(m, cfg.Log, cfg.Version)
	cfg.Log.InfoContext(ctx, "manager runs", "listen", cfg.Listen, "rolls", len(catalog), "version", cfg.Version)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return m.Run(ctx) })
	group.Go(func() error { return server.Serve(ctx, listener, ca.ServerTLS(site.Hosts, time.Now)) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func openImages(ctx context.Context, cfg ManagerConfig) (*images, error) {
	kept, err := image.OpenStore(filepath.Join(cfg.CacheDir, "images"), cfg.ImageLimit)
	if err != nil {
		return nil, err
	}
	mirror, err := image.MachineMirror(ctx)
	if err != nil {
		return nil, err
	}
	builder, err := image.NewBuilder(image.BuilderConfig{
		Dir: filepath.Join(cfg.CacheDir, "work"), CacheDir: filepath.Join(cfg.CacheDir, "packages"),
		Store: kept, Mirror: mirror, GuestBinary: cfg.GuestBinary, Log: cfg.Log, Accelerator: accelerator(cfg),
	})
	if err != nil {
		return nil, err
	}
	return &images{Builder: builder, Store: kept}, nil
}
