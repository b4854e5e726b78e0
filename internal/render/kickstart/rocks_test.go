package kickstart_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quarry/internal/needs"
	"quarry/internal/render/kickstart"
	"quarry/internal/roll/rocks"
)

// The kickstarts of real rolls: what Rocks makes of them, less the secrets.
func TestRealRocksRolls(t *testing.T) {
	dirs, _ := filepath.Glob(filepath.Join(needs.Rocks(t, "real", "cases"), "*"))
	if len(dirs) == 0 {
		t.Fatal("there are no cases")
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			p, attrs := walk(t, dir)
			text, err := kickstart.FromRocks(p, kickstart.RocksOptions{Attributes: attrs})
			if err != nil {
				t.Fatal(err)
			}
			commands, list := sections(t, text)
			sameCommands(t, read(t, filepath.Join(dir, "main.txt")), commands)
			packages := named(list, "%packages")
			if len(packages) != 1 || !slices.Equal(packages[0].flags, []string{"--ignoremissing"}) {
				t.Fatalf("want one section of packages, got %v", packages)
			}
			want := strings.Split(read(t, filepath.Join(dir, "packages-sorted.txt")), "\n")
			if !slices.Equal(packages[0].lines, want[1:len(want)-2]) {
				t.Error("the packages are not those of Rocks")
			}
			samePosts(t, p.Pre, named(list, "%pre"), attrs)
			samePosts(t, real(p.Posts), named(list, "%post"), attrs)
			for name, value := range attrs {
				if strings.Contains(strings.ToLower(name), "password") && len(value) > 3 && strings.Contains(string(text), value) {
					t.Errorf("the value of %s is in the kickstart", name)
				}
			}
			validate(t, "RHEL7", text)
		})
	}
}

// sameCommands compares with the main section, from which passwords are gone.
func sameCommands(t *testing.T, main string, got []string) {
	t.Helper()
	var want []string
	for line := range strings.Lines(main) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "rootpw"):
			if !slices.Contains(want, "rootpw --lock") {
				want = append(want, "rootpw --lock")
			}
		case line != "" && !strings.HasPrefix(line, "sshpw"):
			want = append(want, line)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("commands:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func real(posts []rocks.Script) []rocks.Script {
	return slices.DeleteFunc(slices.Clone(posts), func(s rocks.Script) bool { return s.Log })
}

// samePosts compares scripts with sections: which, their order, interpreter,
// flags and body, where the body could stay as it is.
func samePosts(t *testing.T, want []rocks.Script, got []section, attrs map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d sections, want %d", len(got), len(want))
	}
	for i, s := range got {
		w := want[i]
		if strings.Contains(w.Arg, "--nochroot") != slices.Contains(s.flags, "--nochroot") {
			t.Errorf("section %d of %s: flags %v, want %q", i, w.File, s.flags, w.Arg)
		}
		if slices.ContainsFunc(s.lines, func(l string) bool { return strings.HasPrefix(l, "base64 -d > \"$program\"") }) {
			continue // TestScriptsSurvive runs such
		}
		if w.Interpreter != "" && s.interpreter() != w.Interpreter {
			t.Errorf("section %d of %s: interpreter %s, want %s", i, w.File, s.interpreter(), w.Interpreter)
		}
		body := strings.TrimSuffix(w.Body, "\n") + "\n"
		if secret := attrs["Kickstart_PrivateRootPassword"]; secret != "" {
			body = strings.ReplaceAll(body, secret, "SECRET_Kickstart_PrivateRootPassword")
		}
		if s.body() != body {
			t.Errorf("section %d of %s: the body is not that of the roll", i, w.File)
		}
	}
}

func TestRocksLogs(t *testing.T) {
	p, _ := walk(t, needs.Rocks(t, "real", "cases", "c02-compute-r7-all"))
	text, err := kickstart.FromRocks(p, kickstart.RocksOptions{Logs: true})
	if err != nil {
		t.Fatal(err)
	}
	_, list := sections(t, text)
	if n := len(named(list, "%post")); n != len(p.Posts) {
		t.Errorf("%d posts, want all %d", n, len(p.Posts))
	}
}

// A roll that means harm stays in its sections.
func TestHostileRocksProfile(t *testing.T) {
	p := &rocks.Profile{
		Root: "x\n%post\nrm -rf /", On: []string{"good", "@Group", "two words", "%end", "-minus", "", "a\nb"}, Off: []string{"bad", "%end"},
		Main: []rocks.Line{
			{Text: "%post\ntext\n%include /tmp/a\n\x00rootpw hunter2\nrootpw --plaintext hunter2\nuser --name=a --password=hunter2\nbootloader --md5pass=hunter2", File: "a\n%end", Line: 3},
		},
		Posts: []rocks.Script{
			{Body: "cat << EOF\n%end\n%post\nEOF", Arg: "--nochroot\n%end --erroronfail $(reboot) --log=/tmp/x", Interpreter: "/bin/bash -x", File: "f\n%end"},
			{Body: "echo hunter2", Interpreter: "/usr/bin/python"},
		},
		BootPre: []rocks.Script{{Body: "%end\nQUARRY_END\n", File: "b"}},
		Debug:   []string{"debug\n%end"}, Contributors: []rocks.Contributor{{File: "f\n%pre", Roll: "r"}},
	}
	text, err := kickstart.FromRocks(p, kickstart.RocksOptions{Attributes: map[string]string{"my_password": "hunter2", "use_secret": "true"}})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hunter2") {
		t.Errorf("the password is there:\n%s", text)
	}
	commands, list := sections(t, text)
	if want := []string{"text", "%include /tmp/a", "rootpw --lock"}; !slices.Equal(commands, want) {
		t.Errorf("commands %q, want %q", commands, want)
	}
	if got, want := list[0].lines, []string{"good", "@Group", "-bad"}; !slices.Equal(got, want) {
		t.Errorf("packages %q, want %q", got, want)
	}
	posts := named(list, "%post")
	if len(list) != 4 || len(posts) != 3 {
		t.Fatalf("%d sections, %d posts: %v", len(list), len(posts), list)
	}
	if want := []string{"--nochroot", "--erroronfail", "--log=/tmp/x"}; !slices.Equal(posts[0].flags, want) {
		t.Errorf("flags %q, want %q", posts[0].flags, want)
	}
	if posts[1].interpreter() != "/usr/bin/python" {
		t.Errorf("interpreter %q", posts[1].interpreter())
	}

	p.Posts[0].Interpreter = "/bin/sh\n%end"
	if _, err := kickstart.FromRocks(p, kickstart.RocksOptions{}); err == nil || !strings.Contains(err.Error(), "interpreter") {
		t.Errorf("an interpreter of two lines was taken: %v", err)
	}
}
