// Package theme is what Quarry's pictures have in common: their neutral colours,
// a colour for each of many things, and a style sheet for light and dark pages.
// It is pure.
package theme

import (
	"fmt"
	"strings"
)

// Palette are the colours that every picture has, as CSS writes them.
type Palette struct{ Page, Text, Dim, Shut, Lit string }

// Of is the palette of light or dark pages.
func Of(dark bool) Palette {
	if dark {
		return Palette{Page: "#14161b", Text: "#eceef2", Dim: "#9aa3b2", Shut: "#f0806a", Lit: "#ffb454"}
	}
	return Palette{Page: "#ffffff", Text: "#16181d", Dim: "#5d6470", Shut: "#b3402a", Lit: "#c2410c"}
}

// Tone is a hue in degrees, and whether it has any colour at all.
type Tone struct {
	Hue  int
	Grey bool
}

// ToneOf is the tone of the i-th thing, from 0 on, neighbours far apart.
func ToneOf(i int) Tone { return Tone{Hue: (i*137 + 210) % 360} }

// CSS is the tone with a saturation, which grey has not, and a lightness in per cent.
func (t Tone) CSS(saturation, lightness int) string {
	if t.Grey {
		saturation = 0
	}
	return fmt.Sprintf("hsl(%d,%d%%,%d%%)", t.Hue, saturation, lightness)
}

// Sheet is the style sheet with base first and then what colours writes for
// light and dark pages, each selector after the scope. A page chooses one by
// data-theme; without it the reader's system does.
func Sheet(base string, colours func(b *strings.Builder, scope string, dark bool)) string {
	var b strings.Builder
	b.WriteString(base)
	colours(&b, "", false)
	b.WriteString("@media (prefers-color-scheme:dark){\n")
	colours(&b, `:root:not([data-theme="light"]) `, true)
	b.WriteString("}\n")
	colours(&b, `:root[data-theme="dark"] `, true)
	return b.String()
}
