package fabric

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
)

// Fake is a fabric in memory, for tests of what uses one.
type Fake struct {
	mu     sync.Mutex
	ports  map[string]Port
	fails  map[string]error
	setups int
	// history holds each port's Open at every change of it, by tap.
	history map[string][]bool
}

// NewFake returns a fabric without ports.
func NewFake() *Fake {
	return &Fake{ports: map[string]Port{}, fails: map[string]error{}, history: map[string][]bool{}}
}

// Fail makes an operation ("setup", "apply" or "ports") fail until it is
// called with a nil error.
func (f *Fake) Fail(operation string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails[operation] = err
}

// Setups is how often Setup was called.
func (f *Fake) Setups() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.setups
}

// History tells how a tap's port was opened and closed: its Open when it was
// made and at each change.
func (f *Fake) History(tap string) []bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.history[tap])
}

// Setup counts.
func (f *Fake) Setup(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := cmp.Or(ctx.Err(), f.fails["setup"]); err != nil {
		return err
	}
	f.setups++
	return nil
}

// Apply checks want as the real one does and remembers it.
func (f *Fake) Apply(ctx context.Context, want []Port) error {
	want, err := validateAll(want)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := cmp.Or(ctx.Err(), f.fails["apply"]); err != nil {
		return err
	}
	next := map[string]Port{}
	for _, p := range want {
		next[p.Tap] = p
		if old, there := f.ports[p.Tap]; !there || old.Open != p.Open {
			f.history[p.Tap] = append(f.history[p.Tap], p.Open)
		}
	}
	f.ports = next
	return nil
}

// Ports returns what was applied last, by tap.
func (f *Fake) Ports(ctx context.Context) ([]Port, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := cmp.Or(ctx.Err(), f.fails["ports"]); err != nil {
		return nil, err
	}
	var ports []Port
	for _, tap := range slices.Sorted(maps.Keys(f.ports)) {
		ports = append(ports, f.ports[tap])
	}
	return ports, nil
}

// Twins finds none.
func (f *Fake) Twins(ctx context.Context) (map[string]uint64, error) {
	return map[string]uint64{}, ctx.Err()
}

// Close does nothing.
func (f *Fake) Close() {}
