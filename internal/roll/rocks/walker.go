package rocks

// walker goes through accepted elements as the tree walker of 4DOM does: what
// is not accepted is passed over with all that it holds, and after the last
// child of a last child the walk is over.
type walker struct {
	accept func(*element) (bool, error)
	path   []level
}

type level struct {
	list []*element
	at   int
}

func (w *walker) find(list []*element, from int) (int, error) {
	for i := from; i < len(list); i++ {
		yes, err := w.accept(list[i])
		if err != nil {
			return 0, err
		}
		if yes {
			return i, nil
		}
	}
	return -1, nil
}

func (w *walker) current() *element {
	top := w.path[len(w.path)-1]
	return top.list[top.at]
}

func (w *walker) firstChild() (bool, error) {
	list := w.current().elements()
	i, err := w.find(list, 0)
	if err != nil || i < 0 {
		return false, err
	}
	w.path = append(w.path, level{list, i})
	return true, nil
}

func (w *walker) nextSibling() (bool, error) {
	top := &w.path[len(w.path)-1]
	i, err := w.find(top.list, top.at+1)
	if err != nil || i < 0 {
		return false, err
	}
	top.at = i
	return true, nil
}

func (w *walker) next() (bool, error) {
	if yes, err := w.firstChild(); yes || err != nil {
		return yes, err
	}
	if yes, err := w.nextSibling(); yes || err != nil {
		return yes, err
	}
	if len(w.path) == 1 {
		return false, nil
	}
	w.path = w.path[:len(w.path)-1]
	return w.nextSibling()
}
