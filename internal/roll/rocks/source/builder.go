package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"testing/fstest"
	"unicode/utf8"

	"quarry/internal/roll/rocks"
)

// Limits of what is read. The largest distribution tree there is (all public
// rolls of one release) has 300 files and 2 MB.
const (
	maxFiles   = 10_000    // files of the tree
	maxFile    = 4 << 20   // bytes of one file
	maxBytes   = 64 << 20  // bytes of all files
	maxDepth   = 12        // folders above a file
	maxName    = 1024      // bytes of a path
	maxListed  = 200_000   // entries of a folder or an ISO that are looked at
	maxPackage = 256 << 20 // bytes of an RPM
	maxUnpack  = 512 << 20 // bytes that all discs and RPMs may make us read and unpack
)

// builder puts a tree together.
type builder struct {
	out    *Tree
	parts  []string // folders that are read
	bytes  int64
	listed int
	left   int64 // of maxUnpack
}

func newBuilder() *builder {
	return &builder{parts: parts, left: maxUnpack, out: &Tree{files: fstest.MapFS{}, origin: map[string]string{}}}
}

// tree ends the work.
func (b *builder) tree() (*Tree, error) {
	if len(b.out.files) == 0 {
		return nil, invalid("", "no graph and no node was found in what was given")
	}
	return b.out, nil
}

// look counts one more entry that is looked at.
func (b *builder) look(ctx context.Context, where string) error {
	if b.listed++; b.listed > maxListed {
		return invalid(where, "more than %d files and folders: this is no roll", maxListed)
	}
	return ctx.Err()
}

// wanted says whether a distribution tree holds such a file.
func wanted(name string) bool {
	parts := strings.Split(name, "/")
	base := parts[len(parts)-1]
	xml := strings.HasSuffix(base, ".xml") && base != ".xml"
	switch parts[0] {
	case "graphs":
		return len(parts) == 3 && xml
	case "nodes", "site-nodes":
		return len(parts) == 2 && (xml || base == "site.attrs")
	case "include":
		return len(parts) > 1
	}
	return false
}

// add reads one file into the tree. origin is where it is from.
func (b *builder) add(name, origin string, r io.Reader) error {
	data, err := b.read(name, origin, r)
	if err != nil {
		return err
	}
	return b.put(name, origin, data)
}

// read reads the whole of a file, bounded.
func (b *builder) read(name, origin string, r io.Reader) ([]byte, error) {
	if err := plainPath(name); err != nil {
		return nil, invalid(origin, "%v", err)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, readFault(origin, err)
	}
	if len(data) > maxFile {
		return nil, invalid(origin, "is larger than %d bytes", maxFile)
	}
	return data, nil
}

func (b *builder) put(name, origin string, data []byte) error {
	if b.bytes += int64(len(data)); b.bytes > maxBytes {
		return invalid(origin, "the rolls have more than %d bytes of graphs, nodes and included files", maxBytes)
	}
	old, there := b.out.files[name]
	if !there && len(b.out.files) >= maxFiles {
		return invalid(origin, "the rolls have more than %d files", maxFiles)
	}
	if there {
		b.replaced(name, origin, bytes.Equal(old.Data, data))
		b.bytes -= int64(len(old.Data))
	}
	b.out.files[name] = &fstest.MapFile{Data: data, Mode: 0o444}
	b.out.origin[name] = origin
	return nil
}

func (b *builder) replaced(name, origin string, same bool) {
	f := rocks.Finding{
		Rule: "source-overwrite", Severity: rocks.Warning, File: name,
		Message: fmt.Sprintf("%s replaces %s; Rocks does so without a word", origin, b.out.origin[name]),
		Fix:     "rename one of the two, or give the one that should win last",
	}
	if same {
		f.Severity, f.Fix = rocks.Info, ""
		f.Message = fmt.Sprintf("%s replaces %s, which says the same", origin, b.out.origin[name])
	}
	b.find(f)
}

func (b *builder) find(f rocks.Finding) { b.out.Findings = append(b.out.Findings, f) }

// limit makes r end with an error when all that is read so is too much.
func (b *builder) limit(r io.Reader) io.Reader { return &limited{b, r} }

type limited struct {
	b *builder
	r io.Reader
}

func (l *limited) Read(p []byte) (int, error) {
	if l.b.left <= 0 {
		return 0, fmt.Errorf("the rolls unpack to more than %d bytes", maxUnpack)
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.b.left)])
	l.b.left -= int64(n)
	return n, err
}

// plainPath refuses paths that are not what they seem.
func plainPath(name string) error {
	switch {
	case len(name) > maxName:
		return fmt.Errorf("the path %.40q… has more than %d bytes", name, maxName)
	case !fs.ValidPath(name) || name == "." || path.IsAbs(name):
		return fmt.Errorf("the path %q is not plain: no \"..\", no empty part, not absolute", name)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }):
		return fmt.Errorf("the path %q holds what no file of a roll is called", name)
	case strings.Count(name, "/") > maxDepth:
		return fmt.Errorf("the path %q has more than %d folders", name, maxDepth)
	}
	return nil
}

// readFault keeps an error that is made for people and names the file otherwise.
func readFault(origin string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return invalid(origin, "%v", err)
}

// holds says whether r has these bytes there.
func holds(r io.ReaderAt, at int64, want string) bool {
	got := make([]byte, len(want))
	_, err := r.ReadAt(got, at)
	return err == nil && string(got) == want
}
