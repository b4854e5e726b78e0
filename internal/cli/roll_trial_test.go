package cli

import (
	"os"
	"testing"
	"testing/fstest"

	"quarry/internal/roll"
)

func TestForTrial(t *testing.T) {
	roll := func(yaml string) fstest.MapFS {
		return fstest.MapFS{"roll.yaml": {Data: []byte(yaml)}, "nodes/n.yaml": {Data: []byte("summary: x\n")}}
	}
	first, _, err := forTrial(roll("name: app\nversion: \"1.2\"\nsummary: s\n"))
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := forTrial(roll("name: app\nversion: \"1.2\"\nsummary: s\n"))
	if err != nil || again.Ref() != first.Ref() {
		t.Errorf("the same content is %s, then %s: %v", first.Ref(), again.Ref(), err)
	}
	other, packed, err := forTrial(roll("name: app\nversion: \"1.2\"\nsummary: t\n"))
	if err != nil || other.Ref() == first.Ref() || len(packed) == 0 {
		t.Errorf("other content is %s as well: %v", other.Ref(), err)
	}
	if _, _, err := forTrial(roll("{name: app, version: 1, summary: s}")); err == nil {
		t.Error("the version was not put in, and nobody said so")
	}
}

func TestHangsOn(t *testing.T) {
	for name, want := range map[string]string{"web": "web", "condor": "gateway", "gateway": "gateway", "base": "compute"} {
		r, err := roll.Load(os.DirFS("../../rolls"), name)
		if err != nil {
			t.Fatal(err)
		}
		if got := hangsOn(r); got != want {
			t.Errorf("%s is shown by %q, want %q", name, got, want)
		}
	}
}
