package python

func (p *parser) subscript(x node) (node, error) {
	s := &slice{x: x}
	var err error
	if p.isOp(".") || p.isOp("...") {
		return nil, unsupported("an ellipsis")
	}
	if !p.isOp(":") {
		if s.low, err = p.list(func() bool { return p.isOp("]") }); err != nil {
			return nil, err
		}
		if p.takeOp("]") {
			return &index{x: x, i: s.low}, nil
		}
	}
	if err := p.want(":"); err != nil {
		return nil, err
	}
	if !p.isOp(":", "]") {
		if s.high, err = p.test(); err != nil {
			return nil, err
		}
	}
	if p.takeOp(":") {
		s.extended = true
		if !p.isOp("]") {
			if s.step, err = p.test(); err != nil {
				return nil, err
			}
		}
	}
	return s, p.want("]")
}
