package guest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/vnode"
)

func TestTerminalsOfLogins(t *testing.T) {
	got := terminals(proc(0, 0, "sshd: admin@pts/3", "sshd-session: bob@pts/1,pts/0", "sshd-session: eve@notty",
		"sshd-session: eve@pts/../../sda", "sshd-session: eve@sda", "sshd: admin@pts/3", "-bash"))
	if diff := cmp.Diff([]string{"pts/0", "pts/1", "pts/3"}, got); diff != "" {
		t.Error(diff)
	}
}

// logInAt makes a login at a terminal that is a file.
func (f *fakeSystem) logInAt(t *testing.T, tty string) {
	t.Helper()
	for path, content := range map[string]string{"proc/77/cmdline": "sshd-session: admin@" + tty + "\x00", "dev/" + tty: ""} {
		full := filepath.Join(f.root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *fakeSystem) read(path string) string {
	raw, err := os.ReadFile(filepath.Join(f.root, path))
	if err != nil {
		return "nothing"
	}
	return string(raw)
}

// Each notice is shown once in a boot, when its time has come, whatever starts
// anew; logins see those that hold, and no other.
func TestNoticesAreShownOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.logInAt(t, "pts/0")
		id := testIdentity(t)
		soon := time.Now().Add(20 * time.Minute)
		told := func(list ...vnode.Notice) vnode.ToGuest {
			return vnode.ToGuest{Type: "identity", Identity: id, Notices: list, Time: time.Now()}
		}
		at10 := vnode.Notice{Topic: "end", Text: "it ends at 10", Quiet: true}
		at11 := vnode.Notice{Topic: "end", Text: "it ends at 11", Quiet: true}
		hurry := vnode.Notice{Topic: "end", Text: "hurry", From: soon}
		unused := vnode.Notice{Topic: "unused", Text: "nobody\x1b[2J is here"}
		motd := func(want string) {
			t.Helper()
			synctest.Wait()
			if got := f.read("run/motd.d/50-quarry"); got != want {
				t.Errorf("logins see %q, want %q", got, want)
			}
		}
		seen := ""
		screen := func(more string) {
			t.Helper()
			if more != "" {
				seen += "\r\n\a*** " + more + "\r\n"
			}
			if got := f.read("dev/pts/0"); got != seen {
				t.Errorf("the terminal shows %q, want %q", got, seen)
			}
		}

		a, _, _ := start(t, f)
		a.connect()
		a.read(t)
		motd("nothing")
		a.send(t, told(at10, hurry))
		motd("it ends at 10\n")
		screen("") // nobody need be interrupted for it
		a.send(t, told(at11, hurry, unused))
		motd("it ends at 11\nnobody[2J is here\n")
		screen("it ends at 11\r\nnobody[2J is here")
		go func() { // the rest of what the guest says is not looked at
			for {
				var m vnode.FromGuest
				if a.in.Read(&m) != nil {
					return
				}
			}
		}()
		a.send(t, told(at11, hurry, unused))
		a.send(t, told(at11, hurry))
		motd("it ends at 11\n")
		screen("")
		time.Sleep(time.Until(soon))
		motd("hurry\n")
		screen("hurry")
		a.pullThePlug()
		a.conn.Close()

		b, _, _ := start(t, f)
		b.connect()
		b.read(t)
		motd("hurry\n")
		b.send(t, told(at11, hurry))
		motd("hurry\n")
		screen("")
		b.send(t, told())
		motd("nothing")
		screen("")
		if strings.Contains(f.read("dev/pts/0"), "\x1b") {
			t.Error("a control character came through")
		}
		b.conn.Close()
	})
}
