package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"quarry/internal/fault"
)

// Names of services that others depend on.
const (
	serviceManager = "manager"
	serviceInit    = "manager-init"
	serviceEnrol   = "agent-enrol"
)

func (h host) hasService(name string) bool {
	for _, s := range h.Services {
		if s.Name == name {
			return true
		}
	}
	return false
}

// credentials reads what "quarry manager init" printed.
func credentials(l layout) (Credentials, error) {
	var c Credentials
	if err := readJSON(l.outside("manager", managerInit), &c); err != nil {
		return c, fmt.Errorf("read the provider's credential: %w", err)
	}
	if c.Token == "" || c.CACertificate == "" {
		return c, fault.New(fault.Unavailable, "the lab's manager gave no provider token: take the lab down and up again")
	}
	if c.Server == "" {
		c.Server = serverURL
	}
	return c, nil
}

// outside is where the machine sees a file that a host sees below insideHost.
func (l layout) outside(name, path string) string {
	return filepath.Join(l.host(name), strings.TrimPrefix(path, insideHost))
}

// enrol gives the host a fresh one-time token, unless it is enrolled: a token
// may have been used by an attempt that the plug was pulled on.
func enrol(ctx context.Context, l layout, h host) error {
	if !h.hasService(serviceEnrol) || exists(filepath.Join(l.host(h.Name), "done", serviceEnrol)) {
		return nil
	}
	c, err := credentials(l)
	if err != nil {
		return err
	}
	token, err := nodeToken(ctx, l, h, c)
	if err != nil {
		return fmt.Errorf("get a token for host %s: %w", h.Name, err)
	}
	if err := os.MkdirAll(filepath.Join(l.host(h.Name), "enrol"), 0o700); err != nil {
		return err
	}
	if err := writeFile(l.outside(h.Name, enrolCA), []byte(c.CACertificate), 0o644); err != nil {
		return err
	}
	return writeFile(l.outside(h.Name, enrolToken), []byte(token+"\n"), 0o600)
}

func nodeToken(ctx context.Context, l layout, h host, c Credentials) (string, error) {
	var stdout, stderr bytes.Buffer
	argv := append([]string{
		"env", "QUARRY_CONFIG=/dev/null", "QUARRY_SERVER=" + c.Server,
		"QUARRY_TOKEN=" + c.Token, "QUARRY_CA=" + c.CACertificate,
	}, h.quarry("node", "token", h.Name, "-o", "json")...)
	code, err := Exec(ctx, string(l), "manager", argv, nil, &stdout, &stderr)
	if err != nil {
		return "", err
	}
	if code != 0 {
		return "", fmt.Errorf("quarry node token: exit status %d: %s", code, strings.TrimSpace(stderr.String()))
	}
	var answer struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil || answer.Token == "" {
		return "", fmt.Errorf("quarry node token printed no token: %q", stdout.String())
	}
	return answer.Token, nil
}
