package roll

import (
	"maps"
	"slices"
)

// Own returns the roll as a tenant's own: what it brings into an image carries
// the tenant's name, so that whoever makes the image knows whose code it is.
func (r *Roll) Own(tenant string) *Roll {
	own := *r
	own.Tenant = tenant
	own.Nodes = maps.Clone(r.Nodes)
	for name, n := range own.Nodes {
		marked := *n
		marked.Files = slices.Clone(n.Files)
		for i := range marked.Files {
			marked.Files[i].Tenant = tenant
		}
		for _, list := range []*[]Script{&marked.Install, &marked.Boot, &marked.Cluster, &marked.Checks} {
			*list = slices.Clone(*list)
			for i := range *list {
				(*list)[i].Tenant = tenant
			}
		}
		own.Nodes[name] = &marked
	}
	return &own
}
