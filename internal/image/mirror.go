package image

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Mirror is where packages come from.
type Mirror struct {
	Sources []Source
	// Keyrings are files with the keys that sign the indexes.
	Keyrings []string
	// Settings are lines of apt.conf for reaching the mirror (proxy, time-outs).
	Settings []string
}

// Source is one archive of a mirror.
type Source struct {
	URL        string // "…/debian/"
	Suffix     string // added to the suite's name: "" or "-security"
	Components []string
}

// MachineMirror returns the mirror that this machine's own apt uses, to be
// asked for another suite.
func MachineMirror(ctx context.Context) (Mirror, error) {
	targets, err := run(command(ctx, nil, "apt-get", "indextargets", "Created-By: Packages"))
	if err != nil {
		return Mirror{}, fmt.Errorf("the machine's apt sources: %w", err)
	}
	m, entries := parseTargets(targets)
	if len(m.Sources) == 0 {
		return Mirror{}, errors.New("the machine's apt has no source of Debian's main component: add one, or name a mirror in the manager's configuration")
	}
	for _, entry := range entries {
		path, _, _ := strings.Cut(entry, ":")
		raw, err := os.ReadFile(path)
		if err != nil {
			return Mirror{}, fmt.Errorf("the machine's apt sources: %w", err)
		}
		m.Keyrings = append(m.Keyrings, parseSignedBy(raw)...)
	}
	m.Keyrings = append(m.Keyrings, archiveKeyrings()...)
	slices.Sort(m.Keyrings)
	m.Keyrings = slices.Compact(m.Keyrings)

	settings, err := run(command(ctx, nil, "apt-config", "dump"))
	if err != nil {
		return Mirror{}, fmt.Errorf("the machine's apt configuration: %w", err)
	}
	m.Settings = parseSettings(settings)
	return m, nil
}

// parseTargets reads the output of "apt-get indextargets" and returns the
// Debian archives in it, and the entries ("file:line") that brought them.
func parseTargets(raw []byte) (Mirror, []string) {
	var m Mirror
	var entries []string
	for stanza := range strings.SplitSeq(string(raw), "\n\n") {
		t := map[string]string{}
		for line := range strings.Lines(stanza) {
			if k, v, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
				t[k] = v
			}
		}
		if t["Origin"] != "Debian" || t["Component"] != "main" || t["Repo-URI"] == "" {
			continue
		}
		suffix, ok := map[string]string{"Debian": "", "Debian-Security": "-security"}[t["Label"]]
		if !ok || slices.ContainsFunc(m.Sources, func(s Source) bool { return s.Suffix == suffix }) {
			continue
		}
		m.Sources = append(m.Sources, Source{URL: t["Repo-URI"], Suffix: suffix, Components: []string{"main"}})
		entries = append(entries, t["Sourcesentry"])
	}
	slices.SortFunc(m.Sources, func(a, b Source) int { return strings.Compare(a.Suffix, b.Suffix) })
	if len(m.Sources) > 0 && m.Sources[0].Suffix != "" {
		m.Sources = nil // fixes alone make no machine
	}
	return m, entries
}

var signedBy = regexp.MustCompile(`(?i)signed-by(?::\s*|=)(/[^\s\]]+)`)

// parseSignedBy returns the keyring files that an apt sources file names.
func parseSignedBy(raw []byte) []string {
	var files []string
	for _, m := range signedBy.FindAllSubmatch(raw, -1) {
		files = append(files, strings.Split(string(m[1]), ",")...)
	}
	return files
}

// archiveKeyrings are Debian's own keys: they sign the suites that the
// machine's sources do not speak of.
func archiveKeyrings() []string {
	var files []string
	for _, pattern := range []string{"/usr/share/keyrings/debian-archive-keyring.gpg", "/etc/apt/trusted.gpg.d/debian-archive-*"} {
		found, err := filepath.Glob(pattern)
		if err == nil {
			files = append(files, found...)
		}
	}
	return files
}

// parseSettings picks from "apt-config dump" what reaching a mirror needs.
func parseSettings(raw []byte) []string {
	var lines []string
	sc := bufio.NewScanner(bytes.NewReader(raw))
	for sc.Scan() {
		name, _, _ := strings.Cut(sc.Text(), " ")
		for _, want := range []string{"Acquire::http", "Acquire::https", "Acquire::Check-Valid-Until", "Acquire::Check-Date", "Acquire::Retries"} {
			if name == want || strings.HasPrefix(name, want+"::") {
				lines = append(lines, sc.Text())
			}
		}
	}
	return lines
}
