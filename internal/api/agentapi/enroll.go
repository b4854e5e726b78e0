package agentapi

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"

	"quarry/internal/api/wire"
	"quarry/internal/pki"
)

// EnrolRequest trades an enrolment token for a certificate.
type EnrolRequest struct {
	Token string `json:"token" maxLength:"200" doc:"the one-time enrolment token"`
	Name  string `json:"name" maxLength:"63" doc:"the pnode's name"`
	CSR   string `json:"csr" maxLength:"16384" doc:"PEM signing request with an ECDSA P-256 key"`
}

// EnrolAnswer is a pnode's certificate.
type EnrolAnswer struct {
	Certificate string `json:"certificate" doc:"PEM certificate of the pnode"`
	CA          string `json:"ca" doc:"PEM certificate of the site's CA"`
}

// Enrolled is what a pnode needs to be known by its manager, all PEM.
type Enrolled struct {
	Key         []byte // a secret
	Certificate []byte
	CA          []byte
}

// Enroll makes a key for the pnode name and trades an enrolment token for its
// certificate. caPEM is the site's CA, learned on another way than the network.
func Enroll(ctx context.Context, server string, caPEM []byte, token, name string) (Enrolled, error) {
	l, err := wire.NewLink(server, caPEM, nil)
	if err != nil {
		return Enrolled{}, err
	}
	defer l.HTTP.CloseIdleConnections()
	key, csr, err := pki.NewRequest(name)
	if err != nil {
		return Enrolled{}, err
	}
	var a EnrolAnswer
	ask := EnrolRequest{Token: token, Name: name, CSR: string(csr)}
	if err := l.Call(ctx, http.MethodPost, l.Address("v1", "enroll"), ask, &a); err != nil {
		return Enrolled{}, err
	}
	e := Enrolled{Key: key, Certificate: []byte(a.Certificate), CA: []byte(a.CA)}
	return e, check(e)
}

// check refuses a certificate that is not one of the pnode's key.
func check(e Enrolled) error {
	if _, err := tls.X509KeyPair(e.Certificate, e.Key); err != nil {
		return fmt.Errorf("the manager's certificate cannot be used: %w", err)
	}
	return nil
}
