package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
)

func TestRefusalTellsCommands(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	spec := cluster.Spec{
		Name: "farm", Rolls: []string{"condor"}, Start: start, End: start.Add(time.Hour), Parameters: map[string]string{"condor.slots": "a b"},
		Nodes: []cluster.Group{
			{Appliance: "gateway", Count: 1, CPUs: cluster.DefaultCPUs, MemoryMiB: cluster.DefaultMemoryMiB, DiskMiB: cluster.DefaultDiskMiB},
			{Appliance: "compute", Count: 2, CPUs: 2, MemoryMiB: 512, DiskMiB: 4096},
		},
	}
	inFile := spec
	inFile.Users = []cluster.User{{Name: "ann"}}
	raw, err := json.Marshal(manager.Refusal{Alternatives: []manager.Alternative{
		{Kind: calendar.Fewer, Specs: []cluster.Spec{spec}}, {Kind: calendar.Later, Specs: []cluster.Spec{inFile}}, {Kind: calendar.Split, Specs: []cluster.Spec{spec, spec}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	f := fault.New(fault.Refused, "no", fault.Detail{Message: "why"})
	f.Refusal = json.RawMessage(raw)
	want := "quarry cluster create farm --roll condor --appliance compute=2 --cpus 2 --memory 512M --disk 4096M --param 'condor.slots=a b'" +
		" --start 2026-03-01T12:00:00Z --end 2026-03-01T13:00:00Z"
	got := withCommands(f).Error()
	if got != "no: why; fewer: "+want+"; split: "+want+" && "+want {
		t.Fatalf("%s", got)
	}
	if len(f.Details) != 1 || fault.KindOf(withCommands(f)) != fault.Refused {
		t.Fatal("the error itself was changed")
	}
	if plain := fault.New(fault.Refused, "no"); withCommands(plain) != error(plain) || strings.Contains(plain.Error(), "create") {
		t.Fatal("made up commands")
	}
}
