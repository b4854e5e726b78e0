// Package rocks reads Rocks rolls: a distribution tree as Rocks builds it
// (graphs, nodes, site-nodes), the walk over its graph, and what its generator
// makes of the nodes: packages, scripts, the main section.
//
// There are two ways to read. Compat does to the letter what Rocks 7 does. The
// other gives the same profile for sound rolls and reports each silent trap as
// a Finding with what Rocks would do and how to mend it; a finding that is an
// error makes the profile one not to use.
//
// It guarantees: the same tree, attributes and options give the same profile;
// nothing of a roll is ever executed; no input panics, and time and memory
// are bounded. Pure: files are read through an fs.FS, once, by Read. A Tree may
// be walked by several at the same time. It may be imported by every package
// that does not have to be ignorant of rolls.
package rocks

import "quarry/internal/roll/graph"

// Severities of findings.
const (
	Failure = "error"   // the profile is not what was meant, or there is none
	Warning = "warning" // an error that was allowed, or something to know
	Info    = "info"
)

// Finding is one thing that is wrong with a roll, or to be known about it.
type Finding struct {
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	File     string `json:"file"`
	Line     int    `json:"line"` // 0: the whole file, or none
	Message  string `json:"message"`
	Fix      string `json:"fix"`
}

// Node is a node of the graph that is in the profile.
type Node struct {
	Name  string
	Files []string // in the order in which they count: "./nodes/x.xml"
	Roll  string   // that the last of its files belongs to
}

// Package is one package element.
type Package struct {
	Name           string // "@name" for a group
	On             bool
	Node           string
	File, Roll     string
	Line           int
	FromExpression string // the condition that let it in, "" for none
}

// Script is a pre, post or boot section.
type Script struct {
	Node        string
	File, Roll  string
	Line        int
	Interpreter string // "/bin/bash"; of pre sections "" where none is given
	Arg         string
	Body        string
	// Log marks the posts that Rocks adds around each post to write to its log.
	Log bool
}

// File is a file element that counts.
type File struct {
	Path       string
	Node       string
	File, Roll string
	Line       int
}

// Line is an entry of the main section; it may hold several lines.
type Line struct {
	Text       string
	Node       string
	File, Roll string
	Line       int
}

// Profile is what a node gets.
type Profile struct {
	Root  string
	Order []Node
	// On and Off are the sorted lists of the packages section.
	On, Off []string
	// Packages are all package elements that count, in the order of the document.
	Packages []Package
	Main     []Line
	Pre      []Script
	Posts    []Script // Rocks' own log posts too
	BootPre  []Script // text that the first boot runs early
	BootPost []Script // and late
	Debug    []string
	Files    []File
	// Written lists every file that a script writes, as it was first written.
	Written []WrittenFile
	// Contributors lists file and roll of everything that counts.
	Contributors []Contributor
	Findings     []Finding
	// Graph is how the nodes got in and in their order.
	Graph *Graph
}

// WrittenFile is a file that scripts write, with its last owner and mode.
type WrittenFile struct{ Path, Owner, Perms string }

// Contributor is a node file and the roll it belongs to.
type Contributor struct{ File, Roll string }

// Graph is the graph of one walk with the places where its edges are written.
type Graph struct {
	Plan  graph.Plan
	Walk  *graph.Walk
	Edges []EdgeSource // by the Ref of an edge in Plan.Nodes
	// Pruned are the edges whose condition did not hold when they were read.
	Pruned []Pruned
	Order  []EdgeSource // by the Ref of an edge in Plan.Order
	named  map[string]bool
	// decided are all conditions, each once.
	decided []string
}

// EdgeSource is where an edge is written.
type EdgeSource struct {
	File, Roll string
	Line       int
	Form       string // "edge", "to", "from", "order", "head", "tail"
}

// Pruned is an edge that is not in the graph.
type Pruned struct {
	From, To, If string
	EdgeSource
}

// Options say how to read.
type Options struct {
	Compat bool
	// Allow names rules whose findings are let through as warnings.
	Allow map[string]bool
	// Evals gives what eval elements print, by "nodes/x.xml:LINE" of the element.
	Evals map[string]string
	// Version and Release are those of the Rocks that is followed: "7.0" and
	// "Manzanita" when empty.
	Version, Release string
}
