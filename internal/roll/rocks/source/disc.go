package source

import (
	"context"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"quarry/internal/roll/rocks"
)

// disc is the content of a roll's CD: ROLL/VERSION/ARCH/roll-ROLL.xml with
// RedHat/RPMS beside it, for each of its rolls.
type disc struct {
	name  string
	files []discFile
}

type discFile struct {
	name string
	size int64
	open func() (io.ReadCloser, error)
}

// discDepth is how deep the packages lie: ROLL/VERSION/ARCH/RedHat/RPMS.
const discDepth = 5

var rollXML = regexp.MustCompile(`^roll-(.+)\.xml$`)

// disc reads every roll of a disc, in the order of their folders.
func (b *builder) disc(ctx context.Context, d disc) error {
	slices.SortFunc(d.files, func(x, y discFile) int { return strings.Compare(x.name, y.name) })
	found := false
	for _, f := range d.files {
		// At most ROLL/VERSION/ARCH: in a package's folder it would be chance.
		if !rollXML.MatchString(path.Base(f.name)) || strings.Count(f.name, "/") > 3 {
			continue
		}
		found = true
		if err := b.discRoll(ctx, d, f); err != nil {
			return err
		}
	}
	if found {
		return nil
	}
	if slices.ContainsFunc(d.files, func(f discFile) bool { return f.name == ".discinfo" }) {
		return invalid(d.name, "has no roll-NAME.xml: it is a disc of an operating system, or not the first disc of a roll")
	}
	return invalid(d.name, "holds no rolls: there is neither graphs or nodes nor ROLL/VERSION/ARCH/roll-NAME.xml")
}

func (b *builder) discRoll(ctx context.Context, d disc, f discFile) error {
	origin := d.name + ":" + f.name
	r, err := f.open()
	if err != nil {
		return readFault(origin, err)
	}
	roll, err := parseRollInfo(b.limit(r))
	r.Close()
	if err != nil {
		return readFault(origin, err)
	}
	roll.From = d.name + ":" + path.Dir(f.name)
	if named := rollXML.FindStringSubmatch(path.Base(f.name))[1]; named != roll.Name {
		b.find(rocks.Finding{
			Rule: "source-name", Severity: rocks.Warning, File: origin,
			Message: fmt.Sprintf("calls the roll %q; its file and so its packages call it %q", roll.Name, named),
		})
	}
	var kickstart []discFile
	for _, p := range d.files {
		name, isPackage := packageOf(path.Base(p.name))
		if !isPackage || path.Dir(p.name) != path.Join(path.Dir(f.name), "RedHat/RPMS") {
			continue
		}
		if strings.HasPrefix(name, "roll-") && strings.HasSuffix(name, "-kickstart") {
			kickstart = append(kickstart, p)
			continue
		}
		roll.Packages = append(roll.Packages, name)
	}
	b.out.Rolls = append(b.out.Rolls, roll)
	if len(kickstart) == 0 {
		b.find(rocks.Finding{
			Rule: "source-no-kickstart", Severity: rocks.Warning, File: origin,
			Message: "has no package roll-*-kickstart beside it: the roll brings packages but no graph and no nodes",
		})
	}
	for _, p := range kickstart {
		if err := b.discPackage(ctx, d, p); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) discPackage(ctx context.Context, d disc, p discFile) error {
	origin := d.name + ":" + p.name
	if p.size > maxPackage {
		return invalid(origin, "has %d bytes; a kickstart package has at most %d", p.size, maxPackage)
	}
	r, err := p.open()
	if err != nil {
		return readFault(origin, err)
	}
	defer r.Close()
	return b.rpm(ctx, origin, r)
}
