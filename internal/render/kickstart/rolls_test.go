package kickstart_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quarry/internal/render/kickstart"
	"quarry/internal/roll"
	"quarry/internal/roll/rocks"
)

// lines are what ends something somewhere.
var lines = []string{
	"", "%end", " %end", "%post", "%include /etc/passwd", "QUARRY_END", "QUARRY_END_2", "EOF", "$HOME", "`id`", "'", `"`, `\`, "a\x00b", "\r",
	"ü", "\u2143 dash loses a byte of it", "\u2028x", "\x85", "\xff", "\ufeff", "#", "plain text", "$(false)", "exit 1", "\t%end",
}

func contents() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		text := strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(lines), rapid.String()), 0, 8).Draw(t, "lines"), "\n")
		return text + rapid.SampledFrom([]string{"", "\n"}).Draw(t, "end")
	})
}

// me is the owner that a test may give to files.
func me(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Uid + ":" + u.Gid
}

// Whatever a file holds is what the installed machine has, to the byte.
func TestFilesSurvive(t *testing.T) {
	root, owner, n := t.TempDir(), me(t), 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b c", "d'e", `f"g`, "$h", "-i", "j/k", "l\\m", "#n", "%end", "ö"}), 1, 4, rapid.ID[string]).Draw(t, "names")
		var p roll.Profile
		for _, name := range names {
			p.Files = append(p.Files, roll.File{
				Path: filepath.Join(dir, name), Content: contents().Draw(t, "content"), Owner: owner,
				Mode: rapid.SampledFrom([]string{"0644", "0600", "0755", "4755", "0000"}).Draw(t, "mode"),
			})
		}
		text, err := kickstart.FromRolls(p, kickstart.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, list := sections(t, text)
		for _, s := range named(list, "%post") {
			if err := checkShell("sh", s.body()); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("sh")
			cmd.Stdin = strings.NewReader(s.body())
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Fatalf("%v: %s\n%s", err, out, s.body())
			}
		}
		for _, f := range p.Files {
			same(t, f)
		}
	})
}

