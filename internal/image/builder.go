package image

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"quarry/internal/render"
)

// BuilderConfig is what a [Builder] works with.
type BuilderConfig struct {
	// Dir is for work under way; a crash's remains are removed from it.
	Dir string
	// CacheDir holds indexes, packages and base roots: all of it can be had again.
	CacheDir string
	Store    *Store
	Mirror   Mirror
	// GuestBinary is the guest program put into every image.
	GuestBinary string
	// Accelerator says how throwaway machines run here, "kvm" or "tcg", or why
	// they cannot; nil where none may be made.
	Accelerator func(context.Context) (string, error)
	Log         *slog.Logger
	// RefreshEvery is how old the indexes may get before Lock asks the mirror
	// again; 0 means a day. Without the mirror old indexes keep serving.
	RefreshEvery time.Duration
}

// Builder locks recipes and builds images of locks, as root.
type Builder struct {
	cfg    BuilderConfig
	log    *slog.Logger
	now    func() time.Time
	aptMu  sync.Mutex             // apt, and the cache of locks
	locks  map[string]render.Lock // those of the cache that were used, by path
	guest  digested               // the guest program
	builds flights                // by address
	bases  flights                // by base key
	pool   flights                // by digest of the list of packages
}

// NewBuilder makes a builder and removes what a crash left in its Dir.
func NewBuilder(cfg BuilderConfig) (*Builder, error) {
	if cfg.RefreshEvery == 0 {
		cfg.RefreshEvery = 24 * time.Hour
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	for _, dir := range []*string{&cfg.Dir, &cfg.CacheDir} {
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return nil, fmt.Errorf("image builder: %w", err)
		}
		*dir = abs
		if err := os.MkdirAll(abs, 0o700); err != nil {
			return nil, fmt.Errorf("image builder: %w", err)
		}
	}
	if err := removeStaged(cfg.Dir); err != nil {
		return nil, err
	}
	if err := removeStaged(filepath.Join(cfg.CacheDir, "base")); err != nil {
		return nil, err
	}
	return &Builder{cfg: cfg, log: cfg.Log, now: time.Now}, nil
}

func removeStaged(dir string) error {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("image builder: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), stagePrefix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("image builder: %w", err)
		}
	}
	return nil
}
