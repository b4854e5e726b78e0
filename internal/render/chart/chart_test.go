package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"quarry/internal/calendar"
)

// golden compares with a file, or writes it where QUARRY_UPDATE is 1.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if os.Getenv("QUARRY_UPDATE") == "1" {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s is not up to date: QUARRY_UPDATE=1 go test ./internal/render/chart\n%s", path, d)
	}
}

func TestText(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	marked := func(k Kind, s string) string { return fmt.Sprintf("<%s>%s</>", k, s) }
	for name, c := range map[string]struct {
		tenant string
		TextOptions
	}{
		"provider": {"", TextOptions{Width: 100, Zone: berlin}},
		"tenant":   {"chem", TextOptions{Width: 80, Zone: berlin, ASCII: true}},
		"narrow":   {"geo", TextOptions{Width: 40, Parts: []Part{Site, Clusters}}},
		"painted":  {"", TextOptions{Width: 60, Parts: []Part{Pnodes}, Paint: marked}},
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, filepath.Join("testdata", name+".txt"), []byte(Text(example(t, c.tenant), c.TextOptions)))
		})
	}
}

// The picture in docs/calendar.md is what the code draws.
func TestPictureInTheDocs(t *testing.T) {
	golden(t, filepath.Join("..", "..", "..", "docs", "calendar.svg"),
		SVG(example(t, ""), SVGOptions{Zone: zone(t, "Europe/Berlin"), Title: "A site's day"}))
}

// drawOverview draws what a site may show.
func drawOverview(t *rapid.T) calendar.Overview {
	second := func(label string, least, most int) time.Time {
		return monday.Add(time.Duration(rapid.IntRange(least, most).Draw(t, label)) * time.Second)
	}
	length := rapid.SampledFrom([]int{1, 90, 3600, 86_400, 30 * 86_400, 366 * 86_400}).Draw(t, "length")
	l := calendar.Look{
		From: monday, To: monday.Add(time.Duration(length) * time.Second), Now: second("now", -length, 2*length),
		Tenant: rapid.SampledFrom([]string{"", "chem"}).Draw(t, "who"), Slots: rapid.IntRange(1, 200).Draw(t, "slots"),
		Limit: rapid.IntRange(1, 9).Draw(t, "limit"), Page: 1,
	}
	site := calendar.Site{Pools: []calendar.Pool{{Name: "vlan", Units: []string{"1", "2"}}}}
	for i := range rapid.IntRange(0, 4).Draw(t, "pnodes") {
		site.Pnodes = append(site.Pnodes, calendar.Pnode{
			Name: strings.Repeat("p", rapid.IntRange(1, 60).Draw(t, "name")) + fmt.Sprint(i), Capacity: calendar.Size{CPUs: 4, MemoryMiB: 1024, DiskMiB: 4096},
			Lost: rapid.IntRange(0, 4).Draw(t, "lost") == 0, Maintenance: []calendar.Window{{From: second("shut", -length, 0), To: second("open", 1, 2*length)}},
		})
	}
	var bookings []calendar.Booking
	for i := range rapid.IntRange(0, 8).Draw(t, "bookings") {
		var b calendar.Booking
		b.Request = calendar.Request{
			ID: fmt.Sprint(i), Tenant: rapid.SampledFrom([]string{"chem", "geo"}).Draw(t, "tenant"), Name: fmt.Sprintf("n%d", i),
			Start: second("start", -length, 2*length), End: second("end", -length, 2*length),
			Groups: []calendar.Group{{Count: 1, Size: calendar.Size{CPUs: rapid.IntRange(0, 6).Draw(t, "cpus"), MemoryMiB: 100}}},
		}
		b.From, b.To = second("held from", -length, 2*length), second("held to", -length, 2*length)
		b.Vnodes = []calendar.Vnode{{Name: "compute-0", Pnode: "p0"}}
		if len(site.Pnodes) > 0 {
			b.Vnodes[0].Pnode = site.Pnodes[0].Name
		}
		bookings = append(bookings, b)
	}
	o, err := calendar.Survey(site, bookings, l)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// However much there is, no line is wider than was asked for, plain characters
// stay plain, and every booking of the page can be seen.
func TestTextFitsAndShowsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOverview(t)
		opt := TextOptions{Width: rapid.IntRange(LeastWidth, 250).Draw(t, "width"), ASCII: rapid.Bool().Draw(t, "ascii")}
		text := Text(o, opt)
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > opt.Width {
				t.Fatalf("%d columns are more than %d: %q", n, opt.Width, line)
			}
		}
		if opt.ASCII && strings.ContainsFunc(text, func(r rune) bool { return r > 0x7e }) {
			t.Fatalf("not plain:\n%s", text)
		}
		rows := Text(o, TextOptions{Width: opt.Width, Parts: []Part{Clusters}})
		holding := 0
		for _, b := range o.Bookings {
			if b.To.After(b.From) {
				holding++
			}
		}
		if seen := len(regexp.MustCompile(`(?m)^ .*[░█▒]`).FindAllString(rows, -1)); seen != holding {
			t.Fatalf("%d are seen of %d\n%s", seen, holding, rows)
		}
	})
}

