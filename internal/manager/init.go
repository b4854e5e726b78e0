package manager

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"quarry/internal/fault"
	"quarry/internal/pki"
	"quarry/internal/store"
)

// Keys of what the manager keeps in the store's settings.
const (
	settingSite = "site"
	settingGive = "give" // SiteSettings
	settingCA   = "ca"
)

// InitResult is what the first provider needs, told once.
type InitResult struct {
	Server        string `json:"server"`
	CACertificate string `json:"caCertificate"` // PEM
	// Token is the first provider token; empty when the site was there already.
	Token string `json:"token,omitempty"`
	// Existing is set when the site was initialised before.
	Existing bool `json:"existing"`
}

// Init sets up a site in an empty store: its CA, its description and the
// first provider token. A site that is there already is left as it is.
func Init(ctx context.Context, st *store.Store, site Site, now time.Time) (InitResult, error) {
	if err := site.Validate(); err != nil {
		return InitResult{}, err
	}
	res := InitResult{}
	err := st.Update(ctx, func(tx *store.Tx) error {
		old, err := readSite(tx)
		if err == nil {
			ca, err := tx.Setting(settingCA)
			if err != nil {
				return err
			}
			authority, err := pki.Parse(ca)
			if err != nil {
				return err
			}
			res = InitResult{Server: old.Server, CACertificate: string(authority.CertificatePEM()), Existing: true}
			return nil
		}
		if fault.KindOf(err) != fault.NotFound {
			return err
		}
		return initSite(tx, site, now, &res)
	})
	return res, err
}

func initSite(tx *store.Tx, site Site, now time.Time, res *InitResult) error {
	authority, err := pki.New(now)
	if err != nil {
		return err
	}
	raw, err := authority.Encode()
	if err != nil {
		return err
	}
	if err := tx.PutSetting(settingCA, raw); err != nil {
		return err
	}
	doc, err := json.Marshal(site)
	if err != nil {
		return fmt.Errorf("encode the site: %w", err)
	}
	if err := tx.PutSetting(settingSite, doc); err != nil {
		return err
	}
	token, secret := newToken("", now, 0)
	*res = InitResult{Server: site.Server, CACertificate: string(authority.CertificatePEM()), Token: secret}
	return tx.InsertToken(token)
}

func readSite(tx *store.Tx) (Site, error) {
	raw, err := tx.Setting(settingSite)
	if err != nil {
		return Site{}, err
	}
	var s Site
	if err := json.Unmarshal(raw, &s); err != nil {
		return Site{}, fmt.Errorf("read the site: %w", err)
	}
	return s, nil
}

// ReadSite returns the site of an initialised store.
func ReadSite(ctx context.Context, st *store.Store) (s Site, err error) {
	err = st.View(ctx, func(tx *store.Tx) error {
		s, err = readSite(tx)
		if fault.KindOf(err) == fault.NotFound {
			return fault.New(fault.Refused, "there is no site yet", fault.Detail{Message: "run quarry manager init first"})
		}
		return err
	})
	return s, err
}

// ReadCA returns the CA of an initialised store.
func ReadCA(ctx context.Context, st *store.Store) (*pki.CA, error) {
	var raw []byte
	err := st.View(ctx, func(tx *store.Tx) (err error) {
		raw, err = tx.Setting(settingCA)
		return err
	})
	if err != nil {
		return nil, err
	}
	return pki.Parse(raw)
}
