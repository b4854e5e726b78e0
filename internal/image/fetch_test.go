package image

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// bends is a server whose answers a test can bend.
type bends struct {
	*httptest.Server
	mu   sync.Mutex
	bend func(w http.ResponseWriter, r *http.Request, next http.Handler)
	seen []string // "file" or "file from byte N"
}

func serve(t *testing.T, s *Store) *bends {
	t.Helper()
	b := &bends{}
	inner := http.StripPrefix("/images", s.Handler())
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		name := filepath.Base(r.URL.Path)
		if from := r.Header.Get("Range"); from != "" {
			name += " " + from
		}
		b.seen = append(b.seen, name)
		bend := b.bend
		b.mu.Unlock()
		if bend != nil {
			bend(w, r, inner)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *bends) set(bend func(http.ResponseWriter, *http.Request, http.Handler)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bend, b.seen = bend, nil
}

func (b *bends) asked(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.seen {
		if strings.HasPrefix(s, name) {
			return true
		}
	}
	return false
}

// cutter ends an answer after some bytes, as a lost connection does.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) > c.left {
		n, _ := c.ResponseWriter.Write(p[:c.left])
		c.left = 0
		return n, io.ErrClosedPipe
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

func TestFetchBringsAVerifiedSparseImage(t *testing.T) {
	from, into := openStore(t, 0), openStore(t, 0)
	m := addImage(t, from, 1)
	srv := serve(t, from)
	last := -1
	err := Fetch(t.Context(), srv.Client(), srv.URL+"/images/", m.Address, into, func(_ string, percent int) {
		if percent <= last || percent > 100 {
			t.Errorf("progress %d after %d", percent, last)
		}
		last = percent
	})
	if err != nil || last != 100 {
		t.Fatalf("%v, progress %d", err, last)
	}
	if err := into.Verify(m.Address); err != nil {
		t.Fatal(err)
	}
	if srv.asked(DiskFile+" ") || !srv.asked(DiskFile+packedSuffix) {
		t.Errorf("want the packed disk to be asked for, got %v", srv.seen)
	}
	list, err := into.List()
	if err != nil || len(list) != 1 || list[0].Bytes >= 2<<20 {
		t.Fatalf("got %+v, %v: want one image with its hole kept", list, err)
	}
	srv.set(nil)
	if err := Fetch(t.Context(), srv.Client(), srv.URL+"/images", m.Address, into, nil); err != nil || len(srv.seen) != 0 {
		t.Fatalf("second fetch: %v, asked %v", err, srv.seen)
	}
}

func TestFetchResumesAfterAnInterruption(t *testing.T) {
	const at = 100_000
	from, into := openStore(t, 0), openStore(t, 0)
	m := addImage(t, from, 1)
	srv := serve(t, from)
	srv.set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, packedSuffix) {
			w = &cutter{w, at}
		}
		next.ServeHTTP(w, r)
	})
	err := Fetch(t.Context(), srv.Client(), srv.URL+"/images", m.Address, into, nil)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), DiskFile+packedSuffix) {
		t.Fatalf("got %v, want the interrupted file named", err)
	}
	if into.Has(m.Address) {
		t.Fatal("half an image looks complete")
	}
	// The agent starts again: what was brought must outlive it.
	into, err = OpenStore(into.dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	srv.set(nil)
	if err := Fetch(t.Context(), srv.Client(), srv.URL+"/images", m.Address, into, nil); err != nil {
		t.Fatal(err)
	}
	if want := DiskFile + packedSuffix + " bytes=" + strconv.Itoa(at) + "-"; !srv.asked(want) {
		t.Errorf("asked %v, want %q", srv.seen, want)
	}
	if err := into.Verify(m.Address); err != nil {
		t.Fatal(err)
	}
}

func TestFetchWithoutRangesStartsTheFileAnew(t *testing.T) {
	from, into := openStore(t, 0), openStore(t, 0)
	m := addImage(t, from, 1)
	srv := serve(t, from)
	srv.set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, packedSuffix) {
			w = &cutter{w, 1000}
		}
		next.ServeHTTP(w, r)
	})
	if err := Fetch(t.Context(), srv.Client(), srv.URL+"/images", m.Address, into, nil); err == nil {
		t.Fatal("want an error")
	}
	srv.set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		r.Header.Del("Range")
		next.ServeHTTP(w, r)
	})
	if err := Fetch(t.Context(), srv.Client(), srv.URL+"/images", m.Address, into, nil); err != nil {
		t.Fatal(err)
	}
}

