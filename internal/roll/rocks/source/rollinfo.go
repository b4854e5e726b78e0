package source

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Roll is what a roll says of itself.
type Roll struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Release string `json:"release,omitempty"`
	Arch    string `json:"arch,omitempty"`
	OS      string `json:"os,omitempty"`
	// Interface is the version of the format, "4.0" in all of Rocks 6 and 7.
	Interface string `json:"interface,omitempty"`
	Color     string `json:"color,omitempty"`
	// From is where it was read.
	From string `json:"from"`
	// Packages are the RPMs that come with the roll, by name: no
	// distribution has them.
	Packages []string `json:"packages,omitempty"`
}

// maxRollInfo bounds roll-NAME.xml, in bytes.
const maxRollInfo = 1 << 20

// parseRollInfo reads roll-NAME.xml as Rocks does: of each element the last
// one counts, and of that the attributes only.
func parseRollInfo(r io.Reader) (Roll, error) {
	d := xml.NewDecoder(io.LimitReader(r, maxRollInfo))
	last := map[string]map[string]string{}
	for depth := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Roll{}, fmt.Errorf("is not XML: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return Roll{}, fmt.Errorf("has elements nested more than %d deep", maxDepth)
			}
			attributes := map[string]string{}
			for _, a := range t.Attr {
				attributes[a.Name.Local] = a.Value
			}
			last[t.Name.Local] = attributes
		case xml.EndElement:
			depth--
		}
	}
	if last["roll"] == nil {
		return Roll{}, errors.New("has no <roll>")
	}
	info := last["info"]
	roll := Roll{
		Name: last["roll"]["name"], Interface: last["roll"]["interface"], Color: last["color"]["node"],
		Version: info["version"], Release: info["release"], Arch: info["arch"], OS: info["os"],
	}
	if !plainName.MatchString(roll.Name) {
		return Roll{}, fmt.Errorf("name %q of <roll> is not a plain name of at most 63 letters, digits and _.+-", roll.Name)
	}
	return roll, nil
}

var rpmFile = regexp.MustCompile(`^(.+)-([^-]+)-([^-]+)\.([a-z0-9_]+)\.rpm$`)

// packageOf takes the package's name out of NAME-VERSION-RELEASE.ARCH.rpm.
func packageOf(file string) (string, bool) {
	m := rpmFile.FindStringSubmatch(file)
	if m == nil || m[4] == "src" || strings.Contains(m[1], "/") {
		return "", false
	}
	return m[1], true
}
