package native

import (
	"regexp"
	"strings"

	"quarry/internal/roll/rocks"
)

type serviceOut struct {
	Unit  string `yaml:"unit"`
	State string `yaml:"state"`
}

// Commands about services that stand alone on their line.
var serviceLines = []struct {
	line  *regexp.Regexp
	state map[string]string // of the word that says what to do
}{
	{regexp.MustCompile(`^(?:/s?bin/|/usr/s?bin/)?chkconfig(?: --level [0-9]+)? (\S+) (on|off)$`), map[string]string{"on": "started", "off": "disabled"}},
	{regexp.MustCompile(`^(?:/s?bin/|/usr/s?bin/)?chkconfig (--add|--del) (\S+)$`), map[string]string{"--add": "started", "--del": "disabled"}},
	{regexp.MustCompile(`^(?:/bin/|/usr/bin/)?systemctl (enable|disable|mask|start|restart) (\S+)$`), map[string]string{
		"enable": "started", "start": "started", "restart": "started", "disable": "disabled", "mask": "masked",
	}},
	{regexp.MustCompile(`^(?:/s?bin/|/usr/s?bin/)?service (\S+) (start|restart)$`), map[string]string{"start": "started", "restart": "started"}},
}

// services takes the commands about services out of a script that is a list of
// commands and nothing else, and makes them the node's services.
func (s *script) services(body string, line int) string {
	if control.MatchString(body) {
		return body
	}
	var kept strings.Builder
	for text := range strings.Lines(body) {
		name, state := serviceOf(strings.TrimSpace(text))
		if state == "" {
			kept.WriteString(text)
			continue
		}
		unit := name
		mapped, known := s.mapping.Services[name]
		switch {
		case !known:
			if !strings.Contains(unit, ".") {
				unit += ".service"
			}
			s.find(rocks.Info, "import-service", s.part.path, line, "name the unit under services in the mapping, or null to leave it out", "the service %s is taken to be %s here", name, unit)
		case mapped == nil:
			continue
		default:
			unit = *mapped
		}
		s.addService(unit, state)
	}
	return kept.String()
}

func serviceOf(line string) (name, state string) {
	for _, kind := range serviceLines {
		m := kind.line.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if state := kind.state[m[1]]; state != "" {
			return strings.TrimSuffix(m[2], ".service"), state
		}
		return strings.TrimSuffix(m[1], ".service"), kind.state[m[2]]
	}
	return "", ""
}

// addService wants a unit in a state; the last word counts.
func (s *script) addService(unit, state string) {
	for i, old := range s.node.services {
		if old.Unit == unit {
			s.node.services[i].State = state
			return
		}
	}
	s.node.services = append(s.node.services, serviceOut{unit, state})
}

// foreignLines are lines of a script that call what Debian does not have.
type foreignLines []foreignLine

type foreignLine struct {
	text, program string
	line          int
}

var foreignProgram = regexp.MustCompile(`(?:^|[\s;|&(` + "`" + `])(/opt/rocks/\S+|(?:/\S*/)?(?:chkconfig|yum|rpm|authconfig|dracut|grubby|system-config-\S+|new-kernel-pkg)|/sbin/service|/etc/init\.d/\S+|/etc/rc\.d/\S+|/etc/sysconfig/\S+|/etc/httpd/\S+)`)

func (f *foreignLines) scan(text string, line int) {
	for l := range strings.Lines(text) {
		trimmed := strings.TrimSpace(l)
		if m := foreignProgram.FindStringSubmatch(trimmed); m != nil && trimmed[0] != '#' {
			*f = append(*f, foreignLine{trimmed, strings.Map(plainRune, m[1]), line})
		}
		line++
	}
}

// tell reports the foreign lines that are still in the script.
func (s *script) tell(body string) {
	for _, l := range s.lines {
		if text, _ := s.quiet(l.text); strings.Contains(body, text) {
			s.find(rocks.Warning, "import-command", s.part.path, l.line, "give another body under posts in the mapping, or drop it", "uses %s, which Debian does not have", l.program)
		}
	}
}

// quiet resolves a text whose findings were reported already.
func (s *script) quiet(text string) (string, bool) {
	n := len(s.findings)
	out, varies := s.resolve(text, place{})
	s.findings = s.findings[:n]
	return out, varies
}
