package rocks

import (
	"quarry/internal/roll/rocks/python"
	"quarry/internal/roll/rocks/sax"
)

func (w *walk) findings() []Finding { return w.found }
func (w *walk) lintGraph(string)    {}

func (r *graphReader) lintElement(graphEvent)                                         {}
func (r *graphReader) lintCondition(string, *python.Expr, python.Result)              {}
func (p *pass1) lintElement(string, []sax.Attr, sax.Pos)                              {}
func (p *pass1) dropped(string, int)                                                  {}
func (p *pass1) undefined(string, sax.Pos)                                            {}
func (g *generator) lintCondition(string, *element) func(*python.Expr, python.Result) { return nil }
func (g *generator) ansible(e *element) error                                         { return missingMethod("handle_ansible", e) }
