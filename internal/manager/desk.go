package manager

import (
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/quota"
	"quarry/internal/store"
)

// desk is where it is decided what bookings hold: in a transaction of the
// store, or in the memory of a Core alone. Whoever asks, the decision is the same.
type desk interface {
	// change does one operation on bookings. What fails has changed nothing.
	change(ids []string, do func(*calendar.Calendar) error) error
	ask(func(*calendar.Calendar))
	cluster(id string) (cluster.Cluster, error)
	// limits are those that hold for a tenant, past what clusters that are over
	// count of them.
	limits(tenant string) (quota.Limits, error)
	past(tenant string, l quota.Limits) ([]quota.Claim, error)
	// put writes down what became of a cluster that had to yield.
	put(c cluster.Cluster, e cluster.Event) error
}

// transaction is the desk of a manager.
type transaction struct {
	m   *Manager
	tx  *store.Tx
	now time.Time
}

func (t transaction) change(ids []string, do func(*calendar.Calendar) error) error {
	return t.m.ledger.ChangeAll(t.tx, t.now, ids, do)
}

func (t transaction) ask(f func(*calendar.Calendar)) { t.m.ledger.Ask(f) }

func (t transaction) cluster(id string) (cluster.Cluster, error) { return t.tx.ClusterByID(id) }

func (t transaction) limits(tenant string) (quota.Limits, error) {
	_, effective, err := limitsOf(t.tx, tenant)
	return effective, err
}

func (t transaction) past(tenant string, l quota.Limits) ([]quota.Claim, error) {
	return pastClaims(t.tx, tenant, l, t.now)
}

func (t transaction) put(c cluster.Cluster, e cluster.Event) error {
	return t.m.putCluster(t.tx, &c, []cluster.Event{e})
}
