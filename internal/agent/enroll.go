package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"quarry/internal/api/agentapi"
	"quarry/internal/fault"
)

// enrolmentFile holds the pnode's key: a secret. It is one file, so that there
// is a whole enrolment or none.
const enrolmentFile = "enrolment.json"

// EnrollConfig is how a pnode becomes known to its manager.
type EnrollConfig struct {
	// Dir is the agent's folder, DefaultDir if empty.
	Dir    string
	Server string // "https://manager:7443"
	Token  string // from "quarry node token", good once
	// CA is the certificate of the site's CA in PEM, brought here on another
	// way than the network.
	CA []byte
	// Name is the pnode's.
	Name string
	// Force enrols a pnode that is enrolled already.
	Force bool
}

// enrolment is how a pnode is known to its manager; the byte fields are PEM.
type enrolment struct {
	Server      string `json:"server"`
	Name        string `json:"name"`
	Key         []byte `json:"key"`
	Certificate []byte `json:"certificate"`
	CA          []byte `json:"ca"`
}

// Enroll trades a token for the pnode's certificate. It does nothing if the
// pnode is enrolled so already; one that is enrolled with another manager or
// under another name is a fault.Conflict, unless forced.
func Enroll(ctx context.Context, cfg EnrollConfig) error {
	if cfg.Dir == "" {
		cfg.Dir = DefaultDir
	}
	var l fault.List
	if cfg.Server == "" {
		l.Add("server", "no manager: give its URL, for example https://manager:7443")
	}
	if !label.MatchString(cfg.Name) {
		l.Add("name", fmt.Sprintf("%q is not a DNS label: use small letters, digits and '-'", cfg.Name))
	}
	if len(cfg.CA) == 0 {
		l.Add("ca", "no certificate of the site's CA: copy it from the manager")
	}
	if err := l.Err(fault.Invalid, "the pnode cannot be enrolled"); err != nil {
		return err
	}
	old, err := readEnrolment(cfg.Dir)
	switch {
	case err == nil && !cfg.Force && old.Server == cfg.Server && old.Name == cfg.Name:
		return nil
	case err == nil && !cfg.Force:
		return fault.New(fault.Conflict, "the pnode is enrolled already", fault.Detail{
			Field: "name", Message: fmt.Sprintf("it is %q at %s: enrol it anew with --force", old.Name, old.Server),
		})
	case err != nil && fault.KindOf(err) != fault.NotFound && !cfg.Force:
		return err
	}
	got, err := agentapi.Enroll(ctx, cfg.Server, cfg.CA, cfg.Token, cfg.Name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.Dir, 0o711); err != nil {
		return fmt.Errorf("make the agent's folder: %w", err)
	}
	return files{dir: cfg.Dir}.write(enrolmentFile, enrolment{
		Server: cfg.Server, Name: cfg.Name, Key: got.Key, Certificate: got.Certificate, CA: got.CA,
	})
}

// readEnrolment is a fault.NotFound if the pnode is not enrolled.
func readEnrolment(dir string) (enrolment, error) {
	path := filepath.Join(dir, enrolmentFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return enrolment{}, fault.New(fault.NotFound, "the pnode is not enrolled", fault.Detail{
			Field: path, Message: "no such file: make a token with quarry node token, then run quarry agent enroll",
		})
	}
	if err != nil {
		return enrolment{}, fmt.Errorf("read the enrolment: %w", err)
	}
	var e enrolment
	if err := json.Unmarshal(raw, &e); err != nil {
		return enrolment{}, fault.New(fault.Invalid, "the enrolment cannot be used", fault.Detail{
			Field: path, Message: fmt.Sprintf("%v: enrol the pnode anew with --force", err),
		})
	}
	return e, nil
}
