package rocks

import (
	"fmt"
	"path"
	"strings"

	"go.yaml.in/yaml/v4"
)

const playbooks = "/var/rocks/ansible"

// ansible makes a post of a playbook, and packages of its yum tasks.
func (g *generator) ansible(e *element) error {
	book, ok := e.attrs.find("playbook")
	if !ok {
		return ansibleError("UnboundLocalError", "local variable 'lines' referenced before assignment", "name the playbook: playbook=\"…\"")
	}
	data, err := g.tree.include("ansible/" + book)
	if err != nil {
		return ansibleError("AttributeError", "'NoneType' object has no attribute 'readlines'", "add include/ansible/"+book+" to the tree")
	}
	more, err := g.text(e)
	if err != nil {
		return err
	}
	text := string(data) + more
	command, ok := e.attrs.find("ansible_cmd")
	if !ok {
		command = "/usr/bin/ansible-playbook"
	}
	file := playbooks + "/" + path.Base(book)
	body := fmt.Sprintf("if [ ! -d %s ]; then mkdir -p %[1]s; fi\ncat > %s << 'ROCKS-KS-YML'\n%s\n\nROCKS-KS-YML\n%s %s %[2]s\n", playbooks, file, text, command, e.attrs.get("args"))
	g.profile.Posts = append(g.profile.Posts, Script{Node: g.node, File: e.file, Roll: e.roll, Line: e.line, Interpreter: "/bin/bash", Body: body})
	return g.tasks(e, text)
}

func ansibleError(class, text, fix string) error {
	return &Refusal{Rule: ruleAnsible, Class: class, Text: text, Fix: fix}
}

func (g *generator) tasks(e *element, text string) error {
	var plays []struct {
		Tasks []map[string]any `yaml:"tasks"`
	}
	if err := yaml.Load([]byte(text), &plays); err != nil {
		return ansibleError("yaml.YAMLError", err.Error(), "correct the playbook")
	}
	var on, off []string
	for _, play := range plays {
		for _, task := range play.Tasks {
			given, there := task["yum"]
			if !there {
				continue
			}
			yum, ok := given.(map[string]any)
			if !ok {
				return ansibleError("AttributeError", "'str' object has no attribute 'has_key'", "write yum as a mapping of name and state")
			}
			name, named := yum["name"].(string)
			state, stated := yum["state"].(string)
			if !named || !stated {
				continue
			}
			if containsAny(state, "present", "latest", "installed") {
				on = append(on, strings.Fields(name)...)
			}
			if containsAny(state, "absent", "removed") {
				off = append(off, strings.Fields(name)...)
			}
		}
	}
	for i, name := range append(on, off...) {
		g.profile.Packages = append(g.profile.Packages, Package{Name: name, On: i < len(on), Node: g.node, File: e.file, Roll: e.roll, Line: e.line})
		g.put(name, i < len(on))
	}
	return nil
}

func containsAny(text string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
