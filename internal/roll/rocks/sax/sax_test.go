package sax

import (
	"fmt"
	"strings"
	"testing"
)

// events writes down what a document holds.
func events(doc string, o Options) string {
	var b strings.Builder
	err := Read([]byte(doc), o, Handler{
		Start: func(name string, attrs []Attr, _ Pos) error {
			fmt.Fprintf(&b, "<%s", name)
			for _, a := range attrs {
				fmt.Fprintf(&b, " %s=%q", a.Name, a.Value)
			}
			b.WriteString(">")
			return nil
		},
		End:       func(name string, _ Pos) error { fmt.Fprintf(&b, "</%s>", name); return nil },
		Text:      func(text string, _ Pos) error { b.WriteString(text); return nil },
		Undefined: func(name string, _ Pos) { fmt.Fprintf(&b, "[%s?]", name) },
	})
	if err != nil {
		fmt.Fprintf(&b, "!%v", err)
	}
	return b.String()
}

func entity(name string) (string, bool) {
	v, ok := map[string]string{"host": "h\t<1>", "q": `"`}[name]
	return v, ok
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ doc, want string }{
		{`<a/>`, `<a></a>`},
		{"<a b='1' c=\"x\ty\">t</a >\n", `<a b="1" c="x y">t</a>`},
		{`<?xml version="1.0"?><!-- c --><a>&host;&lt;&#65;&#x42;</a>`, "<a>h\t<1><AB</a>"},
		{`<a b="&host;"/>`, `<a b="h <1>"></a>`},
		{`<a>x&nope;y</a>`, `<a>x[nope?]y</a>`},
		{"<a>1\r\n2\r3</a>", "<a>1\n2\n3</a>"},
		{`<a><![CDATA[<&]]></a>`, `<a><&</a>`},
		{`<!DOCTYPE a [<!ENTITY x "1&y;"><!ENTITY y "2">]><a b="&x;">&x;</a>`, `<a b="12">12</a>`},
		{`<a b="&nope;"/>`, `!1:0: undefined entity`},
		{`<a><b></a>`, `<a><b>!1:8: mismatched tag`},
		{`<a b="<"/>`, `!1:6: not well-formed (invalid token)`},
		{`<a b="1" b="2"/>`, `!1:9: duplicate attribute`},
		{`<a/><b/>`, `<a></a>!1:4: junk after document element`},
		{`<a/>x`, `<a></a>!1:4: junk after document element`},
		{`x<a/>`, `!1:0: syntax error`},
		{`<a>`, `<a>!1:3: no element found`},
		{``, `!1:0: no element found`},
		{`<a`, `!1:0: unclosed token`},
		{` <?xml version="1.0"?><a/>`, `!1:1: XML or text declaration not at start of entity`},
		{"<a>\x01</a>", `<a>!1:3: not well-formed (invalid token)`},
		{"<a>\xff</a>", `<a>!1:3: not well-formed (invalid token)`},
		{`<a>]]></a>`, `<a>!1:5: not well-formed (invalid token)`},
		{`<a>&#0;</a>`, `<a>!1:3: reference to invalid character number`},
		{`<a>& b</a>`, `<a>!1:4: not well-formed (invalid token)`},
	} {
		if got := events(c.doc, Options{Entity: entity}); got != c.want {
			t.Errorf("%s:\nwant %s\ngot  %s", c.doc, c.want, got)
		}
	}
}

func TestContinued(t *testing.T) {
	for doc, want := range map[string]string{
		`<a><b>x`: `<a><b>x`, `<a>x</a`: `<a>x`, ``: ``, `<a/><!-- x`: `<a></a>`, `<a b="x`: ``,
		`<!DOCTYPE a><a/>`: `!1:0: syntax error`,
	} {
		if got := events(doc, Options{Continued: true}); got != want {
			t.Errorf("%s: want %s, got %s", doc, want, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`<?xml version="1.0" encoding="utf-8"?><!DOCTYPE a [<!ENTITY x "1&y;">]><a b='&x;'>&amp;<!-- c --><![CDATA[d]]></a>`)
	f.Add(`<a`)
	f.Fuzz(func(t *testing.T, doc string) {
		events(doc, Options{Entity: entity})
		events(doc, Options{Entity: entity, Continued: true})
	})
}
