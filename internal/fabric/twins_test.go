package fabric

import (
	"maps"
	"testing"
)

func TestParseTwins(t *testing.T) {
	got := parseTwins([]byte(`OFPST_FLOW reply (OF1.4) (xid=0x4):
 cookie=0x7477696e, duration=3.1s, table=0, n_packets=2, n_bytes=120, idle_age=1, priority=105,in_port=1,dl_vlan=10,dl_src=52:54:00:00:00:0a actions=resubmit(,2)
 cookie=0x7477696e, duration=3.1s, table=0, n_packets=1, n_bytes=60, idle_age=1, priority=105,in_port=2,dl_vlan=10,dl_src=52:54:00:00:00:0a actions=resubmit(,2)
 cookie=0x7477696e, duration=3.1s, table=0, n_packets=0, n_bytes=0, priority=105,in_port=1,dl_vlan=10,dl_src=52:54:00:00:00:0b actions=resubmit(,2)
`))
	if want := map[string]uint64{"52:54:00:00:00:0a": 3, "52:54:00:00:00:0b": 0}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
