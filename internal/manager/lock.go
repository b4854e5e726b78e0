package manager

import (
	"context"
	"fmt"

	"quarry/internal/fault"
	"quarry/internal/render"
	"quarry/internal/roll"
)

// ClusterLock returns what the vnodes of a cluster are made from, as it was
// locked when the cluster was booked. It goes with the cluster.
func (m *Manager) ClusterLock(ctx context.Context, p Principal, name string) (render.LockFile, error) {
	c, err := m.Cluster(ctx, p, name)
	if err != nil {
		return render.LockFile{}, err
	}
	if !c.State.Live() {
		return render.LockFile{}, fault.New(fault.Refused, "the cluster is over", fault.Detail{
			Message: fmt.Sprintf("cluster %q is %s: what was locked for it went with it", c.Name, c.State),
		})
	}
	f, err := m.dossier(ctx, c)
	if err != nil {
		return render.LockFile{}, err
	}
	profiles, locks := map[string]roll.Profile{}, map[string]render.Lock{}
	for appliance, plan := range f.Plans {
		profiles[appliance], locks[appliance] = plan.Profile, plan.Lock
	}
	return render.NewLockFile(f.Parameters, profiles, locks), nil
}
