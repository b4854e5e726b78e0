package kickstart

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"quarry/internal/fault"
	"quarry/internal/roll"
)

// Options say what a profile of rolls does not know.
type Options struct {
	// Commands are lines of the command section: where the packages come from,
	// how disks are used.
	Commands []string
	// Data is what templates are rendered with; its secrets are not used. Nil:
	// templates are left out.
	Data *roll.TemplateData
}

// Where things are put on the installed machine.
const (
	bootFolder = "/usr/lib/quarry/boot"
	bootUnit   = "quarry-boot.service"
	bootDone   = "/var/lib/quarry/booted"
	installLog = "--log=/var/log/quarry-install.log"
)

var commands = []string{"text", "lang en_US.UTF-8", "keyboard us", "timezone --utc UTC", "rootpw --lock", "firstboot --disable", "reboot"}

// FromRolls writes a profile of rolls as a kickstart: its packages, files,
// services, install scripts, and boot scripts as a unit of the first boot. What
// needs a manager is left out, and a comment says so: secrets, scripts of the
// whole cluster, checks.
func FromRolls(p roll.Profile, o Options) ([]byte, error) {
	w := rollWriter{profile: p, options: o}
	s := &w.sheet
	s.comment("The %s of %s, as a kickstart.", p.Appliance, strings.Join(p.Rolls, ", "))
	s.comment("The order of its nodes: %s", strings.Join(p.Order, " "))
	s.WriteString("\n")
	w.commands()
	w.packages()
	w.files()
	w.scripts()
	w.boot()
	w.services()
	w.rest()
	if err := w.wrong.Err(fault.Invalid, "The profile cannot be a kickstart"); err != nil {
		return nil, err
	}
	return []byte(s.String()), nil
}

type rollWriter struct {
	sheet
	profile roll.Profile
	options Options
	wrong   fault.List
}

func (w *rollWriter) commands() {
	given := map[string]bool{}
	for _, line := range w.options.Commands {
		word, _, _ := strings.Cut(line, " ")
		given[word] = true
		if oneLine(line) != line || strings.HasPrefix(strings.TrimSpace(line), "%") {
			w.wrong.Add("command", fmt.Sprintf("%q is not one line of a kickstart's command section", line))
		}
	}
	for _, line := range commands {
		if word, _, _ := strings.Cut(line, " "); !given[word] {
			w.f("%s\n", line)
		}
	}
	for _, line := range w.options.Commands {
		w.f("%s\n", line)
	}
	if !given["url"] && !given["cdrom"] && !given["nfs"] && !given["harddrive"] {
		w.comment("No command says where the packages come from: the installer will ask, or finds them itself.")
	}
	if !given["autopart"] && !given["part"] && !given["partition"] {
		w.comment("No command says how the disks are used: the installer will ask.")
	}
	w.WriteString("\n")
}

func (w *rollWriter) packages() {
	var names []string
	for _, p := range w.profile.Packages {
		if badPackage(p.Name) {
			w.wrong.Add(p.From.Place(), fmt.Sprintf("%q cannot be the name of a package", p.Name))
			continue
		}
		names = append(names, p.Name)
	}
	slices.Sort(names)
	w.list(slices.Compact(names), nil, "")
}

// list writes the section of packages.
func (s *sheet) list(on, off []string, flags string) {
	s.WriteString("%packages" + flags + "\n")
	for _, name := range on {
		s.WriteString(name + "\n")
	}
	for _, name := range off {
		s.WriteString("-" + name + "\n")
	}
	s.WriteString("%end\n\n")
}

// badPackage finds names that would be something else in the section.
func badPackage(name string) bool {
	return name == "" || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "%") || strings.ContainsAny(name, " #") || oneLine(name) != name || strings.ContainsRune(name, '\t')
}

func (w *rollWriter) files() {
	var body strings.Builder
	for _, f := range w.profile.Files {
		content, out := w.content(f)
		if out != "" {
			w.comment("Left out: %s (%s): %s", f.Path, f.From.Place(), out)
			continue
		}
		if strings.ContainsRune(f.Path, 0) || !path.IsAbs(f.Path) {
			w.wrong.Add(f.From.Place(), fmt.Sprintf("path %q is not absolute and plain", f.Path))
			continue
		}
		if !plain(f.Path) || strings.ContainsRune(f.Path, '\n') {
			w.wrong.Add(f.From.Place(), fmt.Sprintf("path %q holds characters that a kickstart cannot", f.Path))
			continue
		}
		fmt.Fprintf(&body, "# %s\n", oneLine(f.From.Place()))
		body.WriteString(putFile(f.Path, content, f.Mode, f.Owner))
	}
	w.section(body.String())
}

