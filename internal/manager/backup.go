package manager

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Backup writes a consistent copy of the store while the manager runs. It
// holds every secret of the site: only the provider gets it.
func (m *Manager) Backup(ctx context.Context, p Principal, w io.Writer) error {
	if err := provider(p); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(m.Dir, "backup-")
	if err != nil {
		return fmt.Errorf("make a folder for the backup: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "store.db")
	if err := m.Store.Backup(ctx, path); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("send the backup: %w", err)
	}
	return nil
}
