package hypervisor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// RotateConsole keeps a console log from growing: when it has more than max
// bytes, its last max bytes become path+".1" and it starts again from
// nothing. The guest keeps its file open in append mode, so the file is
// copied and truncated; what it writes in between is lost. Absent is fine.
func RotateConsole(path string, max int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("rotate console log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("rotate console log: %w", err)
	}
	if info.Size() <= max {
		return nil
	}
	if err := copyTail(f, info.Size()-max, path+".1"); err != nil {
		return fmt.Errorf("rotate console log: %w", err)
	}
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("rotate console log: %w", err)
	}
	return nil
}

func copyTail(f *os.File, from int64, to string) error {
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return err
	}
	temporary := to + ".new"
	out, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, f)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, to)
}
