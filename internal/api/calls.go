package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/manager"
	"quarry/internal/render"
	"quarry/internal/roll/archive"
)

// Clusters lists the caller's clusters, those that are over only with all.
func (c *Client) Clusters(ctx context.Context, all bool) ([]cluster.Cluster, error) {
	return get[[]cluster.Cluster](ctx, c, with(c.link.Address("v1", "clusters"), "all", strconv.FormatBool(all)))
}

// Cluster returns one cluster.
func (c *Client) Cluster(ctx context.Context, name string) (cluster.Cluster, error) {
	return get[cluster.Cluster](ctx, c, c.link.Address("v1", "clusters", name))
}

// ClusterLock returns what a cluster's vnodes are made from.
func (c *Client) ClusterLock(ctx context.Context, name string) (render.LockFile, error) {
	return get[render.LockFile](ctx, c, c.link.Address("v1", "clusters", name, "lock"))
}

// CreateCluster books a cluster; with dryRun it only says what would be booked.
func (c *Client) CreateCluster(ctx context.Context, spec cluster.Spec, dryRun bool) (cluster.Cluster, error) {
	return post[cluster.Cluster](ctx, c, with(c.link.Address("v1", "clusters"), "dryRun", strconv.FormatBool(dryRun)), spec)
}

// EndCluster ends a cluster's window now.
func (c *Client) EndCluster(ctx context.Context, name string) (cluster.Cluster, error) {
	return post[cluster.Cluster](ctx, c, c.link.Address("v1", "clusters", name, "end"), nil)
}

// CancelCluster gives up a cluster that has not started.
func (c *Client) CancelCluster(ctx context.Context, name string) (cluster.Cluster, error) {
	return post[cluster.Cluster](ctx, c, c.link.Address("v1", "clusters", name, "cancel"), nil)
}

// Pnodes lists the pnodes.
func (c *Client) Pnodes(ctx context.Context) ([]manager.PnodeInfo, error) {
	return get[[]manager.PnodeInfo](ctx, c, c.link.Address("v1", "pnodes"))
}

// Pnode returns one pnode.
func (c *Client) Pnode(ctx context.Context, name string) (manager.PnodeInfo, error) {
	return get[manager.PnodeInfo](ctx, c, c.link.Address("v1", "pnodes", name))
}

// DrainPnode keeps new vnodes away from a pnode, or lets them come again.
func (c *Client) DrainPnode(ctx context.Context, name string, drain bool) (manager.PnodeInfo, error) {
	what := "undrain"
	if drain {
		what = "drain"
	}
	return post[manager.PnodeInfo](ctx, c, c.link.Address("v1", "pnodes", name, what), nil)
}

// SetPnode changes a pnode's settings, if it still has the version that was
// seen; 0 is any.
func (c *Client) SetPnode(ctx context.Context, name string, change manager.PnodeChange, seen int64) (manager.PnodeInfo, error) {
	return patch[manager.PnodeInfo](ctx, c, c.link.Address("v1", "pnodes", name), change, seen)
}

// Site tells what the site is like.
func (c *Client) Site(ctx context.Context) (manager.SiteInfo, error) {
	return get[manager.SiteInfo](ctx, c, c.link.Address("v1", "site"))
}

// SetSite changes the site's settings, if they still have the version that
// was seen; 0 is any.
func (c *Client) SetSite(ctx context.Context, change manager.SiteChange, seen int64) (manager.SiteInfo, error) {
	return patch[manager.SiteInfo](ctx, c, c.link.Address("v1", "site"), change, seen)
}

// PnodeToken makes a one-time enrolment token.
func (c *Client) PnodeToken(ctx context.Context, name string, ttl time.Duration) (manager.EnrolmentToken, error) {
	return post[manager.EnrolmentToken](ctx, c, c.link.Address("v1", "pnodes", name, "token"), PnodeTokenRequest{TTLSeconds: ttl.Seconds()})
}

// Tenants lists the tenants.
func (c *Client) Tenants(ctx context.Context) ([]manager.TenantInfo, error) {
	return get[[]manager.TenantInfo](ctx, c, c.link.Address("v1", "tenants"))
}

