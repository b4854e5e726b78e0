package image

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"quarry/internal/fault"
	"quarry/internal/render"
	"quarry/internal/vnode"
)

//go:embed install.sh
var installScript []byte

//go:embed vm.sh
var vmScript string

// Limits of a throwaway machine.
const (
	vmUser     = 65534   // owns nothing on this machine
	vmMemory   = 1024    // MiB
	vmRoom     = 2 << 30 // bytes that scripts may add to the tree
	vmStart    = 3 * time.Minute
	vmWork     = 20 * time.Minute // of all scripts, whatever they ask for
	vmWrite    = 7 * time.Minute
	vmLine     = 64 << 10 // bytes of one report
	vmConsole  = 8 << 10  // bytes that are kept of what its kernel said
	vmOverhead = 4096     // MiB of address space beside its memory: stacks and the like
)

// throwaway is a machine that lives for one job.
type throwaway struct {
	dir      string // all files of it
	job      vnode.InstallJob
	accel    string
	progress Progress
}

// installInVM runs all install scripts of a recipe, and sets its units, in a
// throwaway machine, and puts what it made of the tree in the tree's place. The
// tree is a tenant's own from then on: nothing of it may be run.
func (b *Builder) installInVM(ctx context.Context, lock render.Lock, base base, t tree, work, address string, progress Progress) error {
	accel, err := b.cfg.Accelerator(ctx)
	if err != nil {
		return err
	}
	vm := throwaway{dir: filepath.Join(work, "vm"), job: installJob(lock.Recipe, t), accel: accel, progress: progress}
	if err := os.Mkdir(vm.dir, 0o700); err != nil {
		return err
	}
	progress("throwaway machine", 0)
	size, err := vm.prepare(ctx, b, base, t, address, lock.Epoch)
	if err != nil {
		return err
	}
	if err := vm.run(ctx, size); err != nil {
		return fmt.Errorf("throwaway machine: %w", explain(err, lock.Recipe))
	}
	progress("throwaway machine", 80)
	made := filepath.Join(work, "made")
	if err := readTree(filepath.Join(vm.dir, "out.raw"), made); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(vm.dir), os.RemoveAll(t.root)); err != nil {
		return err
	}
	return os.Rename(made, t.root)
}

// installJob is what the machine has to do, in the order of the profile.
func installJob(r render.Recipe, t tree) vnode.InstallJob {
	job := vnode.InstallJob{Out: "/dev/vdb", Env: t.env()}
	for _, s := range r.Scripts {
		limit := s.Timeout
		if limit <= 0 {
			limit = scriptTimeout
		}
		job.Steps = append(job.Steps, vnode.InstallStep{Name: s.Name, Body: s.Body, Timeout: limit})
	}
	_ = setUnits(r, func(args []string) error {
		job.Steps = append(job.Steps, vnode.InstallStep{
			Name: "systemctl", Command: append([]string{"/usr/bin/systemctl"}, args...), Timeout: scriptTimeout,
		})
		return nil
	})
	return job
}

// prepare makes the files of the machine and returns how large its disks are.
func (v throwaway) prepare(ctx context.Context, b *Builder, base base, t tree, address string, epoch int64) (int64, error) {
	disk := filepath.Join(v.dir, "disk.raw")
	if err := makeDisk(ctx, base, t.root, disk, address, epoch, vmRoom); err != nil {
		return 0, err
	}
	info, err := os.Stat(disk)
	if err != nil {
		return 0, err
	}
	size := info.Size()
	// A tar of the tree is never larger than the disk that it is from, but for
	// the headers: there is at most one inode for so many bytes.
	out := size + size/inodeRatio*4096
	if err := makeSparse(filepath.Join(v.dir, "out.raw"), out); err != nil {
		return 0, err
	}
	if err := copyFile(filepath.Join(base.dir, KernelFile), filepath.Join(v.dir, KernelFile)); err != nil {
		return 0, err
	}
	if err := v.writeInitrd(b.cfg.GuestBinary, filepath.Join(base.dir, InitrdFile)); err != nil {
		return 0, err
	}
	return out, v.giveAway()
}

func makeSparse(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// writeInitrd puts the program and its job before the initramfs of the image:
// the kernel unpacks both.
func (v throwaway) writeInitrd(guest, initrd string) error {
	program, err := os.ReadFile(guest)
	if err != nil {
		return fmt.Errorf("guest program: %w", err)
	}
	job, err := json.Marshal(v.job)
	if err != nil {
		return err
	}
	var a archive
	a.file("install", 0o755, installScript)
	a.file("guest", 0o755, program)
	a.file("job", 0o600, job)
	rest, err := os.ReadFile(initrd)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(v.dir, InitrdFile), append(a.plain(), rest...), 0o600)
}

// giveAway gives the machine's files to its user.
func (v throwaway) giveAway() error {
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Chown(filepath.Join(v.dir, e.Name()), vmUser, vmUser); err != nil {
			return err
		}
	}
	return os.Chmod(v.dir, 0o711)
}

// follow reads reports until the machine ends, and says how the job went. It
// calls alive with each.
func (v throwaway) follow(from io.Reader, alive func()) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 4096), vmLine)
	begun := -1
	for lines.Scan() {
		var r vnode.InstallReport
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil || r.Step < 0 || r.Step > len(v.job.Steps) {
			return fmt.Errorf("it said something that is no report: %.100q", lines.Text())
		}
		begun = r.Step
		alive()
		switch {
		case r.Done:
			return nil
		case r.Error != "":
			return fmt.Errorf("it could not do its job: %.500q", r.Error)
		case r.Failed != "" && r.Step < len(v.job.Steps):
			return &stepFailed{step: r.Step, why: printable(r.Failed, 500), output: printable(r.Output, 4<<10)}
		}
		v.progress("throwaway machine", 20+50*r.Step/max(1, len(v.job.Steps)))
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("it said too much, or its words were lost: %w", err)
	}
	if begun < 0 {
		return errors.New("it ended before it began with its job")
	}
	return fmt.Errorf("it ended during step %d of %d", begun+1, len(v.job.Steps))
}

// stepFailed is a program of the job that did not do what it should.
type stepFailed struct {
	step        int
	why, output string
}

func (s *stepFailed) Error() string { return fmt.Sprintf("step %d: %s", s.step+1, s.why) }

// explain tells a failed step by the roll that wanted it.
func explain(err error, r render.Recipe) error {
	failed, ok := errors.AsType[*stepFailed](err)
	if !ok {
		return err
	}
	if failed.step >= len(r.Scripts) {
		return fault.New(fault.Invalid, "a unit cannot be set", fault.Detail{Field: "services", Message: failed.why + ": " + lastLines(failed.output, commandTail)})
	}
	s := r.Scripts[failed.step]
	return fault.New(fault.Invalid, "an install script failed", fault.Detail{
		Field:   fmt.Sprintf("rolls/%s/%s:%d", s.From.Roll, s.From.File, s.From.Line),
		Message: fmt.Sprintf("script %q: %s; its last lines:\n%s", s.Name, failed.why, lastLines(failed.output, commandTail)),
	})
}

// printable is what a stranger said, fit for logs and people.
func printable(text string, most int) string {
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
