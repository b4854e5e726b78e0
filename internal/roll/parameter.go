package roll

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Types of parameters and attributes.
const (
	TypeString = "string"
	TypeInt    = "int"
	TypeBool   = "bool"
	TypeEnum   = "enum"
	TypeSecret = "secret" // a parameter's only
	// TypeList is a list of items: words without spaces.
	TypeList = "list"
	// Short for lists of these.
	TypePackages  = "packages"
	TypePorts     = "ports"
	TypeAddresses = "addresses"
)

// Types that only the items of a list have, beside string, int and enum.
const (
	itemPackage = "package" // the name of a package
	itemPort    = "port"    // a TCP port
	itemAddress = "address" // an IPv4 address
)

var (
	parameterTypes = []string{TypeString, TypeInt, TypeBool, TypeEnum, TypeList, TypeSecret, TypePackages, TypePorts, TypeAddresses}
	itemTypes      = []string{TypeString, TypeInt, TypeEnum, itemPackage, itemPort, itemAddress}
	shortLists     = map[string]string{TypePackages: itemPackage, TypePorts: itemPort, TypeAddresses: itemAddress}
)

// Parameter is set once for a whole cluster.
type Parameter struct {
	Name string `json:"name"` // within the roll; "roll.key" in a Selection
	Type string `json:"type"`
	// Of is the type of a list's items, empty for strings.
	Of string `json:"of,omitempty"`
	// Default is nil when the parameter must be given. A secret that is not
	// given is drawn by the manager. A list is its items parted by spaces.
	Default *string  `json:"default"`
	Values  []string `json:"values,omitempty"` // of an enum
	// Min and Max bound an int, or the bytes of a text; of a list, each item.
	Min *int `json:"min,omitempty"`
	Max *int `json:"max,omitempty"`
	// MinItems and MaxItems bound how many items a list has.
	MinItems *int `json:"minItems,omitempty"`
	MaxItems *int `json:"maxItems,omitempty"`
	// Match is an RE2 expression for the whole of a string.
	Match string `json:"match,omitempty"`
	Help  string `json:"help"`
	From  Source `json:"from"`
}

// maxValue bounds a parameter's value, in bytes.
const maxValue = 4096

// isList says whether the value is items parted by spaces.
func (p Parameter) isList() bool { return p.Type == TypeList || shortLists[p.Type] != "" }

// item is what each value of the parameter is: its own type or its items'.
func (p Parameter) item() string {
	if p.Type == TypeList {
		return cmp.Or(p.Of, TypeString)
	}
	return cmp.Or(shortLists[p.Type], p.Type)
}

// check returns what is wrong with a value, "" if nothing is. It never shows
// the value of a secret.
func (p Parameter) check(value string) string {
	switch {
	case len(value) > maxValue:
		return fmt.Sprintf("the value has %d bytes, at most %d are allowed", len(value), maxValue)
	case !utf8.ValidString(value) || strings.ContainsAny(value, "\x00\r\n"):
		return p.show(value) + " must be one line of text"
	case !p.isList():
		return p.checkOne(value)
	}
	var wrong []string
	items := strings.Fields(value)
	if p.MinItems != nil && len(items) < *p.MinItems {
		wrong = append(wrong, fmt.Sprintf("has %d items: at least %d", len(items), *p.MinItems))
	}
	if p.MaxItems != nil && len(items) > *p.MaxItems {
		wrong = append(wrong, fmt.Sprintf("has %d items: at most %d", len(items), *p.MaxItems))
	}
	for _, word := range items {
		if message := p.checkOne(word); message != "" {
			wrong = append(wrong, message)
		}
	}
	return strings.Join(slices.Compact(wrong), "; ")
}

func (p Parameter) show(value string) string {
	if p.Type == TypeSecret {
		return "the value"
	}
	return fmt.Sprintf("%q", value)
}

// checkOne checks a value that is no list, or an item of one.
func (p Parameter) checkOne(value string) string {
	show := p.show(value)
	switch p.item() {
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
	case itemPackage:
		if !packageName.MatchString(value) {
			return show + " cannot be the name of a package"
		}
	case itemPort:
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil || n == 0 || value[0] == '0' {
			return show + " is not a port: 1 to 65535"
		}
	case itemAddress:
		if a, err := netip.ParseAddr(value); err != nil || !a.Is4() {
			return show + " is not an IPv4 address"
		}
	default:
		if re, err := regexp.Compile(`^(?:` + p.Match + `)$`); p.Match != "" && (err != nil || !re.MatchString(value)) {
			return fmt.Sprintf("%s does not match %s: %s", show, p.Match, p.Help)
		}
		return p.bounds(len(value), show, " bytes")
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

// canonical is the one form of a value that fits: a list's items have one
// space between them.
func (p Parameter) canonical(value string) string {
	if p.isList() {
		return strings.Join(strings.Fields(value), " ")
	}
	return value
}

// harmless is a value to go on with where the right one is not known.
func (p Parameter) harmless() string {
	switch p.item() {
	case TypeBool:
		return "false"
	case TypeEnum:
		if !p.isList() {
			return p.Values[0]
		}
	case TypeInt:
		if !p.isList() {
			return strconv.Itoa(p.within(0))
		}
	}
	return ""
}

// within is the number nearest to n that the bounds allow.
func (p Parameter) within(n int) int {
	if p.Min != nil {
		n = max(n, *p.Min)
	}
	if p.Max != nil {
		n = min(n, *p.Max)
	}
	return n
}

// secretBytes is how long a drawn secret is where its bounds allow it: more
// than anybody can guess.
const secretBytes = 43

// SecretLength is how many bytes the value has that is drawn for a secret.
func (p Parameter) SecretLength() int { return p.within(secretBytes) }

// typed turns a value (or the default, for nil) into what conditions compare.
// Whether the value is allowed is for Check to say.
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
	case []string:
		if p.isList() {
			return v, nil
		}
	case string:
		return p.parse(v)
	}
	return nil, fmt.Errorf("is a %T, which is not the type %s", value, p.Type)
}

func (p Parameter) parse(value string) (any, error) {
	if p.isList() {
		return strings.Fields(value), nil
	}
	switch p.Type {
	case TypeInt, TypeBool:
		if message := p.check(value); message != "" {
			return nil, errors.New(message)
		}
		if p.Type == TypeBool {
			return value == "true", nil
		}
		return strconv.Atoi(value)
	}
	return value, nil
}