// content is what a file holds, or why it is left out.
func (w *rollWriter) content(f roll.File) (content, out string) {
	if !f.Template {
		return f.Content, ""
	}
	if w.options.Data == nil {
		return "", "a template, which is made for each node when it boots"
	}
	data := *w.options.Data
	data.Secrets = nil
	made, err := roll.RenderFile(f, data)
	if err != nil {
		if e, ok := errors.AsType[*fault.Error](err); ok && len(e.Details) > 0 {
			return "", "a template that cannot be made without secrets and without what only its cluster knows: " + e.Details[0].Message
		}
		return "", "a template that cannot be made: " + err.Error()
	}
	return made.Content, ""
}

// putFile gives the shell commands that write a file. It is never readable to
// more than its mode says, and takes the place of what was there.
func putFile(name, content, mode, owner string) string {
	word := quote(name)
	return fmt.Sprintf("mkdir -p %s\nrm -f %s\n(umask 077; : > %[2]s)\n", quote(path.Dir(name)), word) + write(content, word) +
		fmt.Sprintf("chown %s %s\nchmod %s %[2]s\n\n", quote(owner), word, quote(mode))
}

// section writes shell commands that all have to succeed.
func (s *sheet) section(body string) {
	if body != "" {
		s.script(script{section: "%post", flags: []string{"--erroronfail", installLog}, body: "set -eu\numask 022\n" + body})
	}
}

func (w *rollWriter) scripts() {
	for _, sc := range w.profile.Install {
		w.comment("%s (%s)", sc.Name, sc.From.Place())
		w.section(runScript(sc.Body))
	}
}

// boot puts the boot scripts in place, and a unit that runs them once, in
// their order, before the units that wait for them.
func (w *rollWriter) boot() {
	var started []string
	for _, u := range w.profile.Services {
		if u.State == "started" {
			started = append(started, u.Unit)
		}
	}
	if len(w.profile.Boot) == 0 {
		return
	}
	var body, unit strings.Builder
	limit := 10 * time.Second
	fmt.Fprintf(&unit, "[Unit]\nDescription=Boot scripts of the rolls\nWants=network-online.target\nAfter=network-online.target\nConditionPathExists=!%s\n", bootDone)
	if len(started) > 0 {
		fmt.Fprintf(&unit, "Before=%s\n", strings.Join(started, " "))
	}
	unit.WriteString("\n[Service]\nType=oneshot\nRemainAfterExit=yes\n")
	for i, sc := range w.profile.Boot {
		name := fmt.Sprintf("%s/%02d-%s", bootFolder, i+1, fileName(sc.Name))
		fmt.Fprintf(&body, "# %s (%s)\n", oneLine(sc.Name), oneLine(sc.From.Place()))
		body.WriteString(putFile(name, sc.Body, "0755", "root:root"))
		fmt.Fprintf(&unit, "ExecStart=%s\n", name)
		limit += sc.Timeout
	}
	fmt.Fprintf(&unit, "ExecStart=/usr/bin/install -D -m 0644 /dev/null %s\nTimeoutStartSec=%d\n\n[Install]\nWantedBy=multi-user.target\n", bootDone, int(limit.Seconds()))
	body.WriteString(putFile("/etc/systemd/system/"+bootUnit, unit.String(), "0644", "root:root"))
	body.WriteString("systemctl enable " + bootUnit + "\n")
	w.section(body.String())
}

// fileName makes a part of a file's name of a script's.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, name)
}

func (w *rollWriter) services() {
	var body strings.Builder
	for _, u := range w.profile.Services {
		verb := map[string]string{"enabled": "enable", "started": "enable", "disabled": "disable", "masked": "mask"}[u.State]
		if verb == "" || oneLine(u.Unit) != u.Unit || strings.HasPrefix(u.Unit, "-") {
			w.wrong.Add(u.From.Place(), fmt.Sprintf("service %q cannot be %q", u.Unit, u.State))
			continue
		}
		// A unit that this system calls otherwise, or lacks, keeps no machine from being installed.
		fmt.Fprintf(&body, "systemctl %s %s || echo %s >&2 # %s\n", verb, quote(u.Unit), quote("quarry: cannot "+verb+" "+u.Unit), oneLine(u.From.Place()))
	}
	w.section(body.String())
}

// rest says what has no meaning without a manager.
func (w *rollWriter) rest() {
	for _, sc := range w.profile.Cluster {
		w.comment("Left out: %s (%s): it runs once all nodes of a cluster are up.", sc.Name, sc.From.Place())
	}
	for _, sc := range w.profile.Checks {
		w.comment("Left out: %s (%s): a check, which a manager waits for.", sc.Name, sc.From.Place())
	}
}
