// Package calendar decides which cluster holds what of a site, and when: a
// whole cluster in one atomic decision, in time that hardly depends on how
// much is booked, and with every refusal explained. It could stand beside any
// scheduler. Pure: no I/O, time comes in as an argument, and the same
// operations on the same site always give the same plans.
//
// It promises that no pnode holds more than it has at any second, that no
// unit of a pool is held twice, that a request is placed whole or not at all,
// that an operation which returns an error changed nothing, that giving back
// is never refused, and that the vnodes of a started cluster never move.
// Put alone takes facts as they are, even beyond what there is.
//
// # How time and amounts are kept
//
// Times are half-open intervals [from, to) of whole Unix seconds in UTC, as
// int64: time zones, daylight saving and the year 2038 are the caller's
// display and nothing here. A request's window is widened outwards to whole
// seconds. Amounts are int64 of CPUs, MiB of memory and MiB of disk, after
// overcommitment.
//
// # Structures
//
// Each pnode, and each unit of a pool, has a timeline: what is held of it, as
// a step function in a sorted array without redundant steps. Asking what is
// free over a window is a binary search and a walk over the few steps in it.
//
// Over all timelines lies a grid. Time is cut into buckets of 1, 16 and 256
// hours; a bucket has, for some amounts of each resource, the set of pnodes
// that have less than that free at some second of it, as a bitmap. The pnodes
// that cannot hold a vnode over a window are the union of a few bitmaps: 160
// words for each bucket and 10,000 pnodes, however many bookings there are.
// The amounts are powers of two and what the site's own kinds of pnodes have,
// so that idle pnodes are told apart exactly. The grid only ever rules out
// what the timelines would: every decision is made on the timelines.
//
// A placement costs a look at the grid and at as many timelines as the policy
// chooses among. Booking costs a binary search in the timeline and a few
// bitmap updates for each vnode and bucket. Earliest walks buckets, rules most
// out with the grid, and finds the instants within the others by sweeping the
// few timelines that change there.
//
// # What a refusal is worth
//
// A request of one group of vnodes and units of pools is refused only if no
// placement exists, whatever the policy. Several groups compete for pnodes,
// which is bin packing: they are placed greedily, the neediest first and then
// in every other order; Refusal.Certain says whether one of them would not fit
// even alone. Every alternative was placed on the calendar before it is
// offered, and can be booked unmodified until somebody else books.
package calendar
