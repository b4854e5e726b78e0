package cli

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/manager"
)

// remote is the manager as the commands see it.
type remote interface {
	Clusters(ctx context.Context, all bool) ([]cluster.Cluster, error)
	Cluster(ctx context.Context, name string) (cluster.Cluster, error)
	CreateCluster(ctx context.Context, spec cluster.Spec, dryRun bool) (cluster.Cluster, error)
	EndCluster(ctx context.Context, name string) (cluster.Cluster, error)
	CancelCluster(ctx context.Context, name string) (cluster.Cluster, error)
	Events(ctx context.Context, name string, after int64) ([]cluster.Event, error)
	Follow(ctx context.Context, name string, after int64) iter.Seq2[cluster.Event, error]
	Pnodes(ctx context.Context) ([]manager.PnodeInfo, error)
	Pnode(ctx context.Context, name string) (manager.PnodeInfo, error)
	DrainPnode(ctx context.Context, name string, drain bool) (manager.PnodeInfo, error)
	PnodeToken(ctx context.Context, name string, ttl time.Duration) (manager.EnrolmentToken, error)
	Tenants(ctx context.Context) ([]manager.TenantInfo, error)
	CreateTenant(ctx context.Context, name string) (manager.TenantInfo, error)
	Tokens(ctx context.Context) ([]manager.TokenInfo, error)
	CreateToken(ctx context.Context, tenant string, expires time.Duration) (manager.TokenInfo, error)
	RevokeToken(ctx context.Context, id string) error
	Backup(ctx context.Context, w io.Writer) error
	Rolls(ctx context.Context) ([]manager.RollInfo, error)
	Roll(ctx context.Context, name string) (manager.RollInfo, error)
	Images(ctx context.Context) ([]manager.ImageInfo, error)
	BuildImages(ctx context.Context, rolls []string) ([]string, error)
	PruneImages(ctx context.Context) ([]string, error)
}

func (a *app) client() (remote, error) {
	where, err := a.current()
	if err != nil {
		return nil, err
	}
	return connect(where)
}

func connect(where Context) (remote, error) { return nil, errors.New("TODO") }
