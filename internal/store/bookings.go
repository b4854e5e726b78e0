package store

import (
	"quarry/internal/cluster"
)

// Booking is what one cluster holds of one pnode in [From, To).
type Booking struct {
	ClusterID string
	Pnode     string
	From, To  int64 // Unix seconds UTC, To exclusive
	CPUs      int
	MemoryMiB int
	DiskMiB   int
}

// InsertBooking adds a booking. An unknown cluster or pnode is a fault.NotFound.
func (t *Tx) InsertBooking(b Booking) error {
	_, err := t.exec(`INSERT INTO bookings (cluster_id, pnode, from_s, to_s, cpus, memory_mib, disk_mib)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, b.ClusterID, b.Pnode, b.From, b.To, b.CPUs, b.MemoryMiB, b.DiskMiB)
	return taken(err, "booking of cluster", b.ClusterID)
}

// BookingsOverlapping returns the bookings that touch [from, to), in Unix
// seconds UTC, ordered by their start.
func (t *Tx) BookingsOverlapping(from, to int64) ([]Booking, error) {
	return list(t, func(r scanner) (b Booking, err error) {
		return b, r.Scan(&b.ClusterID, &b.Pnode, &b.From, &b.To, &b.CPUs, &b.MemoryMiB, &b.DiskMiB)
	}, `SELECT cluster_id, pnode, from_s, to_s, cpus, memory_mib, disk_mib FROM bookings
		WHERE from_s < ? AND to_s > ? ORDER BY from_s, cluster_id, pnode`, to, from)
}

// DeleteBookings frees what a cluster holds; none is no error.
func (t *Tx) DeleteBookings(clusterID string) error {
	_, err := t.exec("DELETE FROM bookings WHERE cluster_id = ?", clusterID)
	return err
}

// PoolsInUse returns the VLANs and outside addresses of the live clusters
// that touch [from, to), in Unix seconds UTC. A cluster holds them from its
// PrepareAt to its End; one that is being torn down holds them for good,
// because nobody knows yet when that is over.
func (t *Tx) PoolsInUse(from, to int64) (vlans []int, addresses []string, err error) {
	type held struct {
		vlan    int
		address string
	}
	all, err := list(t, func(r scanner) (h held, err error) {
		return h, r.Scan(&h.vlan, &h.address)
	}, `SELECT vlan, outside_address FROM clusters
		WHERE live = 1 AND prepare_at < ? AND (end_at > ? OR state IN (?, ?)) ORDER BY vlan`,
		to*1000, from*1000, cluster.Ending, cluster.Failed)
	for _, h := range all {
		if h.vlan != 0 {
			vlans = append(vlans, h.vlan)
		}
		if h.address != "" {
			addresses = append(addresses, h.address)
		}
	}
	return vlans, addresses, err
}
