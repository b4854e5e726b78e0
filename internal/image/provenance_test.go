package image

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const madison = `   openssl | 3.5.7-1~deb13u3 | http://mirror.example/debian-security trixie-security/main amd64 Packages
   openssl | 3.5.7-1~deb13u2 | http://mirror.example/debian trixie/main amd64 Packages
   openssl | 3.5.7-1~deb13u2 | http://mirror.example/debian-security trixie-security/main amd64 Packages
   openssl | 3.5.7-1~deb13u2 | http://mirror.example/debian trixie/main Sources
noise
`

func TestParseMadison(t *testing.T) {
	want := map[string][]string{
		"openssl=3.5.7-1~deb13u3": {"trixie-security/main"},
		"openssl=3.5.7-1~deb13u2": {"trixie/main", "trixie-security/main"},
	}
	if diff := cmp.Diff(want, parseMadison([]byte(madison))); diff != "" {
		t.Error(diff)
	}
}

const release = `-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

Origin: Debian
Suite: stable-security
Codename: trixie-security
Date: Sat, 21 Nov 2026 00:53:03 UTC
Valid-Until: Sat, 28 Nov 2026 00:53:03 UTC
SHA256:
 e3b0 0 contrib/Contents-amd64
`

func TestParseRelease(t *testing.T) {
	sum := sha256.Sum256([]byte(release))
	for _, text := range []string{release, strings.ReplaceAll(release, " UTC", " GMT")} {
		got, err := parseRelease([]byte(text))
		if err != nil || got.Suite != "trixie-security" || !got.Date.Equal(time.Date(2026, 11, 21, 0, 53, 3, 0, time.UTC)) {
			t.Errorf("got %+v, %v", got, err)
		}
		if text == release && got.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("digest %s", got.SHA256)
		}
	}
	for _, bad := range []string{
		"", "Codename: trixie\n", strings.Replace(release, "21 Nov", "41 Nov", 1), strings.Replace(release, "trixie-security", "../x", 1),
	} {
		if got, err := parseRelease([]byte(bad)); err == nil {
			t.Errorf("%q gave %+v", bad, got)
		}
	}
}

func FuzzParseProvenance(f *testing.F) {
	f.Add([]byte(madison))
	f.Add([]byte(release))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for pin, places := range parseMadison(raw) {
			if !strings.Contains(pin, "=") || len(places) == 0 {
				t.Errorf("pin %q at %q", pin, places)
			}
		}
		if index, err := parseRelease(raw); err == nil && (index.Suite == "" || index.Date.IsZero()) {
			t.Errorf("accepted %+v", index)
		}
	})
}
