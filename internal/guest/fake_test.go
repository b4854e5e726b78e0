package guest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"quarry/internal/vnode"
)

// fakeSystem is a machine that only remembers what was done to it.
type fakeSystem struct {
	root string
	// run answers commands; scripts are named by their file's base name.
	run func(ctx context.Context, name string, c Command) error

	mu       sync.Mutex
	links    map[string]string
	network  Network
	hostname string
	clock    time.Time
	owners   map[string]string
	calls    []string
	syncs    int
}

func (f *fakeSystem) Links() (map[string]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.links, nil
}

func (f *fakeSystem) Configure(n Network) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.network = n
	return nil
}

func (f *fakeSystem) SetHostname(name string) error { f.hostname = name; return nil }
func (f *fakeSystem) SetClock(t time.Time) error    { f.clock = t; return nil }
func (f *fakeSystem) Sync()                         { f.syncs++ }
func (f *fakeSystem) GrowRoot() error               { return nil }
func (f *fakeSystem) Has(string) bool               { return true }

// Chown remembers the owner by inode, which a rename keeps.
func (f *fakeSystem) Chown(path string, uid, gid int) error {
	inode, err := inodeOf(path)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.owners[inode] = fmt.Sprintf("%d:%d", uid, gid)
	return nil
}

func (f *fakeSystem) Run(ctx context.Context, c Command) error {
	name := filepath.Base(c.Args[0])
	f.mu.Lock()
	f.calls = append(f.calls, strings.Join(append([]string{name}, c.Args[1:]...), " "))
	f.mu.Unlock()
	if name == "useradd" {
		return f.useradd(c.Args[len(c.Args)-1])
	}
	if f.run != nil {
		return f.run(ctx, name, c)
	}
	return nil
}

func (f *fakeSystem) useradd(user string) error {
	passwd, err := os.OpenFile(filepath.Join(f.root, "etc/passwd"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer passwd.Close()
	_, err = fmt.Fprintf(passwd, "%s:x:1001:1001::/home/%s:/bin/bash\n", user, user)
	return err
}

func (f *fakeSystem) called(prefix string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

func inodeOf(path string) (string, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprint(st.Sys().(*syscall.Stat_t).Ino), nil
}

// newFake makes a machine with an account "condor" and both links.
func newFake(t testing.TB) *fakeSystem {
	t.Helper()
	root := t.TempDir()
	for path, content := range map[string]string{
		"etc/passwd":                         "root:x:0:0:root:/root:/bin/bash\ncondor:x:64:64::/var/lib/condor:/bin/false\n",
		"etc/group":                          "root:x:0:\ncondor:x:64:\nadm:x:4:\n",
		"usr/share/zoneinfo/Europe/Helsinki": "zone",
	} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &fakeSystem{
		root:   root,
		owners: map[string]string{},
		links:  map[string]string{"52:54:00:00:00:01": "eth0", "52:54:00:00:00:02": "eth1"},
	}
}

// newGuest is a guest that nobody is connected to.
func newGuest(f *fakeSystem) *guest {
	log := slog.New(slog.DiscardHandler)
	return &guest{
		sys: f, tree: tree{root: f.root, sys: f}, log: log, inbox: newInbox(), assembled: newSignal(), notices: newNotices(),
		link:    &link{log: log, wake: make(chan struct{}, 1)},
		applied: func() error { return nil },
	}
}

// privateKey is a host key that is the same in every run but for its wrapping.
func privateKey(t testing.TB) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(ed25519.NewKeyFromSeed(make([]byte, 32)), "")
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

// testIdentity is a gateway with everything an identity can have.
func testIdentity(t testing.TB) *vnode.Identity {
	return &vnode.Identity{
		Hostname: "gateway-0", Domain: "farm.example", Cluster: "farm", Tenant: "demo", Appliance: "gateway",
		TimeZone: "Europe/Helsinki",
		Legs: []vnode.Leg{
			{Network: "private", MAC: "52:54:00:00:00:01", Address: "10.1.0.1/24"},
			{Network: "outside", MAC: "52:54:00:00:00:02", Address: "203.0.113.10/24"},
		},
		Gateway: "203.0.113.1", DNS: []string{"10.1.0.1"},
		Hosts: []vnode.Host{
			{Name: "gateway-0", Address: "10.1.0.1", HostKey: "ssh-ed25519 AAAAgateway"},
			{Name: "compute-0", Address: "10.1.0.10"},
		},
		Users: []vnode.User{
			{Name: "admin", Sudo: true, SSHKeys: []string{"ssh-ed25519 AAAAone a@b\n", "ssh-ed25519 AAAAtwo"}},
			{Name: "condor"},
		},
		HostKeys:   map[string]string{"ed25519": privateKey(t)},
		Parameters: map[string]string{"condor.slots": "2", "web.page-title": "it's $HOME; \"quoted\""},
		Secrets:    map[string]string{"condor.pool-password": "hunter2"},
		Files: []vnode.File{
			{Path: "/etc/condor/config.d/quarry", Mode: "0640", Owner: "root:condor", Content: "SLOTS=2\n"},
			{Path: "/usr/local/bin/tool", Mode: "4755", Owner: "condor", Content: "#!/bin/sh\n"},
		},
	}
}

// snapshot lists a tree: mode, owner, path and content, and with inodes what
// was written anew.
func snapshot(t testing.TB, f *fakeSystem, inodes bool) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(f.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == f.root {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		inode, err := inodeOf(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s %s", st.Mode(), f.owners[inode], strings.TrimPrefix(path, f.root))
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			fmt.Fprintf(&b, " -> %s\n", target)
			return err
		case d.IsDir():
			b.WriteString("\n")
			return nil
		}
		if inodes {
			fmt.Fprintf(&b, " inode %s", inode)
		}
		raw, err := os.ReadFile(path)
		b.WriteString("\n" + indent(raw))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func indent(raw []byte) string {
	var b bytes.Buffer
	for line := range strings.Lines(string(raw)) {
		b.WriteString("    " + strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}

var _ io.ReadWriteCloser = (*connection)(nil)
