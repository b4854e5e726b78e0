package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigPath(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"HOME=/home/ana"}, "/home/ana/.config/quarry/config.yaml"},
		{[]string{"HOME=/home/ana", "XDG_CONFIG_HOME=/etc/ana"}, "/etc/ana/quarry/config.yaml"},
		{[]string{"HOME=/home/ana", "QUARRY_CONFIG=/x.yaml"}, "/x.yaml"},
	} {
		if got := ConfigPath(c.env); got != c.want {
			t.Errorf("%v: %s, want %s", c.env, got, c.want)
		}
	}
}

func TestConfigSurvivesSaving(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "config.yaml")
	var c Config
	c.Put(Context{Name: "demo", Server: "https://old"})
	c.Put(Context{Name: "demo", Server: "https://198.18.0.2:7443", Token: "t", CA: "-----BEGIN CERTIFICATE-----\nx\n", SSHKey: "/k", SSHVia: []string{"quarry", "lab", "exec", "outside", "--"}})
	c.Put(Context{Name: "provider", Server: "https://198.18.0.2:7443"})
	c.Current = "demo"
	if err := c.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Error(diff)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("a file with tokens has mode %v", info.Mode())
	}
	got.Remove("demo")
	if got.Current != "" || len(got.Contexts) != 1 {
		t.Errorf("after Remove: %+v", got)
	}
}

func TestConfigWrong(t *testing.T) {
	for _, text := range []string{"current: [", "colour: red", "contexts: 3"} {
		if _, err := parseConfig([]byte(text), "c.yaml"); exitCode(err) != exitUsage {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := (Config{Current: "demo"}).find(""); exitCode(err) != exitUsage {
		t.Errorf("a current context that is not there: %v", err)
	}
}

// Flags come before the environment, which comes before the file.
func TestCurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	c := Config{Current: "demo", Contexts: []Context{{Name: "demo", Server: "file", Token: "file"}, {Name: "provider", Server: "other"}}}
	if err := c.Save(path); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		app  app
		want string
	}{
		{"file", app{}, "file file"},
		{"context", app{context: "provider"}, "other "},
		{"environment", app{env: []string{"QUARRY_SERVER=env", "QUARRY_TOKEN=env"}}, "env env"},
		{"flag", app{env: []string{"QUARRY_SERVER=env"}, server: "flag"}, "flag file"},
	} {
		c.app.env = append(c.app.env, "QUARRY_CONFIG="+path)
		got, err := c.app.current()
		if err != nil || got.Server+" "+got.Token != c.want {
			t.Errorf("%s: %+v, %v; want %s", c.name, got, err, c.want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("current: demo\ncontexts: [{name: demo, server: \"https://h\", sshVia: [a, b]}]\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := parseConfig(raw, "c.yaml"); err != nil && exitCode(err) != exitUsage {
			t.Errorf("%q: %v", raw, err)
		}
	})
}
