package roll

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Types of parameters.
const (
	TypeString = "string"
	TypeInt    = "int"
	TypeBool   = "bool"
	TypeEnum   = "enum"
	TypeSecret = "secret"
)

// Parameter is set once for a whole cluster.
type Parameter struct {
	Name string `json:"name"` // within the roll; "roll.key" in a Selection
	Type string `json:"type"`
	// Default is nil when the parameter must be given. A secret that is not
	// given is drawn by the manager.
	Default *string  `json:"default"`
	Values  []string `json:"values,omitempty"` // of an enum
	Min     *int     `json:"min,omitempty"`    // of an int; the fewest bytes of a text
	Max     *int     `json:"max,omitempty"`
	// Match is an RE2 expression for the whole of a string.
	Match string `json:"match,omitempty"`
	Help  string `json:"help"`
	From  Source `json:"from"`
}

// maxValue bounds a parameter's value, in bytes.
const maxValue = 4096

// check returns what is wrong with a value, "" if nothing is.
func (p Parameter) check(value string) string {
	show := fmt.Sprintf("%q", value)
	if p.Type == TypeSecret {
		show = "the value"
	}
	switch {
	case len(value) > maxValue:
		return fmt.Sprintf("the value has %d bytes, at most %d are allowed", len(value), maxValue)
	case !utf8.ValidString(value) || strings.ContainsAny(value, "\x00\r\n"):
		return show + " must be one line of text"
	}
	n := len(value)
	switch p.Type {
	case TypeBool:
		if value != "true" && value != "false" {
			return show + " is not true or false"
		}
		return ""
	case TypeEnum:
		if !slices.Contains(p.Values, value) {
			return show + " is not one of " + strings.Join(p.Values, ", ") + didYouMean(value, slices.Values(p.Values))
		}
		return ""
	case TypeInt:
		var err error
		if n, err = strconv.Atoi(value); err != nil {
			return show + " is not a whole number"
		}
	}
	of := ""
	if p.Type != TypeInt {
		of = fmt.Sprintf(" has %d bytes,", n)
	}
	if p.Min != nil && n < *p.Min {
		return fmt.Sprintf("%s%s the least is %d", show, comma(of), *p.Min)
	}
	if p.Max != nil && n > *p.Max {
		return fmt.Sprintf("%s%s the most is %d", show, comma(of), *p.Max)
	}
	if p.Match == "" {
		return ""
	}
	if re, err := regexp.Compile(`^(?:` + p.Match + `)$`); err != nil || !re.MatchString(value) {
		return fmt.Sprintf("%s does not match %s: %s", show, p.Match, p.Help)
	}
	return ""
}

func comma(of string) string {
	if of == "" {
		return ":"
	}
	return of
}

// typed turns a value (or the default, for nil) into what conditions compare.
func (p Parameter) typed(value any) (any, error) {
	written, isText := value.(string)
	if value == nil {
		isText = true
		if p.Default != nil {
			written = *p.Default
		}
	}
	switch p.Type {
	case TypeInt:
		if n, ok := value.(int); ok {
			return n, nil
		}
		if isText && value == nil && p.Default == nil {
			return 0, fmt.Errorf("must be given")
		}
		if isText {
			return strconv.Atoi(written)
		}
	case TypeBool:
		if b, ok := value.(bool); ok {
			return b, nil
		}
		if isText {
			return written == "true", nil
		}
	default:
		if isText {
			return written, nil
		}
	}
	return nil, fmt.Errorf("is a %T, which is not %s", value, p.Type)
}
