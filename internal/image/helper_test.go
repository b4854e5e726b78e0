package image

import (
	"os"
	"testing"
)

// skip skips a test that needs what this machine does not have, where that is
// allowed.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("QUARRY_TEST_NO_SKIP") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}
