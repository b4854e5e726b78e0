package api

// Request and answer bodies that are no shared type.

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
