package kickstart

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"quarry/internal/fault"
	"quarry/internal/roll/rocks"
)

// RocksOptions say how a profile of Rocks rolls is written.
type RocksOptions struct {
	// Attributes are those of the walk: the values of the secret ones do not
	// get into the file.
	Attributes map[string]string
	// Logs writes Rocks' own sections too, which note the begin and the end of
	// every other one in a log.
	Logs bool
}

// rocksLog is where Rocks keeps what its sections say.
const rocksLog = "/var/log/rocks-install.log"

// FromRocks writes a profile of Rocks rolls as a kickstart, its sections in the
// order of Rocks' own. Each is preceded by the file and line it comes from.
func FromRocks(p *rocks.Profile, o RocksOptions) ([]byte, error) {
	w := rocksWriter{profile: p, options: o, secret: secrets(o.Attributes)}
	w.head()
	w.main()
	w.packages()
	for _, sc := range p.Pre {
		w.run("%pre", "/tmp/ks-pre.log", sc)
	}
	for _, sc := range p.Posts {
		if o.Logs || !sc.Log {
			w.run("%post", rocksLog, sc)
		}
	}
	w.boot("/etc/sysconfig/rocks-pre", p.BootPre)
	w.boot("/etc/sysconfig/rocks-post", p.BootPost)
	if err := w.wrong.Err(fault.Invalid, "The profile cannot be a kickstart"); err != nil {
		return nil, err
	}
	return []byte(w.String()), nil
}

type rocksWriter struct {
	sheet
	profile *rocks.Profile
	options RocksOptions
	secret  []secret
	wrong   fault.List
}

func place(file string, line int) string {
	if line > 0 {
		return fmt.Sprintf("%s:%d", file, line)
	}
	return file
}

func (w *rocksWriter) head() {
	w.comment("The profile of %s, as a kickstart. It is made of these files, in this order:", w.profile.Root)
	for _, c := range w.profile.Contributors {
		w.comment("%s %s", c.File, c.Roll)
	}
	for _, s := range w.secret {
		w.comment("Left out: the value of the attribute %s, a secret. %s stands for it.", s.name, s.instead())
	}
	for _, f := range w.profile.Findings {
		if f.Rule == "eval" {
			w.comment("Not run: the eval of %s. Its text stands where what it prints belongs.", place(f.File, f.Line))
		}
	}
	for _, text := range w.profile.Debug {
		for line := range strings.Lines(text) {
			w.comment("%s", strings.TrimRight(line, "\n"))
		}
	}
	w.WriteString("\n")
}

// main writes the command section. Passwords are left out: who reads the file
// could use them everywhere.
func (w *rocksWriter) main() {
	locked := false
	for _, entry := range w.profile.Main {
		for line := range strings.SplitSeq(strings.TrimRight(w.hide(entry.Text), "\n"), "\n") {
			line = commandLine(line) // first: what it replaces can hide a word
			words := strings.Fields(line)
			at := place(entry.File, entry.Line)
			switch {
			case len(words) > 0 && words[0] == "rootpw":
				if !locked {
					w.comment("Left out: the password of root (%s): log in by key.", at)
					w.WriteString("rootpw --lock\n")
				}
				locked = true
			case slices.ContainsFunc(words, password):
				w.comment("Left out: %s with a password (%s).", words[0], at)
			case len(words) > 0 && strings.HasPrefix(words[0], "%") && words[0] != "%include" && words[0] != "%ksappend":
				w.comment("Left out: a line %q among the commands (%s), which would begin or end a section.", words[0], at)
			default:
				w.WriteString(line + "\n")
			}
		}
	}
	w.WriteString("\n")
}

// commandLine keeps a line one line, whatever a reader takes for its end.
func commandLine(line string) string { return strings.TrimRight(oneLine(line), " ") }

