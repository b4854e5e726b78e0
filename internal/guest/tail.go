package guest

import (
	"io"
	"os"
	"strings"
)

// A failure is explained with at most so much of a log.
const (
	tailLines = 20
	tailBytes = 4 << 10
)

// lastLines returns the end of a file, valid UTF-8, "" when there is none.
func lastLines(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > tailBytes {
		if _, err := f.Seek(-tailBytes, io.SeekEnd); err != nil {
			return ""
		}
	}
	raw, err := io.ReadAll(io.LimitReader(f, tailBytes))
	if err != nil {
		return ""
	}
	return tail(string(raw))
}

func tail(text string) string {
	text = strings.TrimSpace(strings.ToValidUTF8(text, ""))
	lines := strings.Split(text, "\n")
	text = strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
	return strings.ToValidUTF8(text[max(0, len(text)-tailBytes):], "")
}
