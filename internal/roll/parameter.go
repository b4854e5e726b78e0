package roll

import (
	"errors"
	"fmt"
	"net/netip"
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
	// Lists, their words parted by spaces; they may be empty.
	TypePackages  = "packages"  // names of packages
	TypePorts     = "ports"     // TCP ports
	TypeAddresses = "addresses" // IPv4 addresses
)

var parameterTypes = []string{TypeString, TypeInt, TypeBool, TypeEnum, TypeSecret, TypePackages, TypePorts, TypeAddresses}

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

// check returns what is wrong with a value, "" if nothing is. It never shows
// the value of a secret.
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
	switch p.Type {
	case TypeBool:
		if value != "true" && value != "false" {
			return show + " is not true or false"
		}
	case TypeEnum:
		if !slices.Contains(p.Values, value) {
			return show + " is not one of " + strings.Join(p.Values, ", ") + didYouMean(value, slices.Values(p.Values))
		}
	case TypeInt:
		n, err := strconv.Atoi(value)
		if err != nil {
			return show + " is not a whole number"
		}
		return p.bounds(n, show, "")
	case TypePackages, TypePorts, TypeAddresses:
		for word := range strings.FieldsSeq(value) {
			if message := p.word(word); message != "" {
				return fmt.Sprintf("%q %s", word, message)
			}
		}
	default:
		if re, err := regexp.Compile(`^(?:` + p.Match + `)$`); p.Match != "" && (err != nil || !re.MatchString(value)) {
			return fmt.Sprintf("%s does not match %s: %s", show, p.Match, p.Help)
		}
		return p.bounds(len(value), show, " bytes")
	}
	return ""
}

// word returns what is wrong with one word of a list.
func (p Parameter) word(word string) string {
	switch p.Type {
	case TypePackages:
		if !packageName.MatchString(word) {
			return "cannot be the name of a package"
		}
	case TypePorts:
		n, err := strconv.ParseUint(word, 10, 16)
		if err != nil || n == 0 || word[0] == '0' {
			return "is not a port: 1 to 65535"
		}
	case TypeAddresses:
		if a, err := netip.ParseAddr(word); err != nil || !a.Is4() {
			return "is not an IPv4 address"
		}
	}
	return ""
}

func (p Parameter) bounds(n int, show, unit string) string {
	if p.Min != nil && n < *p.Min {
		return fmt.Sprintf("%s is too small: at least %d%s", show, *p.Min, unit)
	}
	if p.Max != nil && n > *p.Max {
		return fmt.Sprintf("%s is too large: at most %d%s", show, *p.Max, unit)
	}
	return ""
}

// typed turns a value (or the default, for nil) into what conditions compare.
func (p Parameter) typed(value any) (any, error) {
	if value == nil {
		if p.Default == nil {
			return nil, errors.New("must be given: " + p.Help)
		}
		value = *p.Default
	}
	switch v := value.(type) {
	case int:
		if p.Type == TypeInt {
			return v, nil
		}
	case bool:
		if p.Type == TypeBool {
			return v, nil
		}
	case string:
		if message := p.check(v); message != "" {
			return nil, errors.New(message)
		}
		switch p.Type {
		case TypeInt:
			return strconv.Atoi(v)
		case TypeBool:
			return v == "true", nil
		}
		return v, nil
	}
	return nil, fmt.Errorf("is a %T, which is not the type %s", value, p.Type)
}
