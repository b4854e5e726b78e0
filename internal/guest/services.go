package guest

import (
	"context"
	"fmt"
	"time"

	"quarry/internal/vnode"
)

const serviceTimeout = 5 * time.Minute

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
