package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"quarry/internal/render"
)

// provenance says of each package in which suite and component the signed
// indexes have it.
func (a *apt) provenance(ctx context.Context, packages []render.LockedPackage) error {
	args := []string{"madison"}
	for _, p := range packages {
		args = append(args, p.Name)
	}
	out, err := run(command(ctx, a.env(), "apt-cache", args...))
	if err != nil {
		return err
	}
	places := parseMadison(out)
	for i, p := range packages {
		from := places[p.Name+"="+p.Version]
		if len(from) == 0 {
			return fmt.Errorf("apt: no index says where package %s %s comes from", p.Name, p.Version)
		}
		// A fix that a later release of the suite took over is in both archives.
		fix := strings.HasPrefix(p.Filename, "pool/updates/")
		at := max(0, slices.IndexFunc(from, func(s string) bool { return strings.Contains(s, "-security/") == fix }))
		packages[i].Suite, packages[i].Component, _ = strings.Cut(from[at], "/")
	}
	return nil
}

// parseMadison reads the output of "apt-cache madison": lines of
// "name | version | URL suite/component architecture Packages". It returns
// the "suite/component" of each "name=version", in the order of the sources.
func parseMadison(raw []byte) map[string][]string {
	places := map[string][]string{}
	for line := range strings.Lines(string(raw)) {
		columns := strings.Split(line, "|")
		if len(columns) != 3 {
			continue
		}
		source := strings.Fields(columns[2])
		if len(source) != 4 || source[3] != "Packages" {
			continue
		}
		pin := strings.TrimSpace(columns[0]) + "=" + strings.TrimSpace(columns[1])
		places[pin] = append(places[pin], source[1])
	}
	return places
}

// signedIndexes returns the signed indexes that apt verified last.
func (a *apt) signedIndexes() ([]render.Index, error) {
	var list []render.Index
	for _, pattern := range []string{"*_InRelease", "*_Release"} {
		files, err := filepath.Glob(filepath.Join(a.dir, "lists", pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			index, err := parseRelease(raw)
			if err != nil {
				return nil, fmt.Errorf("apt: %s: %w", filepath.Base(file), err)
			}
			list = append(list, index)
		}
	}
	slices.SortFunc(list, func(a, b render.Index) int { return strings.Compare(a.Suite, b.Suite) })
	return list, nil
}

// parseRelease reads the head of a Release or InRelease file.
func parseRelease(raw []byte) (render.Index, error) {
	sum := sha256.Sum256(raw)
	index := render.Index{SHA256: hex.EncodeToString(sum[:])}
	for line := range bytes.Lines(raw) {
		key, value, _ := strings.Cut(string(line), ": ")
		value = strings.TrimSpace(value)
		switch key {
		case "Codename":
			index.Suite = value
		case "Date":
			// Debian writes UTC; others have written GMT for the same.
			at, err := time.Parse(time.RFC1123, strings.Replace(value, "GMT", "UTC", 1))
			if err != nil {
				return index, fmt.Errorf("date %q: %w", value, err)
			}
			index.Date = at.UTC()
		}
	}
	if !packageName.MatchString(index.Suite) || index.Date.IsZero() {
		return index, fmt.Errorf("suite %q of %s: not the head of a signed index", index.Suite, index.Date)
	}
	return index, nil
}
