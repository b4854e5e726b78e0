package agent

import (
	"io"
	"os"
	"strings"
)

const (
	consoleMost = 1 << 20 // bytes of a console log; there is one older one
	tailLines   = 15
	tailBytes   = 8 << 10
)

// tail is the last lines of a log, "" if there is none.
func tail(path string) string {
	raw, err := readEnd(path, tailBytes)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}

func readEnd(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(max(0, size-most), io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(file, most))
}
