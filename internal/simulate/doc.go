// Package simulate plays a trace of bookings through the manager's own
// decisions on a virtual clock, and measures what became of them: how full the
// site was, what was refused, who waited and who was late.
//
// Admission, planning and every step of a cluster's life are decided by
// manager.Core, the same functions that the manager calls. What is made up here
// is the world: how long things take, which pnodes fail and when. It is drawn
// from a seed, so that the same trace, site and seed always give the same result.
package simulate