// password finds the words of commands that carry one.
func password(word string) bool {
	name, _, _ := strings.Cut(word, "=")
	switch name {
	case "sshpw", "--password", "--md5pass", "--passphrase", "--iscrypted":
		return true
	}
	return false
}

func (w *rocksWriter) packages() {
	var on, off []string
	for _, list := range []struct {
		from []string
		to   *[]string
	}{{w.profile.On, &on}, {w.profile.Off, &off}} {
		for _, name := range list.from {
			if name = w.hide(name); badPackage(name) {
				w.comment("Left out: %q, which is not the name of one package.", name)
				continue
			}
			*list.to = append(*list.to, name)
		}
	}
	w.list(on, off, " --ignoremissing")
}

var flagWord = regexp.MustCompile(`^--[a-z]+(=[A-Za-z0-9/._+:,@-]+)?$`)

// run writes a section of one script.
func (w *rocksWriter) run(section, log string, from rocks.Script) {
	at := place(from.File, from.Line)
	sc := script{section: section, interpreter: from.Interpreter, body: w.hide(from.Body)}
	w.comment("%s (%s)", at, from.Roll)
	logged := false
	for _, word := range strings.Fields(from.Arg) {
		switch name, value, _ := strings.Cut(word, "="); {
		case !flagWord.MatchString(word):
			w.comment("Left out: the argument %q, which no section takes.", word)
		case name == "--interpreter":
			sc.interpreter = value
		default:
			logged = logged || name == "--log" || name == "--logfile"
			sc.flags = append(sc.flags, word)
		}
	}
	if section == "%post" && slices.Contains(sc.flags, "--nochroot") {
		log = "/mnt/sysimage" + log
	}
	if !logged {
		sc.flags = append([]string{"--log=" + log}, sc.flags...)
	}
	if oneLine(sc.interpreter) != sc.interpreter {
		w.wrong.Add(at, fmt.Sprintf("interpreter %q is not one line", sc.interpreter))
		return
	}
	w.script(sc)
}

// boot writes what the first boot runs.
func (w *rocksWriter) boot(file string, list []rocks.Script) {
	if len(list) == 0 {
		return
	}
	var text strings.Builder
	text.WriteString("#!/bin/bash\n")
	for _, sc := range list {
		fmt.Fprintf(&text, "# %s (%s)\n%s", oneLine(place(sc.File, sc.Line)), oneLine(sc.Roll), withNewline(w.hide(sc.Body)))
	}
	w.comment("What the first boot runs.")
	w.script(script{section: "%post", flags: []string{"--log=" + rocksLog}, body: write(text.String(), file) + "chmod +x " + file + "\n"})
}

// secret is an attribute whose value stays out.
type secret struct{ name, value string }

func (s secret) instead() string {
	return "SECRET_" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, s.name)
}

// secretName tells by its name that an attribute holds a secret: Rocks has no
// other mark for one.
var secretName = regexp.MustCompile(`(?i)passw|passphrase|secret|private_?key|credential|token`)

const shortest = 4 // a value of fewer letters is in every other word

// common are values that say whether there is something, not what.
var common = []string{"true", "false", "none", "null", "enabled", "disabled"}

// secrets finds the secret attributes, those with the longest values first: one
// may be a part of another.
func secrets(attributes map[string]string) []secret {
	var list []secret
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if value := attributes[name]; secretName.MatchString(name) && len(value) >= shortest && !slices.Contains(common, strings.ToLower(value)) {
			list = append(list, secret{name, value})
		}
	}
	slices.SortStableFunc(list, func(a, b secret) int { return cmp.Compare(len(b.value), len(a.value)) })
	return list
}

// hide takes the secrets out of a text.
func (w *rocksWriter) hide(text string) string {
	for _, s := range w.secret {
		text = strings.ReplaceAll(text, s.value, s.instead())
		text = strings.ReplaceAll(text, strings.ReplaceAll(s.value, "'", `\'`), s.instead())
	}
	return text
}
