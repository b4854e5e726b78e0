package hypervisor

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"quarry/internal/fault"
)

// Op names an operation of a Hypervisor, for Fake.Fail.
type Op string

// The operations.
const (
	OpVersion  Op = "version"
	OpList     Op = "list"
	OpStart    Op = "start"
	OpShutdown Op = "shutdown"
	OpRemove   Op = "remove"
)

// Fake is a Hypervisor in memory. Guests change only by its operations and by
// what the test makes happen to them.
type Fake struct {
	mu     sync.Mutex
	guests map[string]*fakeGuest
	fails  map[fakeCall]error
	hang   chan struct{} // closed when the hang is over; nil when there is none
}

type fakeGuest struct {
	guest   Guest
	state   State
	deaf    bool // does not react to Shutdown
	foreign bool
	starts  int
}

type fakeCall struct {
	op    Op
	guest string
}

var _ Hypervisor = (*Fake)(nil)

// NewFake returns a hypervisor without guests.
func NewFake() *Fake {
	return &Fake{guests: map[string]*fakeGuest{}, fails: map[fakeCall]error{}}
}

// Fail makes an operation fail for one guest, or for any when name is empty,
// until it is called with a nil error. A Start that fails leaves the guest
// defined, as with libvirt.
func (f *Fake) Fail(op Op, name string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		delete(f.fails, fakeCall{op, name})
		return
	}
	f.fails[fakeCall{op, name}] = err
}

// Hang makes every operation wait for the end of its context, until
// Hang(false).
func (f *Fake) Hang(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if on && f.hang == nil {
		f.hang = make(chan struct{})
	}
	if !on && f.hang != nil {
		close(f.hang)
		f.hang = nil
	}
}

// Become puts a guest into a state, as its own crash or power-off would.
func (f *Fake) Become(name string, s State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g := f.guests[name]; g != nil {
		g.state = s
	}
}

// Deafen makes a guest ignore Shutdown.
func (f *Fake) Deafen(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g := f.guests[name]; g != nil {
		g.deaf = true
	}
}

// AddForeign adds a running guest that Quarry did not make.
func (f *Fake) AddForeign(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.guests[name] = &fakeGuest{guest: Guest{Name: name}, state: Running, foreign: true}
}

// Guest returns what a guest was last started as, how often, and whether it
// is there.
func (f *Fake) Guest(name string) (g Guest, starts int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if found := f.guests[name]; found != nil {
		return found.guest, found.starts, true
	}
	return Guest{}, 0, false
}

// enter waits while the fake hangs, then locks it: the caller unlocks.
func (f *Fake) enter(ctx context.Context, op Op, name string) error {
	f.mu.Lock()
	for f.hang != nil {
		over := f.hang
		f.mu.Unlock()
		select {
		case <-over:
		case <-ctx.Done():
			f.mu.Lock()
			return fault.New(fault.Unavailable, "the hypervisor does not answer", fault.Detail{Message: ctx.Err().Error()})
		}
		f.mu.Lock()
	}
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Unavailable, "the hypervisor does not answer", fault.Detail{Message: err.Error()})
	}
	return cmp.Or(f.fails[fakeCall{op, name}], f.fails[fakeCall{op, ""}])
}

// Version names the fake.
func (f *Fake) Version(ctx context.Context) (string, error) {
	err := f.enter(ctx, OpVersion, "")
	defer f.mu.Unlock()
	if err != nil {
		return "", err
	}
	return "Fake 1.0.0", nil
}

// List returns all guests but the foreign ones, by name.
func (f *Fake) List(ctx context.Context) ([]Info, error) {
	err := f.enter(ctx, OpList, "")
	defer f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var infos []Info
	for _, name := range slices.Sorted(maps.Keys(f.guests)) {
		if g := f.guests[name]; !g.foreign {
			infos = append(infos, Info{Name: name, UUID: ID(name), State: g.state})
		}
	}
	return infos, nil
}

// Start makes the guest run.
func (f *Fake) Start(ctx context.Context, g Guest) error {
	if err := g.Validate(); err != nil {
		return err
	}
	failure := f.enter(ctx, OpStart, g.Name)
	defer f.mu.Unlock()
	if fault.KindOf(failure) == fault.Unavailable {
		return failure
	}
	old := f.guests[g.Name]
	if old != nil && old.foreign {
		return foreign(g.Name)
	}
	if old != nil && (old.state == Running || old.state == Paused) {
		return nil
	}
	if old == nil {
		old = &fakeGuest{}
		f.guests[g.Name] = old
	}
	old.guest, old.state = g, Off
	if failure != nil {
		return failure
	}
	old.state = Running
	old.starts++
	return nil
}

// Shutdown turns the guest off unless it was deafened.
func (f *Fake) Shutdown(ctx context.Context, name string) error {
	err := f.enter(ctx, OpShutdown, name)
	defer f.mu.Unlock()
	if err != nil {
		return err
	}
	g := f.guests[name]
	if g == nil {
		return nil
	}
	if g.foreign {
		return foreign(name)
	}
	if g.state == Running && !g.deaf {
		g.state = Off
	}
	return nil
}

// Remove forgets the guest.
func (f *Fake) Remove(ctx context.Context, name string) error {
	err := f.enter(ctx, OpRemove, name)
	defer f.mu.Unlock()
	if err != nil {
		return err
	}
	if g := f.guests[name]; g != nil && g.foreign {
		return foreign(name)
	}
	delete(f.guests, name)
	return nil
}

// Close does nothing.
func (f *Fake) Close() error { return nil }
