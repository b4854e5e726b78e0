module quarry/tools/format

go 1.26.0

tool mvdan.cc/gofumpt

require (
	golang.org/x/mod v0.38.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/tools v0.48.0 // indirect
	mvdan.cc/gofumpt v0.11.0 // indirect
)
