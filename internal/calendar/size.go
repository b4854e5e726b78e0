package calendar

import (
	"fmt"
	"math"
)

// Size is an amount of what a vnode needs and a pnode has.
type Size struct {
	CPUs      int `json:"cpus"`
	MemoryMiB int `json:"memoryMiB"`
	DiskMiB   int `json:"diskMiB"`
}

// Within reports whether s fits into room.
func (s Size) Within(room Size) bool { return s.vec().within(room.vec()) }

// Plus is both together.
func (s Size) Plus(o Size) Size { return s.vec().plus(o.vec()).size() }

// Minus is what is left of s without o.
func (s Size) Minus(o Size) Size { return s.vec().minus(o.vec()).size() }

func (s Size) String() string {
	return fmt.Sprintf("%d CPUs, %d MiB memory, %d MiB disk", s.CPUs, s.MemoryMiB, s.DiskMiB)
}

// vec is a Size inside the calendar, one number for each resource.
type vec [3]int64

// The resources, in the order of a vec.
const (
	cpus = iota
	memory
	disk
)

var resourceNames = [3]string{"cpus", "memory", "disk"}

func (s Size) vec() vec { return vec{int64(s.CPUs), int64(s.MemoryMiB), int64(s.DiskMiB)} }

func (v vec) size() Size { return Size{int(v[cpus]), int(v[memory]), int(v[disk])} }

func (v vec) plus(o vec) vec { return vec{v[0] + o[0], v[1] + o[1], v[2] + o[2]} }

func (v vec) minus(o vec) vec { return vec{v[0] - o[0], v[1] - o[1], v[2] - o[2]} }

func (v vec) within(room vec) bool { return v[0] <= room[0] && v[1] <= room[1] && v[2] <= room[2] }

func (v vec) most(o vec) vec { return vec{max(v[0], o[0]), max(v[1], o[1]), max(v[2], o[2])} }

// times is how many vnodes of size v fit into room beside each other.
func (v vec) times(room vec) int64 {
	n := int64(math.MaxInt64)
	for r, need := range v {
		switch {
		case room[r] < 0:
			return 0
		case need > 0:
			n = min(n, room[r]/need)
		}
	}
	return n
}

// lacking names the resources of which room has less than v.
func (v vec) lacking(room vec) []string {
	var names []string
	for r := range v {
		if v[r] > room[r] {
			names = append(names, resourceNames[r])
		}
	}
	return names
}

// Overcommit says how much of each resource is promised, in per cent of what
// a pnode has: 400 lets four vnodes share a CPU. Zero means 100.
type Overcommit struct {
	CPUs   int `json:"cpus,omitempty" yaml:"cpus,omitempty"`
	Memory int `json:"memory,omitempty" yaml:"memory,omitempty"`
	Disk   int `json:"disk,omitempty" yaml:"disk,omitempty"`
}

func (o Overcommit) of(s Size) vec {
	v := s.vec()
	for r, percent := range o.percents() {
		if percent > 0 {
			v[r] = v[r] * int64(percent) / 100
		}
	}
	return v
}
