package native

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// element is an element of a graph or node file, with where it stands.
type element struct {
	name     string
	attrs    map[string]string
	line     int
	children []child
}

// child is an element or text.
type child struct {
	element *element
	text    string
	line    int // where the text begins
}

// Entities stand in texts between these two, which no file may hold: Rocks
// takes ASCII only.
const (
	entityStart = "\ue000"
	entityEnd   = "\ue001"
)

const maxNesting = 100

var entityRef = regexp.MustCompile(`&([A-Za-z_][A-Za-z0-9_.-]*);`)

// parseXML reads a file whole. Entities that XML itself does not have are kept
// by name.
func parseXML(data []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Entity = map[string]string{}
	for _, m := range entityRef.FindAllSubmatch(data, -1) {
		d.Entity[string(m[1])] = entityStart + string(m[1]) + entityEnd
	}
	if bytes.Contains(data, []byte(entityStart)) || bytes.Contains(data, []byte(entityEnd)) {
		return nil, errors.New("holds characters of Unicode's private range; Rocks takes ASCII only")
	}
	var root *element
	var open []*element
	for {
		line, _ := d.InputPos()
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			e := &element{name: t.Name.Local, attrs: map[string]string{}, line: line}
			for _, a := range t.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			if len(open) >= maxNesting {
				return nil, fmt.Errorf("line %d: elements are nested more than %d deep", line, maxNesting)
			}
			if len(open) > 0 {
				parent := open[len(open)-1]
				parent.children = append(parent.children, child{element: e})
			} else if root == nil {
				root = e
			}
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				parent := open[len(open)-1]
				parent.children = append(parent.children, child{text: string(t), line: line})
			}
		}
	}
	if root == nil {
		return nil, errors.New("holds no element")
	}
	return root, nil
}

// text is an element's own text.
func (e *element) text() string {
	var b strings.Builder
	for _, c := range e.children {
		b.WriteString(c.text)
	}
	return b.String()
}

// elements are the elements right below.
func (e *element) elements() []*element {
	var all []*element
	for _, c := range e.children {
		if c.element != nil {
			all = append(all, c.element)
		}
	}
	return all
}
