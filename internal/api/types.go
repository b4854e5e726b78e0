package api

// Request and answer bodies that are no shared type.

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

// PnodeTokenRequest asks for an enrolment token.
type PnodeTokenRequest struct {
	TTLSeconds float64 `json:"ttlSeconds" doc:"how long the token can be used"`
}

// TenantRequest asks for a tenant.
type TenantRequest struct {
	Name string `json:"name" maxLength:"63"`
}

// TokenRequest asks for a bearer token.
type TokenRequest struct {
	Tenant         string  `json:"tenant,omitempty" maxLength:"63" doc:"whose token; empty for the provider's"`
	ExpiresSeconds float64 `json:"expiresSeconds,omitempty" doc:"how long it lasts; 0 until it is revoked"`
}

// ImagesRequest names rolls whose images are to be made.
type ImagesRequest struct {
	Rolls []string `json:"rolls" maxItems:"100"`
}

// ImagesAnswer names images.
type ImagesAnswer struct {
	Addresses []string `json:"addresses" doc:"content addresses"`
}

// VersionAnswer tells which Quarry answers.
type VersionAnswer struct {
	Version string `json:"version"`
}
