# Works in a folder of any name: nothing here uses its absolute path.
SHELL := /bin/sh
export PATH := $(PATH):/usr/local/go/bin
# As root in somebody else's clone, git must still say which commit this is.
export GIT_CONFIG_COUNT := 1
export GIT_CONFIG_KEY_0 := safe.directory
export GIT_CONFIG_VALUE_0 := *

GO ?= go
# Inputs, not seconds: with those, go test before Go 1.27 can fail with
# "context deadline exceeded" though no input did (go.dev/issue/75804).
FUZZTIME ?= 2000x
BUILD_FLAGS := -trimpath -ldflags '-s -w -buildid='

.DEFAULT_GOAL := build
.PHONY: build setup demo test check e2e bench fuzz docs clean help

## build: bin/quarry and bin/quarry-guest
build:
	CGO_ENABLED=0 $(GO) build $(BUILD_FLAGS) -buildvcs=auto -o bin/ ./cmd/quarry
	# No commit in it: it is part of every image, which would be made anew.
	CGO_ENABLED=0 $(GO) build $(BUILD_FLAGS) -buildvcs=false -o bin/ ./cmd/quarry-guest

## setup: install the Debian packages that are missing (needs root)
setup:
	sh setup/install.sh

## demo: a whole site on this machine and a first cluster in it (needs root)
demo: setup build
	bin/quarry demo

## test: every test, the end-to-end ones in a lab too (needs root; takes down a lab that is up)
test: setup build check fuzz e2e

## check: format, vet, staticcheck, known vulnerabilities, unit tests with the race detector
check:
	sh scripts/check.sh

## e2e: the tests that need root, the last of which use a lab
e2e: build
	bin/quarry lab down
	CGO_ENABLED=0 QUARRY_TEST_NO_SKIP=1 $(GO) test -trimpath -tags lab -count=1 -p 1 -timeout 50m ./...

## bench: measure, and print the command that made each number (needs root)
bench: build
	bin/quarry lab down
	CGO_ENABLED=0 QUARRY_TEST_NO_SKIP=1 $(GO) test -trimpath -tags lab -run '^$$' -bench . -benchtime 1x -count=1 -p 1 -timeout 60m ./...

## fuzz: every fuzz target with $(FUZZTIME) inputs
fuzz:
	sh scripts/fuzz.sh $(FUZZTIME)

## docs: write docs/reference anew
docs: build
	bin/quarry docs docs/reference

## clean: remove what was built
clean:
	rm -rf bin

## help: this list
help:
	@sed -n 's/^## //p' Makefile
