package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"quarry/internal/clock"
	"quarry/internal/pnode"
)

// agent is everything one agent knows and has going on.
type agent struct {
	deps
	cfg      Config
	files    files
	log      *slog.Logger
	clock    *clock.Site
	observer *observer
	starts   chan struct{} // a place per guest that may be starting

	kick    chan struct{} // plan again
	changed broadcast     // something that is reported changed
	wired   broadcast     // a round was applied to the switch
	known   broadcast     // facts were measured
	renewed broadcast     // there is a newer desired state

	mu       sync.Mutex
	desired  *pnode.Desired // nil: unknown, touch nothing
	ledger   map[string]entry
	runners  map[Key]*runner
	applied  wiring
	facts    facts
	troubles map[string]string // by what is in trouble
	contact  bool              // the manager is heard
	// superseded are the vnodes that run elsewhere now, by the incarnation
	// that was here.
	superseded map[Key]int

	fabricSetUp bool // used by converge only

	work sync.WaitGroup // runners
}

func newAgent(cfg Config, d deps) *agent {
	cfg = cfg.withDefaults()
	a := &agent{
		deps: d, cfg: cfg, log: cfg.Log, files: files{dir: cfg.Dir}, clock: clock.New(d.wall, d.elapsed, cfg.Log),
		starts: make(chan struct{}, cfg.Starts), kick: make(chan struct{}, 1),
		ledger: map[string]entry{}, runners: map[Key]*runner{}, troubles: map[string]string{},
	}
	a.observer = newObserver(func(ctx context.Context) ([]guestState, error) {
		guests, err := d.hypervisor.List(ctx)
		a.trouble("hypervisor", err)
		return guests, err
	}, cfg.Log)
	return a
}

// now is the site's time: the manager's once that was heard, while this
// machine's own clock says otherwise.
func (a *agent) now() time.Time { return a.clock.Now() }

// run converges until the context ends. Guests go on running after that.
func (a *agent) run(ctx context.Context) error {
	if err := a.load(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	for _, part := range []func(context.Context){
		a.observer.run, a.measure, a.converge, a.removeStrays, a.prefetch, a.follow, a.report, a.renewCertificate, a.fence,
	} {
		group.Go(func() { part(ctx) })
	}
	group.Wait()
	a.work.Wait()
	return nil
}

// load takes up what an earlier run of the agent left.
func (a *agent) load(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.files.setUp(); err != nil {
		return err
	}
	desired, err := a.files.desired()
	if err != nil {
		a.log.ErrorContext(ctx, "cannot read the desired state, waiting for the manager", "error", err)
		a.setTrouble("desired", err)
	}
	a.desired = desired
	ledger, err := a.files.ledger()
	if err != nil {
		a.log.WarnContext(ctx, "cannot read when clusters opened", "error", err)
	}
	clusters, err := a.files.clusters()
	if err != nil {
		return fmt.Errorf("look for vnodes: %w", err)
	}
	for _, id := range clusters {
		e := ledger[id]
		e.Gone = nil
		ledger[id] = e
	}
	a.ledger = ledger
	found, err := a.files.vnodes()
	if err != nil {
		return fmt.Errorf("look for vnodes: %w", err)
	}
	for key, rec := range found {
		a.runners[key] = newRunner(a, key, rec)
	}
	return nil
}

// accept takes a desired state from the manager: older ones are refused, and
// nothing is done about a new one before it is on disk.
func (a *agent) accept(ctx context.Context, d pnode.Desired) error {
	if err := checkDesired(d); err != nil {
		err = fmt.Errorf("desired state %d.%d is refused: %w", d.Epoch, d.Generation, err)
		a.trouble("desired", err)
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.contact = true
	a.superseded = nil // the manager knows better
	if old := a.desired; old != nil && !d.Newer(*old) {
		if old.Newer(d) {
			a.log.WarnContext(ctx, "refused an older desired state",
				"epoch", d.Epoch, "generation", d.Generation, "held_epoch", old.Epoch, "held_generation", old.Generation)
		}
		return nil
	}
	if err := a.files.write(desiredFile, d); err != nil {
		a.setTrouble("desired", err)
		return err
	}
	a.setTrouble("desired", nil)
	a.desired = &d
	poke(a.kick)
	a.renewed.fire()
	a.changed.fire()
	return nil
}

// trouble notes what is wrong with a part of the machine; nil ends it.
func (a *agent) trouble(with string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.setTrouble(with, err)
}

func (a *agent) setTrouble(with string, err error) {
	text := ""
	if err != nil {
		text = cleanText(with+": "+err.Error(), maxLine)
	}
	if a.troubles[with] == text {
		return
	}
	if text == "" {
		delete(a.troubles, with)
	} else {
		a.troubles[with] = text
	}
	a.changed.fire()
}

// actual is what is there, as far as the plan needs it. a.mu is held.
func (a *agent) actual() actual {
	var now actual
	now.present = slices.SortedFunc(maps.Keys(a.runners), compareKeys)
	for id, e := range a.ledger {
		if e.Gone == nil {
			now.clusters = append(now.clusters, id)
		}
	}
	slices.Sort(now.clusters)
	now.superseded = a.superseded
	return now
}

// socket is the path of a guest's channel; it is short, since the kernel
// allows 107 bytes only.
func (f files) socket(k Key) string {
	sum := sha256.Sum256([]byte(k.Cluster + "/" + k.Vnode))
	return filepath.Join(f.dir, socketsDir, hex.EncodeToString(sum[:8])+".sock")
}
