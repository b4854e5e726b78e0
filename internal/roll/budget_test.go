package roll

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"quarry/internal/vnode"
)

// What a hostile template or condition would cost the manager is bounded.
func TestTemplatesAreBounded(t *testing.T) {
	data, err := NewTemplateData(sampleIdentity())
	if err != nil {
		t.Fatal(err)
	}
	for range 4000 {
		data.Hosts = append(data.Hosts, vnode.Host{Name: "compute-1", Address: "10.1.2.11", Appliance: "compute"})
	}
	const steps, much = "goes through more than", "gives more than"
	for name, c := range map[string]struct{ template, want string }{
		"a large cluster":   {`{{range .Hosts}}{{.Name}} {{.Address}}{{if eq .Appliance "compute"}} compute{{else}} other{{end}}` + "\n{{end}}", ""},
		"nested loops":      {strings.Repeat("{{range $.Hosts}}", 10) + strings.Repeat("{{end}}", 10), steps},
		"a loop of numbers": {`{{range 1000000000000}}{{end}}`, steps},
		"for nothing":       {`{{range 1000000000000}}{{else}}x{{end}}`, steps},
		"recursion":         {`{{define "a"}}{{range .Hosts}}{{template "a" $}}{{end}}{{end}}{{template "a" .}}`, `template "a" calls itself`},
		"recursion of two":  {`{{define "a"}}{{template "b" .}}{{end}}{{define "b"}}{{template "a" .}}{{end}}{{template "a" .}}`, "calls itself"},
		"deep":              {strings.Repeat("{{if true}}", 30) + strings.Repeat("{{end}}", 30), "is nested deeper"},
		"many":              {strings.Repeat(`{{define "a"}}{{end}}`, 3) + strings.Join(manyDefined(), ""), "defines more than"},
		"blocks":            {`{{block "b" .}}{{range .Hosts}}{{template "b" $}}{{end}}{{end}}`, "calls itself"},
		"doubling": {
			`{{$x := "` + strings.Repeat("x", 1000) + `"}}` + strings.Repeat(`{{$x = print $x $x $x $x $x $x $x $x}}`, 30), much,
		},
		"doubling by printf": {`{{$x := "` + strings.Repeat("x", 1000) + `"}}` + strings.Repeat(`{{$x = printf "%s%s%s%s" $x $x $x $x}}`, 30), much},
		"doubling by join": {
			`{{$x := "a a a a a a a a"}}` + strings.Repeat(`{{$x = join $x (fields "a a a a a a a a a a a a a")}}`, 30), much,
		},
		"doubling by js":     {`{{$x := "` + strings.Repeat("'", 1000) + `"}}` + strings.Repeat(`{{$x = js $x $x $x}}`, 30), much},
		"wide":               {`{{printf "%1000d" 1}}`, "widths have up to three digits"},
		"precise":            {`{{printf "%5.1000f" 1.0}}`, "widths have up to three digits"},
		"wide by argument":   {`{{printf "%*d" 1000000 1}}`, "widths have up to three digits"},
		"again and again":    {`{{printf "%[1]s%[1]s" "x"}}`, "widths have up to three digits"},
		"a lot of arguments": {`{{print` + strings.Repeat(` "x"`, 101) + `}}`, "more than 100 arguments"},
		"plain printf":       {`{{printf "%s %-20s %05.2f %% %q" "a" "b" 1.0 "c"}}`, ""},
	} {
		began := time.Now()
		_, err := RenderFile(File{Path: "/x", Content: c.template, Template: true, From: Source{Roll: "app"}}, data)
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%s took %s", name, took)
		}
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func manyDefined() []string {
	var list []string
	for i := range 60 {
		list = append(list, fmt.Sprintf(`{{define "t%d"}}x{{end}}`, i))
	}
	return list
}

func TestConditionsAreBounded(t *testing.T) {
	for condition, want := range map[string]string{
		`any(rolls, # == "web") and all(rolls, # != "x")`: "",
		`any(rolls, any(rolls, false))`:                   "may not stand within each other",
		`none(rolls, sum([1], len(rolls)) > 1)`:           "may not stand within each other",
		`any(1..1000000, # == 7)`:                         `".." is not allowed`,
	} {
		_, err := compile(condition, "app", nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", condition, err, want)
		}
	}
}
