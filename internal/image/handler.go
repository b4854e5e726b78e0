package image

import (
	"net/http"
	"os"
)

// Handler serves "GET /{address}/{file}" with ranges and ETags: the manifest
// as manifest.json, and every file it names. The caller strips what comes
// before, and decides who may ask.
func (s *Store) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{address}/{file}", func(w http.ResponseWriter, r *http.Request) {
		address, name := r.PathValue("address"), r.PathValue("file")
		path, err := s.Path(address, name)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		f, err := os.Open(path)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			http.Error(w, "the file cannot be read", http.StatusInternalServerError)
			return
		}
		if tag := s.digestOf(address, name); tag != "" {
			w.Header().Set("ETag", `"`+tag+`"`)
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, name, info.ModTime(), f)
	})
	return mux
}

func (s *Store) digestOf(address, name string) string {
	m, err := s.Manifest(address)
	if err != nil {
		return ""
	}
	for _, f := range m.Files {
		if f.Name == name {
			return f.SHA256
		}
		if f.Packed != nil && f.Packed.Name == name {
			return f.Packed.SHA256
		}
	}
	return ""
}
