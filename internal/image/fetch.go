package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Fetch brings an image from baseURL (what [Store.Handler] serves there) into
// a store. It returns at once if the image is there. What an interrupted fetch
// brought is kept and continued. A file with a wrong digest is thrown away and
// named in the error ([DigestError]). progress may be nil.
func Fetch(ctx context.Context, client *http.Client, baseURL, address string, into *Store, progress Progress) error {
	if !hexDigest.MatchString(address) {
		return notFound(address)
	}
	if _, err := into.Path(address, manifestFile); err == nil {
		return nil
	}
	return into.fetches.do(ctx, address, progress, func(ctx context.Context, progress Progress) error {
		f := &fetch{
			client: client, base: strings.TrimSuffix(baseURL, "/") + "/" + address, address: address,
			dir: filepath.Join(into.dir, fetchPrefix+address), progress: progress,
		}
		if err := f.run(ctx, into); err != nil {
			return fmt.Errorf("fetch image %s: %w", address, err)
		}
		return nil
	})
}

// fetchingFile says which files a half-fetched image is made of.
const fetchingFile = "fetching.json"

type fetch struct {
	client      *http.Client
	base        string
	address     string
	dir         string
	progress    Progress
	done, total int64
}

func (f *fetch) run(ctx context.Context, into *Store) error {
	if into.Has(f.address) {
		return nil
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	m, err := f.manifest(ctx)
	if err != nil {
		return err
	}
	for _, file := range m.Files {
		f.total += shipped(file).Size
	}
	for _, file := range m.Files {
		if err := f.file(ctx, file); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(filepath.Join(f.dir, fetchingFile)); err != nil {
		return err
	}
	for _, file := range m.Files { // only the plain files stay
		if file.Packed != nil {
			if err := os.RemoveAll(filepath.Join(f.dir, file.Packed.Name)); err != nil {
				return err
			}
		}
	}
	return into.commit(f.dir, m)
}

// manifest asks for the manifest anew each time: a half-fetched image whose
// files meanwhile changed at the source must not be mixed.
func (f *fetch) manifest(ctx context.Context) (Manifest, error) {
	resp, err := f.get(ctx, manifestFile, 0)
	if err != nil {
		return Manifest{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxManifest+1))
	if err != nil {
		return Manifest{}, err
	}
	m, err := ParseManifest(raw)
	if err != nil {
		return Manifest{}, err
	}
	if m.Address != f.address {
		return Manifest{}, fmt.Errorf("the source answered with the manifest of %s", m.Address)
	}
	return m, f.discardOthers(m)
}

// discardOthers removes what belongs to another manifest.
func (f *fetch) discardOthers(m Manifest) error {
	last := filepath.Join(f.dir, fetchingFile)
	want, err := json.Marshal(m.Files)
	if err != nil {
		return err
	}
	have, err := os.ReadFile(last)
	if err == nil && string(have) == string(want) {
		return nil
	}
	if err := os.RemoveAll(f.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(last, want, 0o600)
}

func shipped(f File) Packed {
	if f.Packed != nil {
		return *f.Packed
	}
	return Packed{Name: f.Name, Size: f.Size, SHA256: f.SHA256}
}

func (f *fetch) file(ctx context.Context, file File) error {
	want := shipped(file)
	at := filepath.Join(f.dir, want.Name)
	if err := f.download(ctx, want, at); err != nil {
		return err
	}
	if err := verifyFile(at, want.Size, want.SHA256); err != nil {
		return errors.Join(err, os.Remove(at))
	}
	if file.Packed == nil {
		return nil
	}
	plain := filepath.Join(f.dir, file.Name)
	if err := unpack(file, at, plain); err != nil {
		return errors.Join(err, os.Remove(at), os.RemoveAll(plain))
	}
	return nil
}

// download continues the file at the place where it ends.
func (f *fetch) download(ctx context.Context, want Packed, at string) error {
	out, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	have, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if have > want.Size {
		if have, err = 0, errors.Join(out.Truncate(0), seekStart(out)); err != nil {
			return err
		}
	}
	f.done += have
	if have == want.Size {
		f.report(0)
		return nil
	}
	resp, err := f.get(ctx, want.Name, have)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if have > 0 && resp.StatusCode != http.StatusPartialContent { // no ranges there
		f.done -= have
		if err := errors.Join(out.Truncate(0), seekStart(out)); err != nil {
			return err
		}
		have = 0
	}
	body := &counted{from: io.LimitReader(resp.Body, want.Size-have), each: f.report}
	if n, err := io.Copy(out, body); err != nil {
		return fmt.Errorf("file %q after %d of %d bytes: %w", want.Name, have+n, want.Size, err)
	} else if have+n < want.Size {
		return fmt.Errorf("file %q after %d of %d bytes: %w", want.Name, have+n, want.Size, io.ErrUnexpectedEOF)
	}
	return out.Close()
}

func seekStart(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

func (f *fetch) report(n int) {
	f.done += int64(n)
	if f.total > 0 {
		f.progress("fetch", int(f.done*100/f.total))
	}
}

func (f *fetch) get(ctx context.Context, name string, from int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.base+"/"+name, nil)
	if err != nil {
		return nil, err
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusPartialContent:
		return resp, nil
	case http.StatusNotFound:
		resp.Body.Close()
		return nil, fmt.Errorf("file %q: %w at the source", name, fs.ErrNotExist)
	}
	resp.Body.Close()
	return nil, fmt.Errorf("file %q: the source answered %s", name, resp.Status)
}

// counted tells how many bytes were read, as they are.
type counted struct {
	from io.Reader
	each func(int)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.each(n)
	return n, err
}
