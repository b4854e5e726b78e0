package simulate

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"quarry/internal/fault"
)

// Options say how jobs of other systems become clusters.
type Options struct {
	// CPUs is how many processors of a job go into one vnode; 0 for as many as
	// one node of the trace has.
	CPUs int
	// MemoryMiB is each vnode's, where a job does not say how much it needs; 0
	// for its share of a node's.
	MemoryMiB int
}

// maxTrace bounds what is read, unpacked.
const maxTrace = 4 << 30

// Open reads a trace from a file: Quarry's own JSON or the Standard Workload
// Format, plain or packed with gzip.
func Open(path string, o Options) (*Trace, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the trace: %w", err)
	}
	defer f.Close()
	return Read(filepath.Base(path), f, o)
}

// Read reads a trace. name is for errors, which say "name:line: what".
func Read(name string, from io.Reader, o Options) (*Trace, error) {
	in := bufio.NewReaderSize(from, 1<<16)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, unread(name, 0, "it is no gzip file: %v", err)
		}
		defer z.Close()
		in = bufio.NewReaderSize(z, 1<<16)
	}
	in = bufio.NewReaderSize(&bounded{in, maxTrace}, 1<<16)
	first, err := firstByte(in)
	if err != nil {
		return nil, unread(name, 0, "%v", err)
	}
	var t *Trace
	if first == '{' {
		t, err = readJSON(name, in)
	} else {
		t, err = readSWF(name, in, o)
	}
	if err != nil {
		return nil, err
	}
	t.Name = name
	t.sort()
	if len(t.Entries) == 0 {
		return nil, unread(name, 0, "there is nothing in it to simulate%s", leftOut(t.LeftOut))
	}
	return t, nil
}

func leftOut(why map[string]int) string {
	text := ""
	for _, w := range sortedKeys(why) {
		text += fmt.Sprintf("; left out %d: %s", why[w], w)
	}
	return text
}

// firstByte looks at the first byte that is no space.
func firstByte(in *bufio.Reader) (byte, error) {
	for n := 1; n < 1<<12; n++ {
		ahead, err := in.Peek(n)
		if len(ahead) < n {
			if err == io.EOF {
				return 0, fmt.Errorf("the file is empty")
			}
			return 0, err
		}
		if b := ahead[n-1]; b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return b, nil
		}
	}
	return 0, fmt.Errorf("it begins with nothing but space")
}

// bounded fails once more was read than allowed: a packed file may be a bomb.
type bounded struct {
	from io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("it is longer than %d GiB unpacked", maxTrace>>30)
	}
	n, err := b.from.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// unread is what is wrong with a trace, and where.
func unread(name string, line int, format string, args ...any) error {
	field := name
	if line > 0 {
		field = fmt.Sprintf("%s:%d", name, line)
	}
	return fault.New(fault.Invalid, "the trace cannot be read", fault.Detail{Field: field, Message: fmt.Sprintf(format, args...)})
}

// The years in which traces may lie.
var (
	earliest = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

func errDuration(text []byte) error {
	return fmt.Errorf("%q is not a length of time like 2h30m", text)
}
