// Command quarry turns a site of real machines into virtual clusters. This
// file says which command; everything else is in internal.
package main

import (
	"context"
	"os"

	"quarry/internal/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}
