package calendar

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	tagForm   = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)
	valueForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
)

// CheckTag says what is wrong with a tag of a pnode, "" for nothing.
func CheckTag(tag string) string {
	switch {
	case tag == Uplink:
		return fmt.Sprintf("%q is what every pnode with an uplink is called: choose another tag", tag)
	case !tagForm.MatchString(tag):
		return fmt.Sprintf("%q is not a tag: use 1 to 63 of a–z, 0–9, '.', '_' and -, beginning and ending with a letter or a digit", tag)
	}
	return ""
}

// CheckRack says what is wrong with a rack's name, "" for nothing.
func CheckRack(name string) string {
	if !valueForm.MatchString(name) {
		return fmt.Sprintf("%q is not a rack: use 1 to 63 letters, digits, '.', '_' and -, beginning and ending with a letter or a digit", name)
	}
	return ""
}

// CheckLabel says what is wrong with a label that a group requires or
// prefers, "" for nothing. Whether a pnode has it is another question.
func CheckLabel(label string) string {
	name, value, named := strings.Cut(label, "=")
	if label == Uplink || !named && tagForm.MatchString(label) {
		return ""
	}
	if (name == "arch" || name == "accelerator" || name == "rack") && valueForm.MatchString(value) {
		return ""
	}
	return fmt.Sprintf("%q is not a label of pnodes: write uplink, a tag, or one of arch=, accelerator= and rack= with a value, as in rack=r1", label)
}
