// Package lab makes a whole site on one Linux machine: a manager, pnodes with
// Open vSwitch and libvirtd of their own, pnodes with an uplink, a machine
// outside, and the switches between them.
//
// Each host is one process, its supervisor, which is PID 1 of new network,
// mount, PID and UTS namespaces. What belongs to a host lives in those
// namespaces and in the host's folder, so that killing the supervisor pulls
// the plug of the host: guests, daemons, interfaces and mounts vanish and only
// the disk (the folder) stays.
//
// Guarantees: Up may be repeated and goes on after a crash at any line. Down
// removes every process, namespace, mount and interface of the lab and every
// file outside its cache, whatever state it finds. A process is only ever
// killed through a pidfd after its identity was checked. A folder holds one
// lab, and one lab runs at a time, because it takes the management network
// 198.18.0.0/24 of the machine.
//
// Nothing in the manager or the agent knows of this package.
package lab
