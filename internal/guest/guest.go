// Package guest runs inside a vnode: it takes the vnode's identity from the
// agent, makes the machine that vnode, runs the boot scripts and the health
// checks of its rolls, and says on the channel how far it is.
//
// Guarantees: every step compares with what is there, so all of it may be
// repeated after a crash at any line; a boot script that has succeeded on this
// disk is not run again; the agent may come late, vanish and come back at any
// time; what is current is repeated every few seconds, so no single message
// matters; an identity, which holds secrets, is never logged. All files lie
// under Config.Root and everything else that touches the machine goes through
// System, so tests need neither root nor a machine of their own.
package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"quarry/internal/vnode"
)

// clockTolerance is how far the clock may be off before it is set.
const clockTolerance = 2 * time.Second

// Config is what a guest needs to run.
type Config struct {
	// Root is the folder that stands for "/".
	Root string
	// BootID is the kernel's random boot id.
	BootID string
	// Open waits for the agent and returns the channel to it; it is called
	// again after a connection ended.
	Open func(context.Context) (io.ReadWriteCloser, error)
	// Applied is called each time the identity has been applied: units that
	// need a host name, addresses or keys may start from then on.
	Applied func() error
	System  System
	Log     *slog.Logger
}

type guest struct {
	sys   System
	tree  tree
	log   *slog.Logger
	link  *link
	inbox *inbox
	// assembled is what the agent said last of the vnodes of the cluster.
	assembled *signal
	applied   func() error
	// ready is set once the vnode was ready. A newer identity is taken up
	// without a word then: the vnode is in use, and stays ready unless the
	// identity makes it fail. Only Run's own goroutine uses it.
	ready bool
	use   usage // watched by Run's own goroutine only

	notices *notices
}

// Run is the guest's whole life. It ends when ctx does.
func Run(ctx context.Context, cfg Config) error {
	g := &guest{
		sys:       cfg.System,
		tree:      tree{root: cfg.Root, sys: cfg.System},
		log:       cfg.Log,
		inbox:     newInbox(),
		assembled: newSignal(),
		applied:   cfg.Applied,
		notices:   newNotices(),
	}
	g.link = &link{open: cfg.Open, bootID: cfg.BootID, handle: g.handle, log: cfg.Log, wake: make(chan struct{}, 1)}

	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { g.link.run(ctx) })
	wg.Go(func() { g.growRoot(ctx) })
	wg.Go(func() { g.showNotices(ctx) })
	g.recall(ctx)
	for {
		id, newer, err := g.inbox.take(ctx)
		if err != nil {
			return err
		}
		g.converge(ctx, id, newer)
	}
}

func (g *guest) growRoot(ctx context.Context) {
	if err := g.sys.GrowRoot(); err != nil {
		g.log.WarnContext(ctx, "root file system not grown to its disk", "error", err)
	}
}

// handle acts on one message of the agent. It must not block for long: it is
// called between two reads of the channel.
func (g *guest) handle(ctx context.Context, m vnode.ToGuest) {
	switch m.Type {
	case "identity":
		g.setClock(ctx, m.Time)
		if m.Identity == nil {
			g.log.WarnContext(ctx, "identity message without identity")
			return
		}
		g.link.settled()
		g.assembled.set(m.Assembled)
		g.notices.set(m.Notices)
		g.inbox.put(m.Identity)
	case "ping":
		g.link.repeat()
	case "shutdown":
		g.shutdown(ctx)
	default:
		g.log.WarnContext(ctx, "message of unknown type ignored")
	}
}

func (g *guest) setClock(ctx context.Context, agent time.Time) {
	if agent.IsZero() || time.Since(agent).Abs() <= clockTolerance {
		return
	}
	if err := g.sys.SetClock(agent); err != nil {
		g.log.WarnContext(ctx, "clock not set", "error", err)
	}
}