// A cell shows the phase that a naive walk over its seconds finds most often.
func TestCellsShowWhatTheyAreMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		second := func(label string) time.Time {
			return monday.Add(time.Duration(rapid.IntRange(-20, 120).Draw(t, label)) * time.Second)
		}
		b := calendar.BookingOverview{Phases: calendar.Phases{From: second("from"), Start: second("start"), End: second("end"), To: second("to")}}
		c := &text{o: calendar.Overview{From: monday, To: monday.Add(100 * time.Second)}, glyphs: unicode}
		begin := monday.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "begin")) * time.Second)
		end := begin.Add(time.Duration(rapid.IntRange(1, 10).Draw(t, "length")) * time.Second)
		count := map[rune]int{}
		for s := begin; s.Before(end); s = s.Add(time.Second) {
			switch {
			case s.Before(b.From) || !s.Before(b.To):
			case s.Before(b.Start):
				count['░']++
			case s.Before(b.End):
				count['█']++
			default:
				count['▒']++
			}
		}
		got, held := c.most(b, begin, end)
		all := count['░'] + count['█'] + count['▒']
		if int(held/time.Second) != all || all > 0 && count[got.glyph] != max(count['░'], count['█'], count['▒']) {
			t.Fatalf("shows %c for %v, of %v", got.glyph, held, count)
		}
	})
}

// Marks are at round times of the wall clock, also over a change of daylight
// saving, never too many, and each day that begins has its date.
func TestTicksAreRound(t *testing.T) {
	zones := []*time.Location{time.UTC, zone(t, "Europe/Berlin"), zone(t, "America/New_York"), zone(t, "Asia/Kathmandu"), zone(t, "Australia/Lord_Howe")}
	rapid.Check(t, func(t *rapid.T) {
		z := rapid.SampledFrom(zones).Draw(t, "zone")
		from := time.Unix(int64(rapid.IntRange(1_700_000_000, 1_900_000_000).Draw(t, "from")), 0)
		length := time.Duration(rapid.IntRange(60, 366*86_400).Draw(t, "length")) * time.Second
		most := rapid.IntRange(2, 40).Draw(t, "most")
		list := ticks(from, from.Add(length), z, most)
		if len(list) > most+2 {
			t.Fatalf("%d marks, at most %d", len(list), most)
		}
		for i, k := range list {
			if k.at.Before(from) || !k.at.Before(from.Add(length)) || i > 0 && !k.at.After(list[i-1].at) {
				t.Fatalf("mark %s is out of order", k.at)
			}
			midnight := k.at.Hour() == 0 && k.at.Minute() == 0
			if i == 0 && k.date == "" || strings.Contains(k.label, ":") && midnight && k.date == "" {
				t.Fatalf("mark %s has no date", k.at)
			}
			if k.at.Second() != 0 || strings.Contains(k.label, ":") && k.label != k.at.In(z).Format("15:04") {
				t.Fatalf("mark %s says %s", k.at, k.label)
			}
		}
	})
}

// Berlin leaves out the hour from 2 to 3 on 29 March 2026.
func TestTicksOverDaylightSaving(t *testing.T) {
	z := zone(t, "Europe/Berlin")
	from := time.Date(2026, 3, 29, 0, 0, 0, 0, z)
	var got []string
	for _, k := range ticks(from, from.Add(5*time.Hour), z, 6) {
		got = append(got, k.label+k.at.UTC().Format("/15"))
	}
	if want := "00:00/23 01:00/00 03:00/01 04:00/02 05:00/03"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// Whatever is drawn is well-formed, refers to nothing outside, runs nothing,
// and can be heard.
func TestSVGStandsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOverview(t)
		if len(o.Bookings) > 0 {
			o.Bookings[0].Booking = rapid.String().Draw(t, "odd name")
		}
		picture := SVG(o, SVGOptions{Title: rapid.String().Draw(t, "title")})
		seen := map[string]int{}
		dec := xml.NewDecoder(bytes.NewReader(picture))
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v in %s", err, picture)
			}
			e, ok := token.(xml.StartElement)
			if !ok {
				continue
			}
			seen[e.Name.Local]++
			for _, a := range e.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
					t.Fatalf("%s has %s", e.Name.Local, a.Name.Local)
				}
			}
		}
		if seen["script"]+seen["foreignObject"]+seen["image"] > 0 || seen["desc"] != 1 || seen["title"] < 1 {
			t.Fatalf("elements %v", seen)
		}
		if bytes.Contains(picture, []byte("NaN")) || bytes.Contains(picture, []byte(`width="-`)) {
			t.Fatalf("odd numbers in %s", picture)
		}
	})
}
