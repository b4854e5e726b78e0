package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
	"time"

	"quarry/internal/fault"
)

// pnodeURI is what the URI name of a pnode's certificate starts with.
const pnodeURI = "quarry:pnode:"

// MaxCSR bounds a signing request, in bytes.
const MaxCSR = 16 << 10

// NewRequest makes a key and a signing request for a pnode, both PEM. The
// manager decides the name; the one in the request is for people.
func NewRequest(name string) (keyPEM, csrPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make the pnode's key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the pnode's key: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		return nil, nil, fmt.Errorf("make the signing request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}), nil
}

// SignCSR makes the client certificate (PEM) of the pnode name from its
// signing request, of which only the key counts, and returns its serial
// number in hex. A request that cannot be used is a fault.Invalid.
func (c *CA) SignCSR(csrPEM []byte, name string, now time.Time) (certPEM []byte, serial string, err error) {
	csr, err := parseCSR(csrPEM)
	if err != nil {
		return nil, "", fault.New(fault.Invalid, "the signing request cannot be used",
			fault.Detail{Field: "csr", Message: err.Error()})
	}
	der, err := c.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		URIs:        []*url.URL{{Scheme: "quarry", Opaque: strings.TrimPrefix(pnodeURI, "quarry:") + name}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, csr.PublicKey, now, ClientLifetime)
	if err != nil {
		return nil, "", fmt.Errorf("sign the certificate of pnode %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, "", fmt.Errorf("sign the certificate of pnode %s: %w", name, err)
	}
	return encodeCertificate(der), Serial(cert), nil
}

func parseCSR(raw []byte) (*x509.CertificateRequest, error) {
	if len(raw) > MaxCSR {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxCSR)
	}
	der, err := decodeOne(raw, "CERTIFICATE REQUEST")
	if err != nil {
		return nil, err
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, err
	}
	if key, ok := csr.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("its key is not an ECDSA P-256 key")
	}
	return csr, csr.CheckSignature()
}

// PnodeName returns which pnode a verified certificate belongs to, "" if none.
func PnodeName(cert *x509.Certificate) string {
	for _, u := range cert.URIs {
		if name, ok := strings.CutPrefix(u.String(), pnodeURI); ok {
			return name
		}
	}
	return ""
}

// Serial returns a certificate's serial number in hex.
func Serial(cert *x509.Certificate) string { return cert.SerialNumber.Text(16) }
