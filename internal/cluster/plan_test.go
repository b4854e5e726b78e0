package cluster

import (
	"errors"
	"testing"
)

// New vnodes take the lowest addresses that are free, and nobody else's change.
func TestAddNodes(t *testing.T) {
	s := valid()
	s.Nodes = append(s.Nodes, Group{Appliance: "web", Count: 1})
	c := Cluster{ID: "id", Name: "farm", Spec: s.Complete(t0), State: Active}
	var err error
	if c.Nodes, err = PlanNodes(c.ID, c.Spec); err != nil {
		t.Fatal(err)
	}
	c.Nodes = append(c.Nodes[:1], c.Nodes[2:]...) // compute-0 has gone
	got, err := AddNodes(c, Compute, []string{"compute-0", "compute-2"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"gateway 10.1.0.1", "compute-1 10.1.0.11", "compute-0 10.1.0.10", "compute-2 10.1.0.13", "web-0 10.1.0.12"}
	for i, n := range got.Nodes {
		if is := n.Name + " " + n.Leg(PrivateNetwork).Address; is != want[i] {
			t.Errorf("node %d is %s, want %s", i, is, want[i])
		}
		if joins := n.Name == "compute-0" || n.Name == "compute-2"; n.Joining != joins {
			t.Errorf("%s joins: %t", n.Name, n.Joining)
		}
	}
	if len(c.Nodes) != 3 {
		t.Error("the cluster that was given changed")
	}
	c.Spec.Network = "10.1.0.0/28"
	if _, err := AddNodes(c, Compute, []string{"a", "b", "c", "d"}); !errors.Is(err, ErrNetworkFull) {
		t.Errorf("a range with room for three more takes four: %v", err)
	}
	if _, err := AddNodes(c, "database", []string{"database-0"}); err == nil {
		t.Error("there is no node of that appliance to be like")
	}
}
