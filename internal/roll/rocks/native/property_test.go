package native

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/expr-lang/expr"
	"pgregory.net/rapid"

	"quarry/internal/needs"
	"quarry/internal/roll/rocks/python"
)

// draw makes a condition of what conditions of rolls are made of, and of what
// has no native form.
func draw(t *rapid.T, depth int) string {
	operands := []string{"b", "i", "s", "c", "none", "7", "0", "'x'", `"y"`, "'7'", "True"}
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if depth == 0 && kind > 3 {
		kind = 0
	}
	one := func() string { return rapid.SampledFrom(operands).Draw(t, "operand") }
	switch kind {
	case 0, 1:
		return one()
	case 2, 3:
		return one() + " " + rapid.SampledFrom(append([]string{"is", "in"}, comparisons...)).Draw(t, "op") + " " + one()
	case 4:
		return "not " + draw(t, depth-1)
	case 5:
		return "(" + draw(t, depth-1) + ")"
	case 6:
		return draw(t, depth-1) + " and " + draw(t, depth-1)
	}
	return draw(t, depth-1) + " or " + draw(t, depth-1)
}

// A condition that has a native form means the same to Rocks and natively,
// whatever the parameters are.
func TestConditionsMeanTheSame(t *testing.T) {
	parameters := map[string]string{"b": "bool", "i": "int", "s": "string"}
	said := 0
	rapid.Check(t, func(t *rapid.T) {
		im := &importer{name: "r", params: map[string]bool{}, mapping: Mapping{Attributes: map[string]Value{"c": {Constant: rapid.SampledFrom([]string{"7", "x", "yes", "7.0"}).Draw(t, "c")}}}}
		for name, kind := range parameters {
			im.mapping.Attributes[name] = Value{Parameter: &Parameter{Name: name, Type: kind}}
		}
		condition := draw(t, 3)
		native, holds := im.condition(condition, place{})
		attrs := map[string]string{"c": im.mapping.Attributes["c"].Constant}
		b, i, s := rapid.Bool().Draw(t, "b"), rapid.IntRange(-1, 8).Draw(t, "i"), rapid.SampledFrom([]string{"", "x", "y", "zz", "no", "7", "0", "7.0"}).Draw(t, "s")
		attrs["b"], attrs["i"], attrs["s"] = strconv.FormatBool(b), strconv.Itoa(i), s
		for _, f := range im.findings {
			if f.Rule == "import-condition" {
				return // it was left out, and said so
			}
		}
		got := holds
		if native != "" {
			said++
			out, err := expr.Eval(native, map[string]any{"r": map[string]any{"b": b, "i": i, "s": s}})
			if err != nil {
				t.Fatalf("%s became %s: %v", condition, native, err)
			}
			got = out.(bool)
		}
		parsed, err := python.Parse(condition)
		if err != nil {
			t.Fatal(err)
		}
		want, err := parsed.Eval(attrs)
		if err != nil {
			t.Fatalf("%s became %s, and fails in Rocks: %v", condition, native, err)
		}
		if got != want.True {
			t.Fatalf("%s became %s, which is %v; in Rocks it is %v, with %v", condition, native, got, want.True, attrs)
		}
	})
	if said == 0 {
		t.Error("no condition had a native form")
	}
}

// A file holds the same whether a shell writes it or it becomes one of the node's.
func TestFilesHoldTheSame(t *testing.T) {
	needs.Program(t, "bash")
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "$x", "`ls`", "\\", "'", "\n", "\n", "EOF", "EOF_", "{{", " "}), 1, 12).Draw(rt, "text")
		text := strings.Join(pieces, "")
		content := heredocText(text)
		if content == "" {
			return
		}
		full := filepath.Join(dir, "file")
		s := &script{importer: &importer{}, part: &part{}}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if out, err := exec.CommandContext(ctx, "bash", "-c", s.commands(&element{}, full, content)).CombinedOutput(); err != nil {
			rt.Fatalf("%v: %s", err, out)
		}
		got, err := os.ReadFile(full)
		if err != nil {
			rt.Fatal(err)
		}
		if string(got) != content {
			rt.Fatalf("%q becomes %q by the shell, %q as a file", text, got, content)
		}
	})
}

// Whatever a node holds, what comes out is a roll.
func FuzzImport(f *testing.F) {
	f.Add("<package>a&b;</package><post><file name='/x' perms='1' owner='&c;'>&d;{{<eval/></file>chkconfig x on</post>", "<edge from='n' to='m' cond='q'/><order head='n' tail='HEAD'/>")
	f.Add("<post interpreter='/usr/bin/perl'>\n</post><boot>&p;</boot><package cond='p and not q'>x</package>", "<edge from='n'><to cond='p == 1'>n</to></edge>")
	attributes := map[string]Value{"p": {Parameter: &Parameter{Name: "p", Type: "bool", Help: "h"}}, "q": {Constant: "7"}, "b": {Template: "{{.Domain}}"}}
	f.Fuzz(func(t *testing.T, node, graph string) {
		result, err := Import(tree(map[string]string{"n": node, "graph": graph}), Roll{Name: "r"}, Mapping{Attributes: attributes})
		if err != nil {
			if strings.Contains(err.Error(), "not well made") {
				t.Errorf("%v", err)
			}
			return
		}
		for name := range result.Files {
			if strings.Contains(name, "..") || strings.HasPrefix(name, "/") {
				t.Errorf("a file %q came out", name)
			}
		}
	})
}

func FuzzMapping(f *testing.F) {
	f.Add([]byte("nodes: {a: b/c}\nattributes: {x: y, z: {template: t}}\nposts: {'nodes/a.xml:1': {drop: x}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseMapping("map.yaml", data)
		if err == nil && m.Failures == "" {
			t.Errorf("%+v has no way to treat failures", m)
		}
	})
}
