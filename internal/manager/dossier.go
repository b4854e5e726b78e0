package manager

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"

	"golang.org/x/crypto/ssh"

	"quarry/internal/cluster"
	"quarry/internal/render"
	"quarry/internal/roll"
)

// dossier is what the manager alone knows of a cluster: what each appliance
// was locked to when it was booked, and its secrets. It is deleted at the end.
type dossier struct {
	// Plans are by appliance, and by "appliance/vnode" for a vnode whose own
	// attributes give it another profile.
	Plans map[string]plan `json:"plans"`
	// General are the attributes of each appliance, and Attributes those of a
	// vnode, by its name, that differ from them.
	General    map[string]map[string]string `json:"general,omitempty"`
	Attributes map[string]map[string]string `json:"attributes,omitempty"`
	HostKeys   map[string]hostKey           `json:"hostKeys"`
	Parameters map[string]string            `json:"parameters"`
	Secrets    map[string]string            `json:"secrets"`
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
		Plans: ch.plans, General: ch.general, Attributes: ch.attributes, Parameters: ch.parameters,
		HostKeys: map[string]hostKey{}, Secrets: map[string]string{}, Incarnations: map[string]int{},
	}
	for _, n := range nodes {
		key, err := newHostKey(n.Name)
		if err != nil {
			return dossier{}, err
		}
		d.HostKeys[n.Name] = key
	}
	for _, p := range ch.secrets {
		value, ok := given[p.Name]
		if !ok {
			value = randomText(p.SecretLength())[:p.SecretLength()]
		}
		d.Secrets[p.Name] = value
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

// attributesOf are a vnode's attributes.
func (d dossier) attributesOf(n cluster.Node) map[string]string {
	all := maps.Clone(d.General[n.Appliance])
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, d.Attributes[n.Name])
	return all
}

// planOf is what a vnode is made from.
func planOf(plans map[string]plan, n cluster.Node) plan {
	if own, ok := plans[n.Appliance+"/"+n.Name]; ok {
		return own
	}
	return plans[n.Appliance]
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
