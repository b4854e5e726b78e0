package roll

// Decision is an edge of the selected rolls and whether its condition holds.
type Decision struct {
	Edge
	Holds bool
}

// Decisions says of every edge between nodes of the selected rolls whether it
// is one for this appliance.
func (s *Selection) Decisions(appliance string, attrs Attributes) ([]Decision, error) {
	w, err := s.reach(appliance, attrs)
	if err != nil {
		return nil, err
	}
	all := make([]Decision, len(w.decided))
	for i, d := range w.decided {
		all[i] = Decision{Edge: d.Edge, Holds: d.holds}
	}
	return all, nil
}

// Constraints are all of the selected rolls.
func (s *Selection) Constraints() []Constraint { return s.constraints() }
