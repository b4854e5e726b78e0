package guest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"quarry/internal/vnode"
)

// scriptTimeout is for a boot script that names none.
const scriptTimeout = 5 * time.Minute

// runScripts runs the boot scripts that have not succeeded on this disk yet.
func (g *guest) runScripts(ctx context.Context, id *vnode.Identity) error {
	return g.runAll(ctx, id, batch{stage: vnode.StageScripts, scripts: id.Scripts, mark: marker})
}

// batch is scripts that run one after the other in a stage.
type batch struct {
	stage   string
	prefix  string // of the names of their files
	scripts []vnode.Script
	mark    func(vnode.Script) string // names what was done by it
}

// runAll runs, in order, the scripts that have not succeeded on this disk yet,
// and stops at the first that fails.
func (g *guest) runAll(ctx context.Context, id *vnode.Identity, b batch) error {
	env := environment(id)
	total := len(b.scripts)
	for i, s := range b.scripts {
		if g.done(b.mark(s)) {
			continue
		}
		step := vnode.FromGuest{Type: "step", Stage: b.stage, Step: s.Name, Done: i, Total: total}
		g.tell(step)
		start := time.Now()
		number := fmt.Sprintf("%s%02d", b.prefix, i+1)
		log := fmt.Sprintf("%s/%s-%s.log", logDir, number, plain(s.Name))
		if err := g.runScript(ctx, s, number, log, env, or(s.Timeout, scriptTimeout)); err != nil {
			return errors.Join(&failure{
				stage: b.stage, step: s.Name, done: i, total: total, message: g.explain(err, log),
			}, g.keepDone())
		}
		if err := g.tree.write(file{path: runDir + "/done/" + b.mark(s), mode: 0o600}); err != nil {
			return err
		}
		step.Done, step.Took = i+1, time.Since(start)
		g.tell(step)
		g.log.InfoContext(ctx, "script done", "script", s.Name, "took", step.Took.Round(time.Millisecond))
	}
	return g.keepDone()
}

// runScript puts a script into a file and runs it with its output going to log.
func (g *guest) runScript(ctx context.Context, s vnode.Script, number, log string, env []string, limit time.Duration) error {
	path := stateDir + "/scripts/" + number + "-" + plain(s.Name)
	if err := g.tree.write(file{path: path, mode: 0o700, content: []byte(s.Body)}); err != nil {
		return err
	}
	out, err := g.openLog(log)
	if err != nil {
		return err
	}
	defer out.Close()
	args := []string{g.tree.at(path)}
	if !strings.HasPrefix(s.Body, "#!") {
		args = []string{"/bin/sh", g.tree.at(path)}
	}
	return g.sys.Run(ctx, Command{Args: args, Env: env, Output: out, Timeout: limit})
}

// openLog begins a log anew. Logs are not for everybody: scripts may say much.
func (g *guest) openLog(path string) (*os.File, error) {
	dir := path[:strings.LastIndexByte(path, '/')]
	if err := g.tree.mkdir(dir, 0o750); err != nil {
		return nil, err
	}
	return os.OpenFile(g.tree.at(path), os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o640)
}

// explain is what went wrong with the last lines of the log.
func (g *guest) explain(err error, log string) string {
	lines := lastLines(g.tree.at(log))
	if lines == "" {
		return err.Error()
	}
	return err.Error() + "\n" + lines
}

// marker names a script and its text: a changed script is another script.
func marker(s vnode.Script) string {
	sum := sha256.Sum256([]byte(s.Name + "\x00" + s.Body))
	return hex.EncodeToString(sum[:16])
}

func (g *guest) done(m string) bool {
	return g.tree.exists(runDir+"/done/"+m) || g.tree.exists(stateDir+"/done/"+m)
}

// keepDone makes this boot's markers outlast it. What the scripts wrote goes to
// the disk first, or a power cut could keep a marker and lose the work.
func (g *guest) keepDone() error {
	entries, err := os.ReadDir(g.tree.at(runDir + "/done"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var fresh []string
	for _, e := range entries {
		if !g.tree.exists(stateDir + "/done/" + e.Name()) {
			fresh = append(fresh, e.Name())
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	g.sys.Sync()
	for _, name := range fresh {
		if err := g.tree.write(file{path: stateDir + "/done/" + name, mode: 0o600}); err != nil {
			return err
		}
	}
	return nil
}

// plain makes one file name of "roll/node/script".
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, name)
	return strings.TrimLeft(name[:min(len(name), 100)], ".")
}

func or(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
