package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
	"quarry/internal/render"
)

// clusterPath names a cluster.
type clusterPath struct {
	Name string `path:"name" maxLength:"130" doc:"the cluster's name; the provider may write TENANT/NAME (escaped as one element)"`
}

type createClusterInput struct {
	DryRun bool   `query:"dryRun" doc:"say what would be booked, and book nothing"`
	Hold   string `query:"hold" maxLength:"20" doc:"hold the cluster for so long, as in 15m: it is given up unless it is confirmed"`
	Body   cluster.Spec
}

type createClusterOutput struct {
	Status   int
	Location string `header:"Location" doc:"of the cluster"`
	ETag     string `header:"ETag" doc:"the version, for If-Match"`
	Body     cluster.Cluster
}

type changeClusterInput struct {
	Name    string `path:"name" maxLength:"130" doc:"the cluster's name"`
	IfMatch string `header:"If-Match" doc:"the ETag that was seen; the change is refused when there is another one now"`
}

type listClustersInput struct {
	All bool `query:"all" doc:"also those that are over"`
}

func (s *Server) registerClusters(api huma.API) {
	const tag = "clusters"
	create := operation(http.MethodPost, "/v1/clusters", "create-cluster", tag, "Book a cluster")
	create.DefaultStatus = http.StatusCreated
	huma.Register(api, create, s.createCluster)
	handle(s, api, operation(http.MethodGet, "/v1/clusters", "list-clusters", tag, "List clusters"),
		func(ctx context.Context, p manager.Principal, in *listClustersInput) ([]cluster.Cluster, error) {
			return listed(s.Manager.Clusters(ctx, p, in.All))
		})
	handle(s, api, operation(http.MethodGet, "/v1/clusters/{name}", "get-cluster", tag, "Read a cluster"),
		func(ctx context.Context, p manager.Principal, in *clusterPath) (cluster.Cluster, error) {
			return s.Manager.Cluster(ctx, p, in.Name)
		})
	handle(s, api, operation(http.MethodGet, "/v1/clusters/{name}/lock", "get-cluster-lock", tag, "Read what a cluster's vnodes are made from"),
		func(ctx context.Context, p manager.Principal, in *clusterPath) (render.LockFile, error) {
			return s.Manager.ClusterLock(ctx, p, in.Name)
		})
	handle(s, api, operation(http.MethodPost, "/v1/clusters/{name}/end", "end-cluster", tag, "End a cluster's window now"),
		func(ctx context.Context, p manager.Principal, in *changeClusterInput) (cluster.Cluster, error) {
			return changeCluster(ctx, p, in, s.Manager.EndCluster)
		})
	handle(s, api, operation(http.MethodPost, "/v1/clusters/{name}/cancel", "cancel-cluster", tag, "Give up a cluster that has not started"),
		func(ctx context.Context, p manager.Principal, in *changeClusterInput) (cluster.Cluster, error) {
			return changeCluster(ctx, p, in, s.Manager.CancelCluster)
		})
}

func (s *Server) createCluster(ctx context.Context, in *createClusterInput) (*createClusterOutput, error) {
	c, err := s.bookCluster(ctx, in)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	if in.DryRun {
		return &createClusterOutput{Status: http.StatusOK, Body: c}, nil
	}
	return &createClusterOutput{
		Status: http.StatusCreated, Location: location(c), ETag: etag(c.Version), Body: c,
	}, nil
}

func (s *Server) bookCluster(ctx context.Context, in *createClusterInput) (cluster.Cluster, error) {
	p := principalOf(ctx)
	if in.Hold == "" {
		return s.Manager.CreateCluster(ctx, p, in.Body, in.DryRun)
	}
	hold, err := time.ParseDuration(in.Hold)
	if err != nil {
		return cluster.Cluster{}, fault.New(fault.Invalid, "the cluster cannot be held",
			fault.Detail{Field: "hold", Message: fmt.Sprintf("%q is not a duration like 15m", in.Hold)})
	}
	return s.Manager.HoldCluster(ctx, p, in.Body, hold, in.DryRun)
}

func location(c cluster.Cluster) string { return "/v1/clusters/" + url.PathEscape(c.Name) }

func changeCluster(ctx context.Context, p manager.Principal, in *changeClusterInput,
	change func(context.Context, manager.Principal, string, int64) (cluster.Cluster, error),
) (cluster.Cluster, error) {
	version, err := seenVersion(in.IfMatch)
	if err != nil {
		return cluster.Cluster{}, err
	}
	return change(ctx, p, in.Name, version)
}