func TestFetchDiscardsAWrongDigest(t *testing.T) {
	for _, name := range []string{DiskFile + packedSuffix, KernelFile, InitrdFile} {
		t.Run(name, func(t *testing.T) {
			from, into := openStore(t, 0), openStore(t, 0)
			m := addImage(t, from, 1)
			path := filepath.Join(from.dir, m.Address, name)
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			bad := append([]byte(nil), good...)
			bad[len(bad)/2] ^= 1
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			srv := serve(t, from)
			err = Fetch(t.Context(), srv.Client(), srv.URL+"/images", m.Address, into, nil)
			wrong, ok := errors.AsType[*DigestError](err)
			if !ok || wrong.File != name || into.Has(m.Address) {
				t.Fatalf("got %v, want a wrong digest of %s", err, name)
			}
			if err := os.WriteFile(path, good, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := Fetch(t.Context(), srv.Client(), srv.URL+"/images", m.Address, into, nil); err != nil {
				t.Fatalf("after the source was repaired: %v", err)
			}
		})
	}
}

// A source whose manifest lies about the plain disk must not fill the disk.
func TestFetchStopsAtTheSizeThatWasAnnounced(t *testing.T) {
	from, into := openStore(t, 0), openStore(t, 0)
	m := addImage(t, from, 1)
	m.Files[0].Size = 1 << 20
	if err := writeManifest(filepath.Join(from.dir, m.Address), m); err != nil {
		t.Fatal(err)
	}
	srv := serve(t, from)
	err := Fetch(t.Context(), srv.Client(), srv.URL+"/images", m.Address, into, nil)
	wrong, ok := errors.AsType[*DigestError](err)
	if !ok || wrong.File != DiskFile || wrong.Size > 1<<20+1 {
		t.Fatalf("got %v", err)
	}
}

func TestFetchErrors(t *testing.T) {
	from, into := openStore(t, 0), openStore(t, 0)
	m := addImage(t, from, 1)
	srv := serve(t, from)
	if err := Fetch(t.Context(), srv.Client(), srv.URL+"/images", addressOf(9), into, nil); err == nil || !strings.Contains(err.Error(), addressOf(9)) {
		t.Errorf("an unknown image: %v", err)
	}
	if err := Fetch(t.Context(), srv.Client(), srv.URL+"/images", "../x", into, nil); err == nil {
		t.Error("a wrong address was fetched")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Fetch(ctx, srv.Client(), srv.URL+"/images", m.Address, into, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	srv.set(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Write([]byte(strings.Repeat("garbage ", 1<<18)))
	})
	if err := Fetch(t.Context(), srv.Client(), srv.URL+"/images", m.Address, into, nil); err == nil {
		t.Error("garbage was taken for a manifest")
	}
}

func TestFetchIsShared(t *testing.T) {
	from, into := openStore(t, 0), openStore(t, 0)
	m := addImage(t, from, 1)
	srv := serve(t, from)
	var manifests atomic.Int64
	srv.set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, manifestFile) {
			manifests.Add(1)
		}
		next.ServeHTTP(w, r)
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := Fetch(t.Context(), srv.Client(), srv.URL+"/images", m.Address, into, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := manifests.Load(); n != 1 {
		t.Errorf("the manifest was fetched %d times, want once", n)
	}
}

func TestHandlerServesRangesAndTags(t *testing.T) {
	s := openStore(t, 0)
	m := addImage(t, s, 1)
	h := s.Handler()
	kernel, _ := m.File(KernelFile)
	for _, c := range []struct {
		method, path, ranged string
		status, length       int
	}{
		{"GET", "/" + m.Address + "/kernel", "", 200, int(kernel.Size)},
		{"GET", "/" + m.Address + "/kernel", "bytes=10-19", 206, 10},
		{"GET", "/" + m.Address + "/kernel", "bytes=99999999-", 416, -1},
		{"GET", "/" + m.Address + "/used", "", 404, -1},
		{"GET", "/" + m.Address + "/..%2f..%2fetc%2fpasswd", "", 404, -1},
		{"GET", "/" + addressOf(2) + "/kernel", "", 404, -1},
		{"POST", "/" + m.Address + "/kernel", "", 405, -1},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		if c.ranged != "" {
			r.Header.Set("Range", c.ranged)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || c.length >= 0 && w.Body.Len() != c.length {
			t.Errorf("%s %s %s: %d with %d bytes, want %d with %d", c.method, c.path, c.ranged, w.Code, w.Body.Len(), c.status, c.length)
		}
		if c.status == 200 && w.Header().Get("ETag") != `"`+kernel.SHA256+`"` {
			t.Errorf("ETag %s", w.Header().Get("ETag"))
		}
	}
}
