package cli

import "os"

// rocksSources refuses names of Rocks sources that are not there.
func rocksSources(paths []string) error {
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			return usage("--rocks %s: %v", p, err)
		}
	}
	return nil
}
