//go:build lab

package fabric

import (
	"fmt"
	"testing"
)

func TestTwins(t *testing.T) {
	p := newPnode(t)
	trunk := p.uplink(t, BridgeSite, "trunk0")
	p.setup(t)
	a, b := leg("a", BridgeSite, 10, macA), leg("b", BridgeSite, 10, macB)
	p.apply(t, a, b)
	wa, wb := p.open(t, a.Tap), p.open(t, b.Tap)

	wb.send(t, plain(everyone, macB, "mark-own"))
	if wa.receive(t, "mark-own", soon) == nil {
		t.Fatal("b does not reach a")
	}
	trunk.send(t, tagged(plain(everyone, macA, "mark-other-vlan"), 0x8100, 20))
	trunk.send(t, tagged(plain(everyone, macC, "mark-another"), 0x8100, 10))
	trunk.send(t, tagged(plain(everyone, macA, "mark-twin"), 0x8100, 10))
	if wb.receive(t, "mark-twin", soon) == nil {
		t.Error("a twin's frames do not pass: it may be the one that is wanted")
	}
	var got map[string]uint64
	eventually(t, fmt.Sprint("one frame of a twin of a, none of b: ", got), func() bool {
		var err error
		if got, err = p.fabric.Twins(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(got) == 2 && got[macA] == 1 && got[macB] == 0
	})

	p.apply(t, a, b) // nothing changed
	if got, err := p.fabric.Twins(t.Context()); err != nil || got[macA] != 1 {
		t.Errorf("after an apply of the same: %v, %v", got, err)
	}
	p.apply(t, b)
	p.apply(t, a, b)
	if got, err := p.fabric.Twins(t.Context()); err != nil || got[macA] != 0 {
		t.Errorf("after the port was made anew: %v, %v", got, err)
	}
}
