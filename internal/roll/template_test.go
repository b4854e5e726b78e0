package roll

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/vnode"
)

func sampleIdentity() vnode.Identity {
	return vnode.Identity{
		Hostname: "compute-0", Domain: "cluster.internal", Cluster: "farm", Appliance: "compute",
		Legs:       []vnode.Leg{{Network: "outside", Address: "203.0.113.9/24"}, {Network: "private", Address: "10.1.2.10/22"}},
		Hosts:      []vnode.Host{{Name: "gateway", Address: "10.1.0.1", Appliance: "gateway"}, {Name: "compute-0", Address: "10.1.2.10", Appliance: "compute"}},
		Parameters: map[string]string{"app.list": "a b"}, Secrets: map[string]string{"app.pw": "s3cret"},
	}
}

func TestRenderFile(t *testing.T) {
	data, err := NewTemplateData(sampleIdentity())
	if err != nil {
		t.Fatal(err)
	}
	from := Source{Roll: "app", File: "nodes/n.yaml", Line: 7}
	good := []struct{ template, want string }{
		{`{{.Hostname}}.{{.Domain}} {{.Cluster}} {{.Appliance}}`, "compute-0.cluster.internal farm compute"},
		{`{{.Gateway}} {{.Address}} {{.Network}} {{.Netmask}} {{.NetworkAddress}}`, "10.1.0.1 10.1.2.10 10.1.0.0/22 255.255.252.0 10.1.0.0"},
		{`{{range .NodesOf "compute"}}{{.Name}}{{end}}{{len (.NodesOf "web")}}`, "compute-00"},
		{`{{join "," (fields (param "app.list"))}} {{secret "app.pw"}}`, "a,b s3cret"},
	}
	for _, c := range good {
		got, err := RenderFile(File{Path: "/x", Mode: "0600", Owner: "a:b", Content: c.template, Template: true, From: from}, data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(vnode.File{Path: "/x", Mode: "0600", Owner: "a:b", Content: c.want}, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", c.template, diff)
		}
	}
	plain, err := RenderFile(File{Path: "/x", Content: "{{"}, data)
	if err != nil || plain.Content != "{{" {
		t.Errorf("no template, yet rendered: %q, %v", plain.Content, err)
	}
	bad := []struct{ template, want string }{
		{"a\n{{.Hostnmae}}", `app/nodes/n.yaml:7: /x, line 2: executing "/x" at <.Hostnmae>: can't evaluate field Hostnmae`},
		{`{{param "app.nosuch"}}`, `app/nodes/n.yaml:7: /x, line 1: executing "/x" at <param "app.nosuch">: error calling param: there is no parameter "app.nosuch"`},
		{`{{.Parameters.nosuch}}`, `app/nodes/n.yaml:7: /x, line 1: executing "/x" at <.Parameters.nosuch>: map has no entry`},
		{`{{if}}`, `app/nodes/n.yaml:7: /x, line 1: missing value for if`},
		{`{{range .Hosts}}` + strings.Repeat("x", 140000) + `{{end}}`, `app/nodes/n.yaml:7: /x, line 0: gives more than 262144 bytes`},
	}
	for _, c := range bad {
		_, err := RenderFile(File{Path: "/x", Content: c.template, Template: true, From: from}, data)
		wantDetails(t, err, c.want)
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("a secret is in %v", err)
		}
	}
}

func TestNewTemplateDataRefusesABadLeg(t *testing.T) {
	id := sampleIdentity()
	id.Legs[1].Address = "10.1.2.10"
	if _, err := NewTemplateData(id); err == nil {
		t.Error("an address without prefix length went through")
	}
}
