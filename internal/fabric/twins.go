package fabric

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// twinCookie marks the flows that count frames of twins.
const twinCookie = "0x7477696e"

// twinFlows let frames that come from other pnodes with a port's own MAC pass
// as all others do, and count them.
func twinFlows(p Port, uplinks []string) []string {
	if p.Bridge != BridgeSite || !p.Open {
		return nil
	}
	var flows []string
	for _, u := range uplinks {
		match := fmt.Sprintf("dl_vlan=%d,dl_src=%s", p.VLAN, p.MAC)
		flows = append(flows, "cookie="+twinCookie+","+admit(u, 105, match, tableForward))
	}
	return flows
}

var twinFrames = regexp.MustCompile(`n_packets=(\d+).*dl_src=([0-9a-f:]{17})`)

// Twins tells for each MAC of our ports on br-site how many frames came from
// other pnodes with it, since its port was made. There are some when the same
// vnode runs twice.
func (f *Fabric) Twins(ctx context.Context) (map[string]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	target := "unix:" + filepath.Join(f.rundir, BridgeSite+".mgmt")
	cmd := exec.CommandContext(ctx, "ovs-ofctl", "-O", "OpenFlow14", "dump-flows", target, "cookie="+twinCookie+"/-1")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("count frames of twins: %w: %s", err, bytes.TrimSpace(complaints.Bytes()))
	}
	return parseTwins(out), nil
}

func parseTwins(dump []byte) map[string]uint64 {
	frames := map[string]uint64{}
	for _, m := range twinFrames.FindAllSubmatch(dump, -1) {
		n, err := strconv.ParseUint(string(m[1]), 10, 64)
		if err != nil {
			continue // more than 2^64 frames
		}
		frames[string(m[2])] += n
	}
	return frames
}
