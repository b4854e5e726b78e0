package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
)

// booker writes the commands that book specifications, with what the person
// gave beside the specification itself.
type booker struct {
	context  string // --context, "" when it was not given
	keyFiles []string
	cluster  string // that is changed
	file     bool   // the specification came from a file, with keys of its own
}

// withCommands adds to a refusal the commands that book its alternatives.
func (b booker) withCommands(err error) error {
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
		told.Details = append(told.Details, fault.Detail{Field: string(a.Kind), Message: b.commands(a)})
	}
	return &told
}

// commands books an alternative.
func (b booker) commands(a manager.Alternative) string {
	var list []string
	for _, ch := range a.Changes {
		list = append(list, b.changeCommand(ch))
	}
	for _, spec := range a.Specs {
		list = append(list, b.command(spec))
	}
	return strings.Join(list, " && ")
}

// command books a complete specification: with flags where they can say it
// all, else with the specification itself on standard input.
func (b booker) command(spec cluster.Spec) string {
	words := []string{"quarry cluster create"}
	if b.context != "" {
		words = append(words, "--context "+quote(b.context))
	}
	for _, f := range b.keyFiles {
		words = append(words, "--ssh-key "+quote(f))
	}
	flags, ok := specFlags(spec)
	if !ok || b.file && len(spec.SSHKeys) > 0 {
		return "echo " + quote(b.document(spec)) + " | " + strings.Join(append(words, "-f -"), " ")
	}
	return strings.Join(slices.Concat(words[:1], []string{spec.Name}, words[1:], flags), " ")
}

// specFlags are the flags that say all of a specification but its name and
// its keys; ok is false where there are none for some of it.
func specFlags(spec cluster.Spec) (flags []string, ok bool) {
	if len(spec.Attributes)+len(spec.Racks)+len(spec.Users) > 0 || !usualNetwork(spec) {
		return nil, false
	}
	for _, r := range spec.Rolls {
		flags = append(flags, "--roll "+quote(r))
	}
	groups, ok := groupFlags(spec.Nodes)
	if !ok {
		return nil, false
	}
	flags = append(flags, groups...)
	flags = append(flags, placementFlags(spec)...)
	if spec.BestEffort {
		flags = append(flags, "--best-effort")
	}
	for _, key := range slices.Sorted(maps.Keys(spec.Parameters)) {
		flags = append(flags, "--param "+quote(key+"="+spec.Parameters[key]))
	}
	return append(flags, "--start "+spec.Start.UTC().Format(time.RFC3339), "--end "+spec.End.UTC().Format(time.RFC3339)), true
}

func usualNetwork(spec cluster.Spec) bool {
	usual := func(value, usual string) bool { return value == "" || value == usual }
	return usual(spec.Network, cluster.DefaultNetwork) && usual(spec.Domain, cluster.DefaultDomain) && usual(spec.TimeZone, cluster.DefaultTimeZone)
}

// groupFlags are the flags for groups of nodes; they have one size for all,
// and the gateway keeps its own only when it is not named.
func groupFlags(groups []cluster.Group) (flags []string, ok bool) {
	usual := cluster.Group{Appliance: cluster.Gateway, Count: 1, CPUs: cluster.DefaultCPUs, MemoryMiB: cluster.DefaultMemoryMiB, DiskMiB: cluster.DefaultDiskMiB}
	var first *cluster.Group
	for i := range groups {
		g := &groups[i]
		bare := *g
		bare.Require, bare.Prefer, bare.Apart = nil, nil, false
		if reflect.DeepEqual(bare, usual) {
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

// document is a specification as cluster create -f reads it, on one line.
func (b booker) document(spec cluster.Spec) string {
	doc := map[string]any{"name": spec.Name, "start": spec.Start.UTC().Format(time.RFC3339), "end": spec.End.UTC().Format(time.RFC3339)}
	var nodes []map[string]any
	for _, g := range spec.Nodes {
		node := map[string]any{
			"appliance": g.Appliance, "count": g.Count, "cpus": g.CPUs,
			"memory": fmt.Sprintf("%dM", g.MemoryMiB), "disk": fmt.Sprintf("%dM", g.DiskMiB),
		}
		putSet(node, "require", g.Require)
		putSet(node, "prefer", g.Prefer)
		putSet(node, "apart", g.Apart)
		nodes = append(nodes, node)
	}
	doc["nodes"] = nodes
	putSet(doc, "rolls", spec.Rolls)
	putSet(doc, "bestEffort", spec.BestEffort)
	putSet(doc, "policy", spec.Policy)
	putSet(doc, "together", spec.Together)
	putSet(doc, "parameters", spec.Parameters)
	putSet(doc, "attributes", spec.Attributes)
	putSet(doc, "racks", spec.Racks)
	putSet(doc, "network", spec.Network)
	putSet(doc, "domain", spec.Domain)
	putSet(doc, "timeZone", spec.TimeZone)
	putSet(doc, "users", spec.Users)
	if b.file && len(b.keyFiles) == 0 {
		putSet(doc, "sshKeys", spec.SSHKeys)
	}
	raw, err := json.Marshal(doc)
	must(err) // strings, numbers and lists of them
	return string(raw)
}

// putSet puts a value under a key unless it is nothing.
func putSet(doc map[string]any, key string, value any) {
	if v := reflect.ValueOf(value); v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 || v.Kind() == reflect.Map && v.Len() == 0 {
		return
	}
	doc[key] = value
}
