package cli

import (
	"context"
	"errors"
)

// runOptions are the flags of manager run.
type runOptions struct {
	dir, cache, listen, rolls, imageLimit string
	verbose                               bool
}

func (o runOptions) run(ctx context.Context, a *app) error { return errors.New("TODO") }
