package manager

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"quarry/internal/cluster"
	"quarry/internal/render"
	"quarry/internal/roll"
)

// dossier is what the manager alone knows of a cluster: what each appliance
// was locked to when it was booked, and its secrets. It is deleted at the end.
type dossier struct {
	Plans      map[string]plan    `json:"plans"` // by appliance
	HostKeys   map[string]hostKey `json:"hostKeys"`
	Parameters map[string]string  `json:"parameters"`
	Secrets    map[string]string  `json:"secrets"`
	// Incarnations counts how often each vnode was made anew.
	Incarnations map[string]int `json:"incarnations,omitempty"`
}

// plan is what an appliance of a cluster is made from.
type plan struct {
	Profile roll.Profile `json:"profile"`
	Lock    render.Lock  `json:"lock"`
	Address string       `json:"address"` // of the image
}

type hostKey struct {
	Private string `json:"private"` // PEM
	Public  string `json:"public"`  // "ssh-ed25519 AAAA…"
}

// newDossier draws the secrets of a new cluster: those in given stay as the
// tenant set them.
func newDossier(nodes []cluster.Node, ch choice, given map[string]string) (dossier, error) {
	d := dossier{
		Plans: ch.plans, Parameters: ch.parameters,
		HostKeys: map[string]hostKey{}, Secrets: map[string]string{}, Incarnations: map[string]int{},
	}
	for _, n := range nodes {
		key, err := newHostKey(n.Name)
		if err != nil {
			return dossier{}, err
		}
		d.HostKeys[n.Name] = key
	}
	for _, name := range ch.secrets {
		value, ok := given[name]
		if !ok {
			value = randomText(32)
		}
		d.Secrets[name] = value
	}
	return d, nil
}

func newHostKey(comment string) (hostKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return hostKey{}, fmt.Errorf("draw a host key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return hostKey{}, fmt.Errorf("encode a host key: %w", err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		return hostKey{}, fmt.Errorf("encode a host key: %w", err)
	}
	return hostKey{
		Private: string(pem.EncodeToMemory(block)),
		Public:  strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line))),
	}, nil
}

// randomText returns n random bytes in URL-safe base64.
func randomText(n int) string {
	raw := make([]byte, n)
	rand.Read(raw) //nolint:errcheck // never fails, by its contract
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (d dossier) encode() ([]byte, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode a cluster's dossier: %w", err)
	}
	return raw, nil
}

func decodeDossier(raw []byte) (dossier, error) {
	var d dossier
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&d); err != nil {
		return dossier{}, fmt.Errorf("read a cluster's dossier: %w", err)
	}
	if d.Incarnations == nil {
		d.Incarnations = map[string]int{}
	}
	return d, nil
}

// addresses are the images that the cluster boots, each once.
func (d dossier) addresses() map[string]plan {
	out := map[string]plan{}
	for _, p := range d.Plans {
		out[p.Address] = p
	}
	return out
}
