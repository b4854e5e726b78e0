package manager

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"quarry/internal/clock"
	"quarry/internal/estimate"
	"quarry/internal/ledger"
	"quarry/internal/pki"
	"quarry/internal/pnode"
	"quarry/internal/render"
	"quarry/internal/roll"
	"quarry/internal/roll/archive"
	"quarry/internal/store"
)

// ImageStore makes and keeps images: the image package's builder and store, or a
// fake.
type ImageStore interface {
	// Lock pins a recipe's packages; unknown ones are a fault.Invalid.
	Lock(ctx context.Context, r render.Recipe) (render.Lock, error)
	// Build makes the image unless it is there.
	Build(ctx context.Context, l render.Lock, progress func(stage string, percent int)) error
	Has(address string) bool
	List() ([]ImageInfo, error)
	// Prune removes images that nobody keeps, least recently used first.
	Prune(keep func(address string) bool) ([]string, error)
	Handler() http.Handler
}

// Deps is what a Manager works with.
type Deps struct {
	Store      *store.Store
	CA         *pki.CA
	Catalog    roll.Catalog // of the rolls that ship with Quarry
	Rolls      fs.FS        // the folders of Catalog; nil if they cannot be had
	ImageStore ImageStore
	Log        *slog.Logger
	// Wall is the machine's clock, which somebody may set. Elapsed is how long
	// the process has run; nil: by the monotonic reading of Wall.
	Wall    func() time.Time
	Elapsed func() time.Duration
	Suite   string
	Dir     string // the manager's own folder
	// InstallVM says why ImageStore cannot run install scripts of tenants' own
	// rolls in throwaway machines, nil if it can. Without it, it cannot.
	InstallVM func(context.Context) error
}

// Manager is the one process that decides. Its methods may be called at the
// same time.
type Manager struct {
	Deps
	site   Site
	epoch  int64
	clock  *clock.Site
	ledger *ledger.Ledger
	// estimates is what was measured of preparing and wiping.
	estimates *estimate.History

	mu      sync.Mutex
	reports map[string]seenReport    // by pnode
	desired map[string]pnode.Desired // by pnode, the newest
	changed chan struct{}            // closed when desired changes
	builds  map[string]*build        // by image address
	files   map[string]*file         // by cluster ID
	rolls   map[string]*roll.Roll    // that were pushed, by "tenant/name@version"
	// published is set once every pnode's desired state was computed.
	published bool
	settings  SiteSettings
	// expected is when each cluster that is not ready should be, by ID.
	expected map[string]time.Time
	shipped  map[string]*archive.Archive // never changed
	wake     chan struct{}
	building chan struct{} // held by the one image build
	// buildingOwn is held by the one build that runs a tenant's own scripts: how
	// long these take is the tenant's affair, and not the others'.
	buildingOwn chan struct{}
	work        sync.WaitGroup
}

// seenReport is the newest report of a pnode and when it came.
type seenReport struct {
	pnode.Report
	at    time.Time
	heard time.Duration // after how long this process heard it
}

// New makes a manager over an initialised store. It takes a new epoch, so
// that agents refuse what an older manager still sends.
func New(ctx context.Context, deps Deps) (*Manager, error) {
	m := &Manager{
		Deps: deps, clock: clock.New(deps.Wall, deps.Elapsed, deps.Log),
		reports: map[string]seenReport{}, desired: map[string]pnode.Desired{},
		changed: make(chan struct{}), builds: map[string]*build{}, files: map[string]*file{}, rolls: map[string]*roll.Roll{},
		expected: map[string]time.Time{}, wake: make(chan struct{}, 1),
		building: make(chan struct{}, 1), buildingOwn: make(chan struct{}, 1),
	}
	var err error
	if m.shipped, err = shippedRolls(deps.Rolls, deps.Catalog); err != nil {
		return nil, err
	}
	err = m.Store.Update(ctx, func(tx *store.Tx) (err error) {
		if m.site, err = readSite(tx); err != nil {
			return err
		}
		if m.epoch, err = tx.NextEpoch(); err != nil {
			return err
		}
		if m.settings, err = readSiteSettings(tx); err != nil {
			return err
		}
		if m.estimates, err = openHistory(tx); err != nil {
			return err
		}
		return m.openLedger(tx)
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Now is the site's time: that of this machine's clock while it is not known to
// be wrong.
func (m *Manager) Now() time.Time { return m.clock.Now() }

// Changed returns a channel that is closed when anything in the store changes.
func (m *Manager) Changed() <-chan struct{} { return m.Store.Changed() }

// poke asks the controllers to look again.
func (m *Manager) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
