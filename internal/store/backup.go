package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"quarry/internal/fault"
)

// Backup writes a copy of the whole database, as of one instant, to a new
// file at path while the store goes on working. The file holds secrets and is
// readable by its owner alone.
func (s *Store) Backup(ctx context.Context, path string) error {
	part := path + ".partial"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("backup: %w", err)
	}
	if err := s.backup(ctx, part); err != nil {
		return errors.Join(fmt.Errorf("backup to %s: %w", path, err), removeIfThere(part))
	}
	if err := os.Link(part, path); err != nil { // unlike a rename it never overwrites
		err = errors.Join(err, removeIfThere(part))
		if errors.Is(err, os.ErrExist) {
			return fault.New(fault.Conflict, "the backup's file exists already",
				fault.Detail{Message: fmt.Sprintf("%s exists: name another file or remove it", path)})
		}
		return fmt.Errorf("backup: %w", err)
	}
	return errors.Join(removeIfThere(part), syncDir(filepath.Dir(path)))
}

func (s *Store) backup(ctx context.Context, part string) error {
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	db, err := openDB(s.path, "deferred", 1)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", part); err != nil {
		return err
	}
	return f.Sync()
}

// Restore puts the backup at from in place as the database at path. It checks
// the backup first, refuses while a manager has the database open, and
// replaces an existing database only when overwrite is set.
func Restore(ctx context.Context, from, path string, overwrite bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	lock, err := lockFile(path, syscall.LOCK_EX)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fault.New(fault.Refused, "the store is in use",
			fault.Detail{Message: fmt.Sprintf("a manager has %s open: stop it first", path)})
	}
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if _, err := os.Stat(path); err == nil && !overwrite {
		return fault.New(fault.Conflict, "the store exists already",
			fault.Detail{Message: fmt.Sprintf("%s exists and would be overwritten: say so, or move it away", path)})
	}
	part := path + ".restored"
	if err := copyFile(from, part); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	err = check(ctx, part)
	for _, suffix := range []string{"-wal", "-shm"} {
		err = errors.Join(err, removeIfThere(part+suffix))
	}
	if err != nil {
		return errors.Join(fault.New(fault.Invalid, "the backup cannot be used",
			fault.Detail{Field: from, Message: err.Error()}), removeIfThere(part))
	}
	// The old log first: beside a new database it would be played into it.
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := removeIfThere(path + suffix); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// check says what is wrong with the database file at path.
func check(ctx context.Context, path string) (err error) {
	db, err := openDB(path, "deferred", 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := checkPragma(ctx, db, "integrity_check"); err != nil {
		return err
	}
	if err := checkPragma(ctx, db, "foreign_key_check"); err != nil {
		return err
	}
	var tables int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name IN ('goose_db_version', 'clusters')").Scan(&tables)
	if err != nil {
		return err
	}
	if tables != 2 {
		return errors.New("it is a database of something else")
	}
	p, err := provider(db)
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if have < 1 || have > want {
		return fmt.Errorf("its schema has version %d and this program knows 1 to %d", have, want)
	}
	return nil
}

// checkPragma runs a pragma that answers with nothing, or "ok", when all is well.
func checkPragma(ctx context.Context, db *sql.DB, name string) (err error) {
	rows, err := db.QueryContext(ctx, "PRAGMA "+name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	var wrong []string
	for rows.Next() && len(wrong) < 10 {
		row, dest := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if row[0].String != "ok" {
			wrong = append(wrong, row[0].String)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s: %s", name, strings.Join(wrong, "; "))
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	if err := removeIfThere(to); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Sync()
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func syncDir(dir string) (err error) {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Sync()
}
