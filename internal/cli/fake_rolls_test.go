package cli

import (
	"io"
	"net/http"
	"strings"
	"sync"

	"quarry/internal/manager"
	"quarry/internal/roll"
	"quarry/internal/roll/archive"
)

// fakeRolls keeps pushed rolls as a manager would, and has condor as a
// published one.
type fakeRolls struct {
	mu     sync.Mutex
	pushed map[string]*archive.Archive // by "name@version"
}

func (f *fakeRolls) register(mux *http.ServeMux) {
	f.pushed = map[string]*archive.Archive{}
	mux.HandleFunc("GET /v1/rolls", f.list)
	mux.HandleFunc("PUT /v1/rolls/{ref}", f.push)
	mux.HandleFunc("GET /v1/rolls/{ref}", f.show)
	mux.HandleFunc("GET /v1/rolls/{ref}/archive", f.archive)
	mux.HandleFunc("DELETE /v1/rolls/{ref}", f.remove)
}

func (f *fakeRolls) list(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := []manager.RollInfo{{Name: "condor", Version: "23.9", Versions: []string{"23.9"}, Owner: manager.OwnerPublished, Summary: "A pool"}}
	for ref := range f.pushed {
		all = append(all, f.info(ref))
	}
	answer(w, all)
}

func (f *fakeRolls) info(ref string) manager.RollInfo {
	a := f.pushed[ref]
	r, err := roll.Load(a.FS(), ".")
	if err != nil {
		panic(err)
	}
	return manager.RollInfo{
		Name: r.Name, Version: r.Version, Versions: []string{r.Version}, Owner: manager.OwnerOwn, Summary: r.Summary, Digest: a.Digest(),
	}
}

func (f *fakeRolls) push(w http.ResponseWriter, r *http.Request) {
	packed, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Content-Type") != archive.Media {
		problem(w, http.StatusUnsupportedMediaType, "invalid", "not an archive", nil)
		return
	}
	a, err := archive.Open(packed)
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, "invalid", err.Error(), nil)
		return
	}
	ref := r.PathValue("ref")
	if strings.HasPrefix(ref, "condor@") {
		problem(w, http.StatusConflict, "conflict", "the roll cannot be pushed", []map[string]string{
			{"location": "name", "message": `the provider publishes a roll "condor"`},
		})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pushed[ref] = a
	w.WriteHeader(http.StatusCreated)
	answer(w, f.info(ref))
}

// known finds a roll by its full name only, and answers when there is none.
func (f *fakeRolls) known(w http.ResponseWriter, r *http.Request) (string, bool) {
	ref := r.PathValue("ref")
	if f.pushed[ref] == nil {
		problem(w, http.StatusNotFound, "not_found", "no such roll", nil)
		return "", false
	}
	return ref, true
}

func (f *fakeRolls) show(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ref, ok := f.known(w, r); ok {
		answer(w, f.info(ref))
	}
}

func (f *fakeRolls) archive(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ref, ok := f.known(w, r)
	if !ok {
		return
	}
	packed, err := f.pushed[ref].Pack()
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(packed)
}

func (f *fakeRolls) remove(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ref, ok := f.known(w, r); ok {
		delete(f.pushed, ref)
		w.WriteHeader(http.StatusNoContent)
	}
}
