package python

import (
	_ "embed"
	"errors"
	"strings"
	"testing"
	"time"
)

//go:embed testdata/python27.tsv
var golden string

var attrs = map[string]string{
	"os": "linux", "arch": "x86_64", "hostname": "compute-0-0", "x11": "true", "rack": "0", "rank": "12", "empty": "", "word": "abc", "off": "No",
	"f": "1.5", "neg": "-3", "big": "123456789012345678901234567890", "version": "7.0", "rocks_version_major": "7", "release": "Manzanita",
	"s": "a,b,,c", "pct": "50%", "inf": "inf", "e": "1e3", "hexv": "0x10", "path": "/etc/x.d/y.conf", "z": "007", "spaced": "a b  c",
}

func evaluate(source string) (Result, error) {
	e, err := Parse(source)
	if err != nil {
		return Result{}, err
	}
	return e.Eval(attrs)
}

func class(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return ""
}

func TestAsPythonDoes(t *testing.T) {
	for line := range strings.SplitSeq(strings.TrimSpace(golden), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(line, "\t")
		r, err := evaluate(row[0])
		kind, got := "ok", show(r.Value)
		if err != nil {
			kind, got = "error", class(err)
		}
		if got != Unsupported && (kind != row[1] || got != row[2]) {
			t.Errorf("%s: want %s %s, got %s %s", row[0], row[1], row[2], kind, got)
		}
	}
}

func TestTruth(t *testing.T) {
	for source, want := range map[string]bool{
		"x11": true, "not x11": false, "nosuch": false, "True": false, "False is None": true, "x11 == True": false,
		"version == '7.0'": false, "version >= 7": true, "rack == '0'": false, "'abc' >= 7": true, "nosuch >= 7": false,
		"hexv == 16": false, "arch in ('i386', 'x86_64')": true, "hostname.startswith('c')": true, "'a' in {'a', 'b'}": true,
		"1 < rank < 20": true, "os is os": true, "rack is 0": true, "None is None": true, "nosuch is None": true,
		"rack, nosuch": true, " \tx11 # why": true, "'%s-%d' % (os, rank) == 'linux-12'": true,
		"[c for c in 'abc' if c != 'b'] == ['a', 'c']": true, "hostname.startswith": true,
	} {
		if r, err := evaluate(source); err != nil || r.True != want {
			t.Errorf("%s: want %v, got %v %v", source, want, r.True, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for source, want := range map[string]string{
		"": "SyntaxError", "  ": "SyntaxError", "(  and x )": "SyntaxError", "a b": "SyntaxError", "x\n1": "SyntaxError", "print": "SyntaxError",
		"len(hostname) > 3": "TypeError", "nosuch.foo": "AttributeError", "'a' in nosuch": "TypeError", "[i for i in (1, 2)]": "AttributeError",
		"lambda: 1": Unsupported, "(x for x in s)": Unsupported, "''.__class__": Unsupported, "1j": Unsupported,
		"rack / 0": "ZeroDivisionError", "9**9**9": "MemoryError", "'a'*10**9": "MemoryError", "1 << 10**9": "MemoryError",
		strings.Repeat("(", 1000) + "1" + strings.Repeat(")", 1000): "MemoryError",
		"'%s' % ('a' * 3,) + '%d' % os":                             "TypeError", "08": "SyntaxError", "'abc": "SyntaxError",
	} {
		if _, err := evaluate(source); class(err) != want {
			t.Errorf("%.40s: want %s, got %v", source, want, err)
		}
	}
}

func TestMixedComparisonIsSeen(t *testing.T) {
	r, err := evaluate("x11 and version == '7.0'")
	if err != nil || len(r.Mixed) != 1 || r.Mixed[0].Attribute != "version" {
		t.Fatalf("got %+v %v", r.Mixed, err)
	}
	if r, _ := evaluate("version == 7"); len(r.Mixed) != 0 {
		t.Fatalf("got %+v", r.Mixed)
	}
}

func TestText(t *testing.T) {
	for inside, want := range map[string]string{`it\'s`: "it's", `a\tb`: "a\tb", `x`: "x"} {
		if got, err := Text(inside); err != nil || got != want {
			t.Errorf("%s: %q %v", inside, got, err)
		}
	}
	for _, inside := range []string{`a\`, `a' + 'b`, `a', 'b`} {
		if got, err := Text(inside); err == nil {
			t.Errorf("%s: %q was taken", inside, got)
		}
	}
}

func FuzzCondition(f *testing.F) {
	for i, line := range strings.Split(golden, "\n") {
		if i%25 == 0 {
			f.Add(strings.Split(line, "\t")[0])
		}
	}
	f.Add("('a'*1000).replace('a','b'*1000).join(['x']*1000)")
	f.Add("[[[x for x in 'a'*999] for y in 'a'*999] for z in 'a'*999]")
	f.Fuzz(func(t *testing.T, source string) {
		start := time.Now()
		r, err := evaluate(source)
		if err == nil {
			_ = show(r.Value)
		} else if class(err) == "" {
			t.Fatalf("an error that Python has not: %v", err)
		}
		if took := time.Since(start); took > time.Minute {
			t.Fatalf("%q took %s", source, took)
		}
	})
}
