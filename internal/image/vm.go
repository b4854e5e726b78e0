package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"quarry/internal/vnode"
)

// run boots the machine and waits until it did its job. Whatever happens, no
// process of it is left.
func (v throwaway) run(ctx context.Context, largest int64) error {
	var work time.Duration
	for _, s := range v.job.Steps {
		work += s.Timeout
	}
	limit := vmStart + min(work, vmWork) + vmWrite
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	view := filepath.Join(v.dir, "view")
	if err := os.Mkdir(view, 0o700); err != nil {
		return err
	}
	heard, report, err := pipeFor(vmUser)
	if err != nil {
		return err
	}
	defer heard.Close()
	seen, console, err := pipeFor(vmUser)
	if err != nil {
		return errors.Join(err, report.Close())
	}
	defer seen.Close()
	// What this process was started with is none of the machine's business; all
	// that Go opens has the flag anyway.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return errors.Join(err, report.Close(), console.Close())
	}
	limits := fmt.Sprintf("--core=0 --nofile=256 --fsize=%d --cpu=%d --as=%d", largest, int(limit.Seconds())+60, int64(vmMemory+vmOverhead)<<20)
	cmd := command(ctx, nil, "unshare", append([]string{
		"--mount", "--propagation", "private", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child=SIGKILL",
		"sh", "-c", vmScript, "vm", view, v.dir, fmt.Sprint(vmUser), limits,
	}, v.qemu()...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "MALLOC_ARENA_MAX=2"}
	cmd.ExtraFiles = []*os.File{report, console}
	var said lastWords
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Start()
	if closed := errors.Join(report.Close(), console.Close()); err != nil || closed != nil {
		return errors.Join(err, closed)
	}
	var listening sync.WaitGroup
	listening.Go(func() { _, _ = io.Copy(&said, seen) })
	dead := time.AfterFunc(vmStart, cancel)
	outcome := v.follow(heard, func() { dead.Stop() })
	if outcome != nil { // nothing good comes any more
		cancel()
	}
	_, _ = io.Copy(io.Discard, heard)
	err = cmd.Wait()
	listening.Wait()
	return v.judge(ctx, limit, outcome, err, said.String())
}

// pipeFor makes a pipe whose end a user may open by its name below /proc.
func pipeFor(user int) (from, to *os.File, err error) {
	if from, to, err = os.Pipe(); err != nil {
		return nil, nil, err
	}
	if err := to.Chown(user, user); err != nil {
		return nil, nil, errors.Join(err, from.Close(), to.Close())
	}
	return from, to, nil
}

// judge says how it went from what the machine said and how it ended.
func (v throwaway) judge(ctx context.Context, limit time.Duration, outcome, ended error, said string) error {
	failed, ok := errors.AsType[*stepFailed](outcome)
	switch {
	case ok:
		return failed
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("not done after %s", limit)
	case outcome != nil:
		return fmt.Errorf("%w; %w; it last said:\n%s", outcome, ended, lastLines(said, commandTail))
	case ended != nil:
		return fmt.Errorf("after its job: %w; it last said:\n%s", ended, lastLines(said, commandTail))
	}
	return nil
}

// qemu is the command line of the machine: two disks, a way to report, a
// console, and nothing else.
func (v throwaway) qemu() []string {
	accel := []string{"-accel", "tcg,thread=multi,tb-size=256", "-cpu", "Nehalem"}
	if v.accel == "kvm" {
		accel = []string{"-accel", "kvm", "-cpu", "host"}
	}
	drive := func(id, file string) []string {
		return []string{
			"-drive", "file=/vm/" + file + ",format=raw,if=none,id=" + id + ",cache=unsafe,discard=unmap",
			"-device", "virtio-blk-pci,drive=" + id,
		}
	}
	args := []string{
		"qemu-system-x86_64", "-name", "quarry-throwaway", "-nodefaults", "-no-user-config", "-display", "none",
		"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-machine", "q35,usb=off,vmport=off", "-m", fmt.Sprint(vmMemory), "-smp", "1", "-no-reboot",
		"-kernel", "/vm/" + KernelFile, "-initrd", "/vm/" + InitrdFile, "-append", v.arguments(),
		"-device", "virtio-serial-pci,max_ports=2",
		"-chardev", "file,id=report,path=/proc/self/fd/3", "-device", "virtserialport,chardev=report,name=" + vnode.InstallPort,
		"-chardev", "file,id=console,path=/proc/self/fd/4", "-serial", "chardev:console",
		"-device", "virtio-rng-pci",
	}
	for _, more := range [][]string{accel, drive("tree", "disk.raw"), drive("out", "out.raw")} {
		args = append(args, more...)
	}
	return args
}

func (v throwaway) arguments() string {
	return "rdinit=/install panic=-1 " + strings.TrimPrefix(kernelArguments, "root=/dev/vda rw ")
}

// lastWords keeps the end of what a machine and its hypervisor said.
type lastWords struct {
	mu   sync.Mutex
	kept []byte
}

func (l *lastWords) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, p...)
	if over := len(l.kept) - vmConsole; over > 0 {
		l.kept = append(l.kept[:0], l.kept[over:]...)
	}
	return len(p), nil
}

func (l *lastWords) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return printable(string(l.kept), vmConsole)
}

// CheckVM says what keeps throwaway machines from being made here, nil if
// nothing does.
func (b *Builder) CheckVM(ctx context.Context) error {
	if b.cfg.Accelerator == nil {
		return errors.New("no way is known to find out how machines run here")
	}
	for _, program := range []string{"qemu-system-x86_64", "prlimit", "setpriv", "unshare"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("the program %s is missing", program)
		}
	}
	_, err := b.cfg.Accelerator(ctx)
	return err
}
