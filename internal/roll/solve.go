package roll

import (
	"fmt"
	"slices"
	"strings"

	"quarry/internal/fault"
)

// always are the rolls that every cluster has.
var always = []string{"base", "gateway"}

// maxTries bounds the search for versions that go together.
const maxTries = 2_000

// want is a requirement and whose it is.
type want struct {
	Requirement
	by    *Roll  // nil: the cluster's
	field string // of the request, when it is the cluster's
}

func (w want) String() string {
	switch {
	case w.by == nil && slices.Contains(always, w.Requirement.String()):
		return "every cluster has " + w.Name
	case w.by == nil:
		return "the cluster asks for " + w.Requirement.String()
	}
	return fmt.Sprintf("roll %s %s requires %s", w.by.Name, w.by.Version, w.Requirement)
}

// met says whether one of the rolls is what is wanted. A cluster asks for
// rolls by their own names.
func (w want) met(rolls []*Roll) bool {
	return slices.ContainsFunc(rolls, func(r *Roll) bool {
		if w.by == nil {
			return r.Name == w.Name && w.allows(r.Version)
		}
		return r.meets(w.Requirement)
	})
}

// candidates are the rolls that could be added for w, best first. They are
// none when nothing fits, and when the choice between several rolls that
// provide a name is the tenant's.
func (c Catalog) candidates(w want) []*Roll {
	fit := c.allowed(w.Requirement)
	if len(fit) > 0 || w.by == nil {
		return fit
	}
	if names, rolls := c.providers(w.Requirement); len(names) == 1 {
		return rolls
	}
	return nil
}

func wantsOf(r *Roll) []want {
	var list []want
	for _, req := range r.Requires {
		list = append(list, want{Requirement: req, by: r})
	}
	return list
}

// solver looks for one version of each roll that is wanted, so that all
// requirements hold and nothing conflicts. It tries newer versions first.
type solver struct {
	catalog Catalog
	tries   int
}

func (s *solver) solve(chosen []*Roll, wants []want) ([]*Roll, bool) {
	wants = slices.DeleteFunc(slices.Clone(wants), func(w want) bool { return w.met(chosen) })
	if len(wants) == 0 {
		return chosen, true
	}
	// What nothing can be added for may still come with something else.
	at := slices.IndexFunc(wants, func(w want) bool { return len(s.catalog.candidates(w)) > 0 })
	if at < 0 {
		return nil, false
	}
	rest := slices.Delete(slices.Clone(wants), at, at+1)
	for _, r := range s.catalog.candidates(wants[at]) {
		if s.tries++; s.tries > maxTries {
			return nil, false
		}
		if slices.ContainsFunc(chosen, func(o *Roll) bool { return o.Name == r.Name || clash(r, o) != "" }) {
			continue
		}
		if all, ok := s.solve(append(slices.Clone(chosen), r), append(rest, wantsOf(r)...)); ok {
			return all, true
		}
	}
	return nil, false
}

// clash says how two rolls conflict, "" if they do not.
func clash(a, b *Roll) string {
	for _, pair := range [][2]*Roll{{a, b}, {b, a}} {
		for _, c := range pair[0].Conflicts {
			if !pair[1].meets(c) {
				continue
			}
			what := pair[1].Name
			if c.Name != pair[1].Name {
				what += ", which provides " + c.Name
			} else if len(c.Bounds) > 0 {
				what = fmt.Sprintf("%s %s (it names %s)", what, pair[1].Version, c)
			}
			return fmt.Sprintf("roll %s conflicts with roll %s", pair[0].Name, what)
		}
	}
	return ""
}

// resolve chooses the rolls of a cluster: those that are asked for, those
// that every cluster has, and what they require. When nothing goes together
// it tells why, and returns what was chosen all the same.
func (c Catalog) resolve(refs []string) ([]*Roll, fault.List) {
	var wrong fault.List
	var wants []want
	for i, ref := range refs {
		field := fmt.Sprintf("rolls[%d]", i)
		req, message := c.reference(ref)
		if message != "" {
			wrong.Add(field, message)
			continue
		}
		wants = append(wants, want{Requirement: req, field: field})
	}
	for _, name := range always {
		if len(c[name]) == 0 {
			wrong.Add("rolls", fmt.Sprintf("this site has no roll %q, which every cluster needs", name))
			continue
		}
		wants = append(wants, want{Requirement: Requirement{Name: name}, field: "rolls"})
	}
	s := solver{catalog: c}
	chosen, ok := s.solve(nil, wants)
	if ok {
		return chosen, wrong
	}
	chosen = c.diagnose(wants, &wrong)
	if s.tries > maxTries {
		wrong.Add("rolls", "there are too many combinations of versions to try: name the versions you want, as in NAME@VERSION")
	}
	return chosen, wrong
}

// diagnose takes the best of everything and tells what stands against it.
func (c Catalog) diagnose(wants []want, wrong *fault.List) []*Roll {
	var chosen []*Roll
	var lacking []want
	reasons := map[string]want{} // by name of roll: why it was chosen
	for i := 0; i < len(wants); i++ {
		w := wants[i]
		if w.met(chosen) {
			continue
		}
		if at := slices.IndexFunc(chosen, func(r *Roll) bool { return r.Name == w.Name }); at >= 0 {
			wrong.Add(w.at(), fmt.Sprintf("%s, but %s, of which %s is the newest: no version of %s fits both",
				w, reasons[w.Name], chosen[at].Version, w.Name))
			continue
		}
		fit := c.candidates(w)
		if len(fit) == 0 {
			lacking = append(lacking, w)
			continue
		}
		for _, o := range chosen {
			if text := clash(o, fit[0]); text != "" {
				wrong.Add("rolls", text+": "+remedy(o, fit[0]))
			}
		}
		chosen = append(chosen, fit[0])
		reasons[fit[0].Name] = w
		wants = append(wants, wantsOf(fit[0])...)
	}
	for _, w := range lacking {
		if !w.met(chosen) {
			wrong.Add(w.at(), fmt.Sprintf("%s: %s", w, c.lack(w)))
		}
	}
	return chosen
}

func (w want) at() string {
	if w.field != "" {
		return w.field
	}
	return "rolls"
}

// lack says why nothing can be added for a requirement, and what to do.
func (c Catalog) lack(w want) string {
	names, _ := c.providers(w.Requirement)
	switch {
	case len(names) > 1:
		return fmt.Sprintf("%s provide it: add one of them", strings.Join(names, ", "))
	case len(c[w.Name]) > 0:
		return fmt.Sprintf("there are %s of it", c.versions(w.Name))
	}
	return fmt.Sprintf("there is no such roll%s, and none that provides it", didYouMean(w.Name, slices.Values(c.Names())))
}

func remedy(a, b *Roll) string {
	for _, pair := range [][2]*Roll{{a, b}, {b, a}} {
		if slices.Contains(always, pair[0].Name) {
			return fmt.Sprintf("every cluster has %s, leave %s out", pair[0].Name, pair[1].Name)
		}
	}
	return "choose one"
}
