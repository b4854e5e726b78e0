package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"quarry/internal/render"
)

// apt is a private apt of one suite: its own sources, keys, indexes and an
// empty list of installed packages. One caller at a time.
type apt struct {
	dir          string
	mirror       Mirror
	suite        string
	architecture string
}

func (a *apt) env() []string { return []string{"APT_CONFIG=" + filepath.Join(a.dir, "apt.conf")} }

// configure writes apt's configuration anew.
func (a *apt) configure() error {
	for _, d := range []string{"lists/partial", "archives/partial", "parts"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o700); err != nil {
			return err
		}
	}
	var conf, sources strings.Builder
	for key, value := range map[string]string{
		"Dir::Etc::parts": "parts", "Dir::Etc::main": "none", "Dir::Etc::sourceparts": "parts",
		"Dir::Etc::sourcelist": "sources.list", "Dir::Etc::preferencesparts": "parts", "Dir::Etc::preferences": "none",
		"Dir::State": "", "Dir::State::status": "status", "Dir::State::lists": "lists",
		"Dir::Cache": "", "Dir::Cache::archives": "archives",
	} {
		fmt.Fprintf(&conf, "%s %q;\n", key, filepath.Join(a.dir, value))
	}
	fmt.Fprintf(&conf, "APT::Architecture %q;\nAPT::Architectures { %q; };\n", a.architecture, a.architecture)
	conf.WriteString("Acquire::Languages \"none\";\nAPT::Sandbox::User \"root\";\nDebug::NoLocking \"true\";\n")
	conf.WriteString("APT::Install-Recommends \"false\";\nAcquire::Retries \"3\";\n")
	conf.WriteString(strings.Join(a.mirror.Settings, "\n") + "\n")
	for _, s := range a.mirror.Sources {
		fmt.Fprintf(&sources, "deb [signed-by=%s] %s %s %s\n", strings.Join(a.mirror.Keyrings, ","),
			s.URL, a.suite+s.Suffix, strings.Join(s.Components, " "))
	}
	for name, content := range map[string]string{"apt.conf": conf.String(), "sources.list": sources.String(), "status": ""} {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// updated is when the indexes were last brought, zero if never.
func (a *apt) updated() time.Time {
	info, err := os.Stat(filepath.Join(a.dir, "updated"))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// update brings the signed indexes.
func (a *apt) update(ctx context.Context, now time.Time) error {
	cmd := command(ctx, a.env(), "apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update")
	if _, err := run(cmd); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(a.dir, "locks")); err != nil { // of the old indexes
		return err
	}
	stamp := filepath.Join(a.dir, "updated")
	if err := os.WriteFile(stamp, nil, 0o600); err != nil {
		return err
	}
	return os.Chtimes(stamp, now, now)
}

// resolve returns "name=version" of everything that installing names takes.
func (a *apt) resolve(ctx context.Context, names []string) ([]string, error) {
	args := append([]string{"-qq", "-y", "--print-uris", "install"}, names...)
	out, err := run(command(ctx, a.env(), "apt-get", args...))
	if err != nil {
		return nil, err
	}
	return parseURIs(out)
}

// parseURIs reads the output of "apt-get --print-uris install": lines of
// 'URL' name_version_architecture.deb size digest.
func parseURIs(raw []byte) ([]string, error) {
	var pins []string
	for line := range strings.Lines(string(raw)) {
		if !strings.HasPrefix(line, "'") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return nil, fmt.Errorf("apt: cannot read the line %q", line)
		}
		parts := strings.Split(strings.TrimSuffix(fields[1], ".deb"), "_")
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
			return nil, fmt.Errorf("apt: file name %q is not name_version_architecture.deb", fields[1])
		}
		version, err := url.PathUnescape(parts[1])
		if err != nil {
			return nil, fmt.Errorf("apt: file name %q: %w", fields[1], err)
		}
		pins = append(pins, parts[0]+"="+version)
	}
	return pins, nil
}

