// Package store is the database: everything the manager knows.
//
// Guarantees: when Update returns nil its changes survive a crash of the
// process and of the machine (WAL, synchronous=FULL); updates are serialised
// and all-or-nothing; View sees one snapshot. Errors a person can cause
// (not found, name taken, version changed) are *fault.Error.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrClosed is returned by a Store that was closed.
var ErrClosed = errors.New("store: closed")

// readers bounds how many snapshots are open at once.
const readers = 8

// Store is an open database. Its methods may be called at the same time.
type Store struct {
	path  string
	lock  *os.File // shared lock that keeps Restore away
	write *sql.DB  // one connection
	read  *sql.DB

	jobs    chan *job
	closing chan struct{}
	stopped chan struct{}
	close   sync.Once

	mu      sync.Mutex
	changed chan struct{}
}

// Open opens the database at path, making or migrating it as needed. The file
// is readable by its owner alone: it holds secrets.
func Open(ctx context.Context, path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the store: %w", err)
	}
	lock, err := lockFile(path, syscall.LOCK_SH)
	if err != nil {
		return nil, err
	}
	s := &Store{
		path: path, lock: lock,
		jobs: make(chan *job), closing: make(chan struct{}), stopped: make(chan struct{}),
		changed: make(chan struct{}),
	}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), s.closeFiles())
	}
	go s.writer()
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if s.write, err = openDB(s.path, "immediate", 1); err != nil {
		return err
	}
	if err := migrate(ctx, s.write); err != nil {
		return err
	}
	s.read, err = openDB(s.path, "deferred", readers, "query_only(1)")
	return err
}

// openDB opens path with the pragmas that every connection needs.
func openDB(path, txlock string, conns int, pragmas ...string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	q := url.Values{"_txlock": {txlock}}
	q["_pragma"] = append([]string{
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	}, pragmas...)
	dsn := url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

func provider(db *sql.DB) (*goose.Provider, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, dir, goose.WithDisableGlobalRegistry(true))
}

func migrate(ctx context.Context, db *sql.DB) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if have > want {
		return fmt.Errorf("the schema has version %d and this program knows only %d: use a newer program", have, want)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	return nil
}

// lockFile takes a lock on path+".lock" that ends with the process.
func lockFile(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the store: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock store %s, which another process uses: %w", path, err), f.Close())
	}
	return f, nil
}

// Close waits for the running update and closes the database. Calling it
// again does nothing.
func (s *Store) Close() error {
	var err error
	s.close.Do(func() {
		close(s.closing)
		<-s.stopped
		err = s.closeFiles()
	})
	return err
}

func (s *Store) closeFiles() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// Changed returns a channel that is closed by the next update. Take it before
// reading, so that no change falls in between.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Store) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}