// CreateTenant adds a tenant.
func (c *Client) CreateTenant(ctx context.Context, name string) (manager.TenantInfo, error) {
	return post[manager.TenantInfo](ctx, c, c.link.Address("v1", "tenants"), TenantRequest{Name: name})
}

// Tokens lists bearer tokens, without their secrets.
func (c *Client) Tokens(ctx context.Context) ([]manager.TokenInfo, error) {
	return get[[]manager.TokenInfo](ctx, c, c.link.Address("v1", "tokens"))
}

// CreateToken makes a bearer token; tenant "" makes one of the provider.
func (c *Client) CreateToken(ctx context.Context, tenant string, expires time.Duration) (manager.TokenInfo, error) {
	return post[manager.TokenInfo](ctx, c, c.link.Address("v1", "tokens"), TokenRequest{Tenant: tenant, ExpiresSeconds: expires.Seconds()})
}

// RevokeToken makes a token useless at once.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.link.Call(ctx, http.MethodPost, c.link.Address("v1", "tokens", id, "revoke"), nil, nil)
}

// Rolls lists the site's rolls.
func (c *Client) Rolls(ctx context.Context) ([]manager.RollInfo, error) {
	return get[[]manager.RollInfo](ctx, c, c.link.Address("v1", "rolls"))
}

// Roll returns one roll, named "name" or "name@version".
func (c *Client) Roll(ctx context.Context, ref string) (manager.RollInfo, error) {
	return get[manager.RollInfo](ctx, c, c.link.Address("v1", "rolls", ref))
}

// PushRoll pushes the archive of the roll "name@version".
func (c *Client) PushRoll(ctx context.Context, ref string, packed []byte) (out manager.RollInfo, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.link.Address("v1", "rolls", ref).String(), bytes.NewReader(packed))
	if err != nil {
		return out, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Content-Type", archive.Media)
	req.Header.Set("Authorization", "Bearer "+c.link.Token)
	return out, c.link.Send(req, &out)
}

// RollArchive returns the archive of a roll.
func (c *Client) RollArchive(ctx context.Context, ref string) (packed []byte, err error) {
	req, err := c.link.Request(ctx, http.MethodGet, c.link.Address("v1", "rolls", ref, "archive"), nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.link.Exchange(req)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if packed, err = io.ReadAll(io.LimitReader(resp.Body, archive.MaxPacked+1)); err != nil {
		return nil, fmt.Errorf("receive the roll: %w", err)
	}
	return packed, nil
}

// DeleteRoll takes the roll "name@version" out of use.
func (c *Client) DeleteRoll(ctx context.Context, ref string) error {
	return c.link.Call(ctx, http.MethodDelete, c.link.Address("v1", "rolls", ref), nil, nil)
}

// Images lists the site's images.
func (c *Client) Images(ctx context.Context) ([]manager.ImageInfo, error) {
	return get[[]manager.ImageInfo](ctx, c, c.link.Address("v1", "images"))
}

// BuildImages makes the images of rolls now and returns their addresses once
// they are there, which may take minutes.
func (c *Client) BuildImages(ctx context.Context, rolls []string) ([]string, error) {
	a, err := post[ImagesAnswer](ctx, c, c.link.Address("v1", "images", "build"), ImagesRequest{Rolls: rolls})
	return a.Addresses, err
}

// PruneImages removes images that nobody needs and returns their addresses.
func (c *Client) PruneImages(ctx context.Context) ([]string, error) {
	a, err := post[ImagesAnswer](ctx, c, c.link.Address("v1", "images", "prune"), nil)
	return a.Addresses, err
}

// Version returns the manager's version; it needs no token.
func (c *Client) Version(ctx context.Context) (string, error) {
	a, err := get[VersionAnswer](ctx, c, c.link.Address("v1", "version"))
	return a.Version, err
}

// Backup writes a backup of the manager's store to w. After an error what was
// written is of no use.
func (c *Client) Backup(ctx context.Context, w io.Writer) (err error) {
	req, err := c.link.Request(ctx, http.MethodGet, c.link.Address("v1", "backup"), nil)
	if err != nil {
		return err
	}
	resp, err := c.link.Exchange(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("receive the backup: %w", err)
	}
	return nil
}
