package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"quarry/internal/fault"
)

// maxKeyFile bounds what is read of a file that should hold public keys.
const maxKeyFile = 256 << 10

// sshKeys returns the authorized_keys lines of the files that were named, or
// else of the context's key, or else of the user's own keys.
func (a *app) sshKeys(files []string, c Context) ([]string, error) {
	if len(files) == 0 && c.SSHKey != "" {
		files = []string{publicKey(c.SSHKey)}
	}
	if len(files) == 0 {
		files, _ = filepath.Glob(filepath.Join(a.getenv("HOME"), ".ssh", "id_*.pub")) // the pattern is well formed
	}
	if len(files) == 0 {
		return nil, usage("there is no ssh key to open the cluster with: name one with --ssh-key FILE, or make one with ssh-keygen")
	}
	var keys []string
	var wrong fault.List
	for _, file := range files {
		found, err := keysOf(file)
		if err != nil {
			wrong.Add("--ssh-key "+file, err.Error())
		}
		keys = append(keys, found...)
	}
	if len(wrong.Details()) > 0 {
		return nil, &usageError{title: "bad key file", details: wrong.Details()}
	}
	return keys, nil
}

func keysOf(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	return parseKeys(raw)
}

// parseKeys reads authorized_keys text: one public key or more.
func parseKeys(raw []byte) ([]string, error) {
	if len(raw) > maxKeyFile {
		return nil, fmt.Errorf("is larger than %d KiB: that is no file of public keys", maxKeyFile>>10)
	}
	if bytes.Contains(raw, []byte("PRIVATE KEY-----")) {
		return nil, fmt.Errorf("is a private key, which must stay with you: name its public half, the file ending in .pub")
	}
	var keys []string
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, maxKeyFile+1)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line)); err != nil {
			return nil, fmt.Errorf("line %d is no public ssh key (as in \"ssh-ed25519 AAAA… you@home\")", number)
		}
		keys = append(keys, line)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("holds no public ssh key")
	}
	return keys, nil
}

// publicKey names the public half of a key pair.
func publicKey(file string) string {
	if strings.HasSuffix(file, ".pub") {
		return file
	}
	return file + ".pub"
}

func privateKey(file string) string { return strings.TrimSuffix(file, ".pub") }
