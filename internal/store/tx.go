package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"quarry/internal/fault"
)

// batch bounds how many updates share one commit.
const batch = 64

// Tx is one transaction. It must not be used after the function it was given
// to returned, nor by two goroutines.
type Tx struct {
	ctx context.Context
	sql *sql.Tx
	job *job // nil in a View
}

// Undo registers what takes back an effect outside the database in case the
// transaction has none after all: because its function, or the commit, fails.
// It runs before any later update does; the last one registered runs first.
func (t *Tx) Undo(f func()) {
	if t.job != nil {
		t.job.undo = append(t.job.undo, f)
	}
}

// job is one waiting update.
type job struct {
	ctx   context.Context
	fn    func(*Tx) error
	err   error // of fn, or of the commit
	panic any
	undo  []func()
	done  chan struct{}
}

// unwind takes back what the job did outside the database.
func (j *job) unwind() {
	for i := len(j.undo) - 1; i >= 0; i-- {
		j.undo[i]()
	}
	j.undo = nil
}

// Update runs fn in one writing transaction. It is durable when Update
// returns nil and has no effect when it returns an error. fn sees the effects
// of every update before it; it must not call Update itself, and must not
// wait for anything but the transaction. Updates that wait at the same time share
// one commit.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	// A statement that is interrupted would roll back its neighbours too, so
	// a cancelled context is honoured only before fn starts.
	j := &job{ctx: ctx, fn: fn, done: make(chan struct{})}
	select {
	case s.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return ErrClosed
	}
	<-j.done
	if j.panic != nil {
		panic(j.panic)
	}
	return j.err
}

// writer is the one goroutine that writes.
func (s *Store) writer() {
	defer close(s.stopped)
	for {
		select {
		case j := <-s.jobs:
			s.commit(j)
		case <-s.closing:
			return
		}
	}
}

// commit runs first and whatever else waits, and reports to each.
func (s *Store) commit(first *job) {
	var jobs []*job
	defer func() {
		for _, j := range jobs {
			close(j.done)
		}
	}()
	fail := func(err error) {
		for _, j := range slices.Backward(jobs) {
			j.unwind()
			if j.err == nil {
				j.err = err
			}
		}
	}
	jobs = append(jobs, first)
	tx, err := s.write.BeginTx(context.Background(), nil)
	if err != nil {
		fail(fmt.Errorf("begin update: %w", err))
		return
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	wrote := false
	for next := first; next != nil; {
		ok, err := next.run(tx)
		if err != nil {
			fail(err)
			return
		}
		wrote = wrote || ok
		next = nil
		if len(jobs) < batch {
			select {
			case next = <-s.jobs:
				jobs = append(jobs, next)
			default:
			}
		}
	}
	if err := tx.Commit(); err != nil {
		fail(fmt.Errorf("commit update: %w", err))
		return
	}
	if wrote {
		s.notify()
	}
}

// run runs one job inside a savepoint. It returns whether the job succeeded,
// and an error only when the whole transaction is lost.
func (j *job) run(tx *sql.Tx) (ok bool, err error) {
	if j.err = j.ctx.Err(); j.err != nil {
		return false, nil
	}
	ctx := context.WithoutCancel(j.ctx)
	if _, err := tx.ExecContext(ctx, "SAVEPOINT job"); err != nil {
		return false, fmt.Errorf("begin update: %w", err)
	}
	func() {
		returned := false
		defer func() {
			if !returned { // a panic belongs to the caller's goroutine
				j.panic = recover()
				if j.panic == nil {
					j.panic = "store: the update's goroutine was ended"
				}
			}
		}()
		j.err = j.fn(&Tx{ctx: ctx, sql: tx, job: j})
		returned = true
	}()
	end := "RELEASE job"
	if j.err != nil || j.panic != nil {
		j.unwind()
		end = "ROLLBACK TO job; RELEASE job"
	}
	if _, err := tx.ExecContext(ctx, end); err != nil {
		return false, fmt.Errorf("end update: %w", errors.Join(err, j.err))
	}
	return j.err == nil && j.panic == nil, nil
}

// View runs fn on one snapshot. fn cannot write.
func (s *Store) View(ctx context.Context, fn func(*Tx) error) error {
	tx, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin view: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	return fn(&Tx{ctx: ctx, sql: tx})
}

// exec runs a statement and returns how many rows it touched.
func (t *Tx) exec(query string, args ...any) (int64, error) {
	res, err := t.sql.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// scanner is a row, of *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// list reads every row with scan.
func list[T any](t *Tx, scan func(scanner) (T, error), query string, args ...any) (out []T, err error) {
	rows, err := t.sql.QueryContext(t.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// one reads the first row; what names the object when there is none.
func one[T any](t *Tx, what, id string, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	v, err := scan(t.sql.QueryRowContext(t.ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return v, notFound(what, id)
	}
	return v, err
}

func notFound(what, id string) error {
	return fault.New(fault.NotFound, "no such "+what,
		fault.Detail{Message: fmt.Sprintf("there is no %s %q", what, id)})
}

// taken turns a broken uniqueness into a fault that says what exists already,
// and a broken reference into one that says what is missing.
func taken(err error, what, id string) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return fault.New(fault.Conflict, what+" exists already",
			fault.Detail{Message: fmt.Sprintf("there is a %s %q already: choose another name", what, id)})
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fault.New(fault.NotFound, what+" refers to something that does not exist",
			fault.Detail{Message: fmt.Sprintf("what %s %q belongs to does not exist: make it first", what, id)})
	}
	return err
}

func ms(t time.Time) int64 { return t.UnixMilli() }

func fromMS(v int64) time.Time { return time.UnixMilli(v).UTC() }

func nullMS(t *time.Time) sql.NullInt64 {
	if t == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: ms(*t), Valid: true}
}

func fromNullMS(v sql.NullInt64) *time.Time {
	if !v.Valid {
		return nil
	}
	t := fromMS(v.Int64)
	return &t
}
