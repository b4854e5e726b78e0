package lab

import (
	"io"
	"os"
	"sync"
)

// logLimit is the size in bytes at which a log becomes the old log. A service
// may so fill twice that.
const logLimit = 8 << 20

// logFile appends to a file and turns it over when it is full. Writes never
// fail: a service must not die of a full disk for its log's sake.
type logFile struct {
	path  string
	limit int64

	mu   sync.Mutex
	file *os.File
	size int64
}

func openLog(path string, limit int64) (*logFile, error) {
	l := &logFile{path: path, limit: limit}
	return l, l.open()
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	l.file, l.size = f, info.Size()
	return nil
}

func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size > 0 && l.size+int64(len(p)) > l.limit {
		l.turnOver()
	}
	n, _ := l.file.Write(p)
	l.size += int64(n)
	return len(p), nil
}

// turnOver keeps the old file open when no new one can be made.
func (l *logFile) turnOver() {
	old := l.file
	if os.Rename(l.path, l.path+".1") != nil || l.open() != nil {
		l.size = 0
		return
	}
	old.Close()
}

// pipe returns a file for a program to write to; what arrives goes to the log
// until the last holder of the file closes it.
func (l *logFile) pipe() (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		defer r.Close()
		_, _ = io.Copy(l, r)
	}()
	return w, nil
}
