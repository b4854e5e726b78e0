package roll

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/vnode"
)

// TemplateData is what a template file of a roll can say about its vnode.
// Beside the fields and methods there are the functions param, attr and secret
// "roll.key" (a missing one is an error), list "roll.key" (the items of a
// parameter or attribute), join and fields.
type TemplateData struct {
	Hostname  string
	Appliance string
	Domain    string
	Cluster   string
	// Gateway is the gateway's private address, Address this vnode's, Network
	// the private range ("10.1.0.0/24").
	Gateway string
	Address string
	Network string
	// Hosts are all vnodes of the cluster, this one among them.
	Hosts      []vnode.Host
	Parameters map[string]string
	Attributes map[string]string // of this vnode
	Secrets    map[string]string

	// only is set where the values of other rolls than this one are not known:
	// they are empty then, and no error.
	only string
}

// NewTemplateData takes the data from a vnode's identity.
func NewTemplateData(id vnode.Identity) (TemplateData, error) {
	d := TemplateData{
		Hostname: id.Hostname, Appliance: id.Appliance, Domain: id.Domain, Cluster: id.Cluster,
		Hosts: id.Hosts, Parameters: id.Parameters, Attributes: id.Attributes, Secrets: id.Secrets,
	}
	for _, h := range id.Hosts {
		if h.Appliance == cluster.Gateway {
			d.Gateway = h.Address
		}
	}
	for _, leg := range id.Legs {
		if leg.Network != cluster.PrivateNetwork {
			continue
		}
		prefix, err := netip.ParsePrefix(leg.Address)
		if err != nil {
			return d, fmt.Errorf("private leg of %s: %w", id.Hostname, err)
		}
		d.Address, d.Network = prefix.Addr().String(), prefix.Masked().String()
	}
	return d, nil
}

// NodesOf returns the vnodes of one appliance.
func (d TemplateData) NodesOf(appliance string) []vnode.Host {
	var of []vnode.Host
	for _, h := range d.Hosts {
		if h.Appliance == appliance {
			of = append(of, h)
		}
	}
	return of
}

// NetworkAddress is the first address of the private range.
func (d TemplateData) NetworkAddress() (string, error) {
	prefix, err := netip.ParsePrefix(d.Network)
	return prefix.Masked().Addr().String(), err
}

// Netmask is the private range's in the old form, "255.255.255.0".
func (d TemplateData) Netmask() (string, error) {
	prefix, err := netip.ParsePrefix(d.Network)
	if err != nil || !prefix.Addr().Is4() {
		return "", fmt.Errorf("%q is not an IPv4 range", d.Network)
	}
	bits := ^uint32(0) << (32 - prefix.Bits())
	return netip.AddrFrom4([4]byte{byte(bits >> 24), byte(bits >> 16), byte(bits >> 8), byte(bits)}).String(), nil
}

// maxRendered bounds a rendered file: it travels to the guest in a message.
const maxRendered = vnode.MaxMessage / 4

// RenderFile makes a template file for one vnode; other files come out as
// they are. Mistakes in the template are a *fault.Error with file:line.
func RenderFile(f File, data TemplateData) (vnode.File, error) {
	out := vnode.File{Path: f.Path, Mode: f.Mode, Owner: f.Owner, Content: f.Content}
	if !f.Template {
		return out, nil
	}
	t, err := parseTemplate(f.Path, f.Content)
	if err != nil {
		return vnode.File{}, renderFault(f, err)
	}
	t.Funcs(data.functions())
	t.Funcs(template.FuncMap{stepName: steps()})
	var b bounded
	if err := t.Execute(&b, data); err != nil {
		return vnode.File{}, renderFault(f, err)
	}
	out.Content, out.Reload = b.String(), f.Reload
	return out, nil
}

func parseTemplate(name, content string) (*template.Template, error) {
	t, err := template.New(name).Option("missingkey=error").Funcs(bounds()).Funcs(TemplateData{}.functions()).Parse(content)
	if err != nil {
		return nil, err
	}
	return t, count(t)
}

func (d TemplateData) functions() template.FuncMap {
	param, attr := d.lookup("parameter", d.Parameters), d.lookup("attribute", d.Attributes)
	return template.FuncMap{
		"param": param, "attr": attr, "secret": d.lookup("secret", d.Secrets),
		"list": func(name string) ([]string, error) {
			value, err := param(name)
			if err != nil {
				value, err = attr(name)
			}
			if err != nil {
				return nil, fmt.Errorf("there is no parameter and no attribute %q", name)
			}
			return strings.Fields(value), nil
		},
		"fields": strings.Fields,
	}
}

func (d TemplateData) lookup(what string, values map[string]string) func(string) (string, error) {
	return func(name string) (string, error) {
		v, ok := values[name]
		if owner, _, _ := strings.Cut(name, "."); !ok && d.only != "" && owner != d.only {
			return "", nil
		}
		if !ok {
			return "", fmt.Errorf("there is no %s %q", what, name)
		}
		return v, nil
	}
}

func renderFault(f File, err error) error {
	line, message := templateFault(err)
	return fault.New(fault.Invalid, "A template cannot be rendered", fault.Detail{
		Field:   place(f.From.Roll, f.From.File, pos{line: f.From.Line}),
		Message: fmt.Sprintf("%s, line %d: %s", f.Path, line, message),
	})
}

var templatePlace = regexp.MustCompile(`(?s)^template: .*?:(\d+)(?::\d+)?: (.*)$`)

// templateFault takes the line out of an error of text/template.
func templateFault(err error) (line int, message string) {
	m := templatePlace.FindStringSubmatch(err.Error())
	if m == nil {
		return 0, err.Error()
	}
	line, _ = strconv.Atoi(m[1])
	return line, m[2]
}

type bounded struct{ strings.Builder }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxRendered {
		return 0, fmt.Errorf("gives more than %d bytes", maxRendered)
	}
	return b.Builder.Write(p)
}
