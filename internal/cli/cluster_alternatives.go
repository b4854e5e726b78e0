package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
)

// withCommands adds to a refusal the commands that book its alternatives.
func withCommands(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	raw, ok := f.Refusal.(json.RawMessage)
	var refusal manager.Refusal
	if !ok || json.Unmarshal(raw, &refusal) != nil {
		return err
	}
	told := *f
	told.Details = append([]fault.Detail(nil), f.Details...)
	for _, a := range refusal.Alternatives {
		var commands []string
		for _, spec := range a.Specs {
			if command := createCommand(spec); command != "" {
				commands = append(commands, command)
			}
		}
		if len(commands) > 0 && len(commands) == len(a.Specs) {
			told.Details = append(told.Details, fault.Detail{Field: string(a.Kind), Message: strings.Join(commands, " && ")})
		}
	}
	return &told
}

// createCommand is the command that books a specification, "" where flags
// cannot say it all.
func createCommand(spec cluster.Spec) string {
	if len(spec.Attributes)+len(spec.Racks)+len(spec.Users) > 0 {
		return ""
	}
	words := []string{"quarry cluster create", spec.Name}
	for _, r := range spec.Rolls {
		words = append(words, "--roll "+quote(r))
	}
	groups, ok := groupFlags(spec.Nodes)
	if !ok {
		return ""
	}
	words = append(words, groups...)
	for _, key := range slices.Sorted(maps.Keys(spec.Parameters)) {
		words = append(words, "--param "+quote(key+"="+spec.Parameters[key]))
	}
	words = append(words, "--start "+spec.Start.UTC().Format(time.RFC3339), "--end "+spec.End.UTC().Format(time.RFC3339))
	return strings.Join(words, " ")
}

// groupFlags are the flags for groups of nodes; they have one size for all,
// and the gateway keeps its own only when it is not named.
func groupFlags(groups []cluster.Group) (flags []string, ok bool) {
	usual := cluster.Group{Appliance: cluster.Gateway, Count: 1, CPUs: cluster.DefaultCPUs, MemoryMiB: cluster.DefaultMemoryMiB, DiskMiB: cluster.DefaultDiskMiB}
	var first *cluster.Group
	for i := range groups {
		g := &groups[i]
		if *g == usual {
			continue
		}
		if first == nil {
			first = g
		}
		if g.CPUs != first.CPUs || g.MemoryMiB != first.MemoryMiB || g.DiskMiB != first.DiskMiB {
			return nil, false
		}
		flags = append(flags, fmt.Sprintf("--appliance %s=%d", g.Appliance, g.Count))
	}
	if first == nil {
		return nil, true
	}
	return append(flags, fmt.Sprintf("--cpus %d --memory %dM --disk %dM", first.CPUs, first.MemoryMiB, first.DiskMiB)), true
}
