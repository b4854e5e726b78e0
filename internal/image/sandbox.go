package image

import (
	"context"
	_ "embed"
	"os/exec"
)

//go:embed sandbox.sh
var sandboxScript string

// tree is a root tree and the packages that programs in it may be given.
type tree struct {
	root string
	repo string // "" or a folder made by writeRepository
	pool string
	// epoch is the lock's time, which programs in the tree are given for now.
	epoch int64
}

// command makes a command that sees the tree alone: see sandbox.sh.
func (t tree) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := command(ctx, nil, "unshare", append([]string{
		"--mount", "--propagation", "private", "--pid", "--net", "--ipc", "--uts",
		"--fork", "--kill-child=SIGKILL",
		"sh", "-c", sandboxScript, "sandbox", t.root, t.repo, t.pool, name,
	}, args...)...)
	cmd.Dir = "/"
	cmd.Env = t.env()
	return cmd
}

// env is the environment of programs in the tree.
func (t tree) env() []string {
	return append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LC_ALL=C.UTF-8", "HOME=/root", "DEBIAN_FRONTEND=noninteractive", "TZ=UTC",
	}, sameTime(t.epoch)...)
}

// run runs a program in the tree.
func (t tree) run(ctx context.Context, name string, args ...string) error {
	_, err := run(t.command(ctx, name, args...))
	return err
}