func same(t *rapid.T, want roll.File) {
	info, err := os.Stat(want.Path)
	if err != nil {
		t.Fatal(err)
	}
	mode := fmt.Sprintf("%04o", info.Mode().Perm())
	if info.Mode()&os.ModeSetuid != 0 {
		mode = "4" + mode[1:]
	}
	if mode != want.Mode {
		t.Fatalf("%s has mode %s, want %s", want.Path, mode, want.Mode)
	}
	if err := os.Chmod(want.Path, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(want.Path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want.Content {
		t.Fatalf("%s holds %q, want %q", want.Path, got, want.Content)
	}
}

// Whatever a script holds, its interpreter gets it, with its status.
func TestScriptsSurvive(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		body := contents().Draw(t, "body")
		interpreter := rapid.SampledFrom([]string{"/bin/cat", "/bin/cat -u"}).Draw(t, "interpreter")
		text, err := kickstart.FromRocks(&rocks.Profile{Posts: []rocks.Script{{Body: body, Interpreter: interpreter}}}, kickstart.RocksOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_, list := sections(t, text)
		got := run(t, dir, named(list, "%post")[0])
		got = strings.TrimPrefix(got, "#!"+interpreter+"\n") // cat shows the line too
		if strings.TrimSuffix(got, "\n") != strings.TrimSuffix(body, "\n") {
			t.Fatalf("it got %q, want %q", got, body)
		}
	})
}

// run runs a section as the installer does.
func run(t *rapid.T, dir string, s section) string {
	file := filepath.Join(dir, "section")
	if err := os.WriteFile(file, []byte(s.body()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(s.interpreter(), file).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, s.body())
	}
	return string(out)
}

func TestInstallScriptsTellTheirStatus(t *testing.T) {
	for body, want := range map[string]int{"#!/bin/sh\nexit 0\n": 0, "#!/bin/sh\nexit 7\n": 7, "#!/bin/sh\nfalse\n%end": 127} {
		text, err := kickstart.FromRolls(roll.Profile{Install: []roll.Script{{Name: "a/b/c", Body: body}}}, kickstart.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, list := sections(t, text)
		s := named(list, "%post")[0]
		if !slices.Contains(s.flags, "--erroronfail") {
			t.Errorf("a failure passes unseen: %v", s.flags)
		}
		cmd := exec.Command("sh", "-c", s.body())
		_ = cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%q: status %d, want %d", body, got, want)
		}
	}
}

func TestRolls(t *testing.T) {
	at := roll.Source{Roll: "app", File: "nodes/n.yaml", Line: 3}
	p := roll.Profile{
		Appliance: "compute", Rolls: []string{"app@1"}, Order: []string{"app/n"},
		Packages: []roll.Package{{Name: "zsh"}, {Name: "bash"}, {Name: "zsh"}},
		Files: []roll.File{
			{Path: "/etc/a", Content: "a\n", Mode: "0644", Owner: "root:root", From: at},
			{Path: "/etc/name", Content: "{{.Hostname}}\n", Template: true, Mode: "0644", Owner: "root:root", From: at},
			{Path: "/etc/key", Content: `{{secret "app.key"}}`, Template: true, Mode: "0600", Owner: "root:root", From: at},
		},
		Services: []roll.Service{
			{Unit: "app.service", State: "started"}, {Unit: "b.socket", State: "enabled"}, {Unit: "c.timer", State: "disabled"}, {Unit: "d.service", State: "masked"},
		},
		Boot: []roll.Script{
			{Name: "app/n/first", Body: "#!/bin/sh\ntrue\n", Timeout: time.Minute}, {Name: "app/n/second", Body: "#!/bin/sh\n", Timeout: time.Minute},
		},
		Cluster: []roll.Script{{Name: "app/n/join", From: at}}, Checks: []roll.Script{{Name: "app/n/up", From: at}},
	}
	data := &roll.TemplateData{Hostname: "n1", Secrets: map[string]string{"app.key": "hunter2"}}
	text, err := kickstart.FromRolls(p, kickstart.Options{Commands: []string{"autopart", "lang C.UTF-8"}, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	commands, list := sections(t, text)
	if !slices.Contains(commands, "autopart") || !slices.Contains(commands, "rootpw --lock") || slices.Contains(commands, "lang en_US.UTF-8") {
		t.Errorf("commands %q", commands)
	}
	if got := named(list, "%packages")[0].lines; !slices.Equal(got, []string{"bash", "zsh"}) {
		t.Errorf("packages %q", got)
	}
	for _, want := range []string{
		"\nn1\n", "# Left out: /etc/key (app/nodes/n.yaml:3): a template that cannot be made without secrets",
		"systemctl enable 'app.service'", "systemctl enable 'b.socket'", "systemctl disable 'c.timer'", "systemctl mask 'd.service'",
		"ExecStart=/usr/lib/quarry/boot/01-app-n-first\nExecStart=/usr/lib/quarry/boot/02-app-n-second\n", "Before=app.service\n", "TimeoutStartSec=130\n",
		"# Left out: app/n/join (app/nodes/n.yaml:3)", "# Left out: app/n/up (app/nodes/n.yaml:3)",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "hunter2") {
		t.Error("the secret is there")
	}
	if _, err := kickstart.FromRolls(p, kickstart.Options{}); err != nil {
		t.Error(err)
	}
	for _, s := range named(list, "%post") {
		if err := checkShell("sh", s.body()); err != nil {
			t.Error(err)
		}
	}
	validate(t, "RHEL9", text)
}

func TestRefusals(t *testing.T) {
	p := roll.Profile{
		Packages: []roll.Package{{Name: "%end"}, {Name: "a b"}},
		Files:    []roll.File{{Path: "relative"}, {Path: "/a\nb"}, {Path: "/a\x00b"}},
		Services: []roll.Service{{Unit: "a.service", State: "loud"}, {Unit: "-a", State: "enabled"}},
	}
	_, err := kickstart.FromRolls(p, kickstart.Options{Commands: []string{"text\n%post", "%post"}})
	if err == nil || strings.Count(err.Error(), ";") != 8 {
		t.Errorf("want nine reasons, got %v", err)
	}
}

func FuzzFromRolls(f *testing.F) {
	f.Add("/etc/a", "%end\n", "#!/bin/sh\n%post", "pkg")
	f.Fuzz(func(t *testing.T, path, content, script, pkg string) {
		p := roll.Profile{
			Appliance: path, Order: []string{content}, Packages: []roll.Package{{Name: pkg}},
			Files:   []roll.File{{Path: path, Content: content, Mode: content, Owner: script, From: roll.Source{File: path}}},
			Install: []roll.Script{{Name: pkg, Body: script}}, Boot: []roll.Script{{Name: content, Body: content}}, Checks: []roll.Script{{Name: script}},
		}
		text, err := kickstart.FromRolls(p, kickstart.Options{})
		if err != nil {
			return
		}
		if _, _, err := parse(string(text)); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	})
}

func FuzzFromRocks(f *testing.F) {
	f.Add("text\n%post", "%end\n", "--nochroot", "/bin/sh", "pkg")
	f.Add("\x00%", "", "", "", "")
	f.Fuzz(func(t *testing.T, main, body, arg, interpreter, pkg string) {
		script := []rocks.Script{{File: main, Roll: pkg, Body: body, Arg: arg, Interpreter: interpreter}}
		p := &rocks.Profile{
			Root: pkg, On: []string{pkg}, Off: []string{pkg}, Main: []rocks.Line{{Text: main, File: pkg}}, Pre: script, Posts: script, BootPre: script,
			BootPost: script, Debug: []string{body}, Contributors: []rocks.Contributor{{File: pkg, Roll: arg}},
		}
		text, err := kickstart.FromRocks(p, kickstart.RocksOptions{Attributes: map[string]string{"password": body, main: arg}})
		if err != nil {
			return
		}
		if _, _, err := parse(string(text)); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	})
}
