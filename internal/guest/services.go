package guest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"quarry/internal/vnode"
)

const serviceTimeout = 5 * time.Minute

// reloadDir holds a file for each unit that has still to read what changed.
const reloadDir = runDir + "/reload"

// replace writes a file that a unit reads. That the unit has to read it again
// is noted first, so that a crash in between forgets nothing; a file that was
// not there before was read by nobody.
func (g *guest) replace(unit string, f file) error {
	if full := g.tree.at(f.path); unit != "" && g.tree.exists(f.path) && !g.tree.same(full, f) {
		if err := g.tree.write(file{path: reloadDir + "/" + unit, mode: 0o600}); err != nil {
			return err
		}
	}
	return g.tree.write(f)
}

// reload lets the units that run read again what changed.
func (g *guest) reload(ctx context.Context) error {
	entries, err := os.ReadDir(g.tree.at(reloadDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		again := Command{Args: []string{"systemctl", "try-reload-or-restart", "--", e.Name()}, Timeout: serviceTimeout}
		if err := g.sys.Run(ctx, again); err != nil {
			return &failure{
				stage: vnode.StageScripts, step: e.Name(),
				message: fmt.Sprintf("it does not take up what changed: %v\n%s", err, g.journal(ctx, e.Name())),
			}
		}
		if err := g.tree.remove(reloadDir + "/" + e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// startServices starts the units that must wait for the boot scripts, all in
// one transaction so that systemd starts them side by side.
func (g *guest) startServices(ctx context.Context, id *vnode.Identity) error {
	if len(id.Services) == 0 {
		return nil
	}
	start := Command{Args: append([]string{"systemctl", "start", "--"}, id.Services...), Timeout: serviceTimeout}
	err := g.sys.Run(ctx, start)
	if err == nil {
		return nil
	}
	for _, unit := range id.Services {
		active := Command{Args: []string{"systemctl", "is-active", "--quiet", "--", unit}, Timeout: time.Minute}
		if g.sys.Run(ctx, active) == nil {
			continue
		}
		return &failure{
			stage: vnode.StageScripts, step: unit,
			message: fmt.Sprintf("%v\n%s", err, g.journal(ctx, unit)),
		}
	}
	return &failure{stage: vnode.StageScripts, step: id.Services[0], message: err.Error()}
}

// journal returns a unit's last lines.
func (g *guest) journal(ctx context.Context, unit string) string {
	path := runDir + "/journal"
	out, err := g.openLog(path)
	if err != nil {
		return ""
	}
	defer g.tree.remove(path)
	defer out.Close()
	read := Command{
		Args:   []string{"journalctl", "--no-pager", "--output=cat", "--lines=20", "--unit=" + unit},
		Output: out, Timeout: time.Minute,
	}
	if err := g.sys.Run(ctx, read); err != nil {
		return ""
	}
	return lastLines(out.Name())
}