func (g *guest) shutdown(ctx context.Context) {
	g.log.InfoContext(ctx, "shutdown asked for")
	err := g.sys.Run(ctx, Command{Args: []string{"systemctl", "poweroff"}, Timeout: 20 * time.Second})
	if err == nil {
		return
	}
	g.log.WarnContext(ctx, "clean shutdown failed, powering off", "error", err)
	if err := g.sys.Run(ctx, Command{Args: []string{"poweroff", "-f"}, Timeout: 20 * time.Second}); err != nil {
		g.log.ErrorContext(ctx, "power off failed", "error", err)
	}
}

// converge makes the machine what id says and watches its health until a newer
// identity comes. Applying and scripts are never broken off half way.
func (g *guest) converge(ctx context.Context, id *vnode.Identity, newer <-chan struct{}) {
	untilNewer, cancel := whileOpen(ctx, newer)
	defer cancel()
	err := g.prepare(ctx, id)
	if err == nil {
		err = g.join(ctx, untilNewer, id)
	}
	if err == nil {
		g.watch(untilNewer, id)
		return
	}
	if untilNewer.Err() != nil && errors.Is(err, context.Canceled) {
		return
	}
	if ctx.Err() != nil {
		return
	}
	g.ready = false
	g.log.ErrorContext(ctx, "vnode failed", "error", err)
	g.link.report(failed(err))
}

// prepare is everything that comes before the checks.
func (g *guest) prepare(ctx context.Context, id *vnode.Identity) error {
	start := time.Now()
	g.tell(vnode.FromGuest{Type: "step", Stage: vnode.StageIdentity, Total: 1})
	if err := g.apply(ctx, id); err != nil {
		return &failure{stage: vnode.StageIdentity, message: err.Error()}
	}
	if err := g.remember(id); err != nil {
		return &failure{stage: vnode.StageIdentity, message: err.Error()}
	}
	if err := g.applied(); err != nil {
		return &failure{stage: vnode.StageIdentity, message: fmt.Sprintf("tell systemd: %v", err)}
	}
	g.tell(vnode.FromGuest{
		Type: "step", Stage: vnode.StageIdentity, Done: 1, Total: 1, Took: time.Since(start),
	})
	if err := g.runScripts(ctx, id); err != nil {
		return err
	}
	if err := g.reload(ctx); err != nil {
		return err
	}
	return g.startServices(ctx, id)
}

// tell reports a step on the way to ready.
func (g *guest) tell(m vnode.FromGuest) {
	if !g.ready {
		g.link.report(m)
	}
}

const identityFile = stateDir + "/identity.json"

// recall takes up the identity of an earlier boot, so that a vnode comes back
// without its agent. It is left alone when the machine's links are not those
// of the identity: then the disk has become another vnode's.
func (g *guest) recall(ctx context.Context) {
	raw, err := g.tree.read(identityFile)
	if err != nil {
		return
	}
	id := new(vnode.Identity)
	if err := json.Unmarshal(raw, id); err != nil {
		g.log.WarnContext(ctx, "stored identity is damaged, waiting for the agent")
		return
	}
	links, err := g.sys.Links()
	if err != nil || len(missing(links, id.Legs)) > 0 {
		g.log.InfoContext(ctx, "stored identity does not fit the links, waiting for the agent")
		return
	}
	g.inbox.put(id)
}

func (g *guest) remember(id *vnode.Identity) error {
	raw, err := json.Marshal(id)
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	return g.tree.write(file{path: identityFile, mode: 0o600, content: raw})
}

// failure is the end of a vnode's preparation, in words for its tenant.
type failure struct {
	stage, step string
	done, total int
	message     string
}

func (f *failure) Error() string {
	if f.step == "" {
		return f.stage + ": " + f.message
	}
	return f.stage + ": " + f.step + ": " + f.message
}

func failed(err error) vnode.FromGuest {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{message: err.Error()}
	}
	return vnode.FromGuest{
		Type: "failed", Stage: f.stage, Step: f.step, Done: f.done, Total: f.total, Message: f.message,
	}
}