// show returns the packages behind pins ("name=version").
func (a *apt) show(ctx context.Context, pins []string) ([]render.LockedPackage, error) {
	out, err := run(command(ctx, a.env(), "apt-cache", append([]string{"show"}, pins...)...))
	if err != nil {
		return nil, err
	}
	packages, err := parseStanzas(out)
	if err != nil {
		return nil, err
	}
	if len(packages) != len(pins) {
		return nil, fmt.Errorf("apt: the indexes describe %d of %d packages", len(packages), len(pins))
	}
	return packages, nil
}

var plainPath = regexp.MustCompile(`^(?:[A-Za-z0-9+~_%:-][A-Za-z0-9+.~_%:-]*/)*[A-Za-z0-9+~_%:-][A-Za-z0-9+.~_%:-]*\.deb$`)

// parseStanzas reads the stanzas of a package index; one package that two
// archives hold counts once.
func parseStanzas(raw []byte) ([]render.LockedPackage, error) {
	var packages []render.LockedPackage
	seen := map[string]bool{}
	for stanza := range bytes.SplitSeq(raw, []byte("\n\n")) {
		if len(bytes.TrimSpace(stanza)) == 0 {
			continue
		}
		p, err := parseStanza(string(stanza))
		if err != nil {
			return nil, err
		}
		if key := p.Name + "=" + p.Version; !seen[key] {
			seen[key] = true
			packages = append(packages, p)
		}
	}
	return packages, nil
}

func parseStanza(stanza string) (render.LockedPackage, error) {
	fields := map[string]string{}
	for line := range strings.Lines(stanza) {
		if k, v, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
			fields[k] = strings.TrimSpace(v)
		}
	}
	size, err := strconv.ParseInt(fields["Size"], 10, 64)
	p := render.LockedPackage{
		Name: fields["Package"], Version: fields["Version"], Architecture: fields["Architecture"],
		Size: size, SHA256: fields["SHA256"], Filename: strings.TrimPrefix(fields["Filename"], "./"),
	}
	if err != nil || size <= 0 {
		return p, fmt.Errorf("apt: package %q has the size %q", p.Name, fields["Size"])
	}
	return p, checkLocked(p)
}

// checkLocked refuses what could not be a package: locks come from a database.
func checkLocked(p render.LockedPackage) error {
	switch {
	case !packageName.MatchString(p.Name):
		return fmt.Errorf("%q is no package name", p.Name)
	case !packageVersion.MatchString(p.Version) || !packageName.MatchString(p.Architecture):
		return fmt.Errorf("package %q has version %q and architecture %q", p.Name, p.Version, p.Architecture)
	case !hexDigest.MatchString(p.SHA256):
		return fmt.Errorf("package %q has %q for a SHA-256", p.Name, p.SHA256)
	case !plainPath.MatchString(p.Filename):
		return fmt.Errorf("package %q has the file name %q", p.Name, p.Filename)
	}
	return nil
}

var (
	// packageName leaves out a last '-', which apt takes for "remove".
	packageName    = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9+.-]*[a-z0-9+.])?$`)
	packageVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+~:-]*$`)
	aptUnknown     = regexp.MustCompile(`(?m)^E: (?:Unable to locate package (\S+)|Package '([^']+)' has no installation candidate)$`)
)

// unknownPackages returns the packages that apt said it does not have.
func unknownPackages(err error) []string {
	failed, ok := errors.AsType[*CommandError](err)
	if !ok {
		return nil
	}
	var names []string
	for _, m := range aptUnknown.FindAllStringSubmatch(failed.Output, -1) {
		names = append(names, m[1]+m[2])
	}
	return names
}

// unmet returns apt's own words about dependencies that clash, "" if none do.
func unmet(err error) string {
	failed, ok := errors.AsType[*CommandError](err)
	if !ok {
		return ""
	}
	_, after, ok := strings.Cut(failed.Output, "The following packages have unmet dependencies:\n")
	if !ok {
		return ""
	}
	why, _, _ := strings.Cut(after, "\nE: ")
	return strings.Join(strings.Fields(why), " ")
}
