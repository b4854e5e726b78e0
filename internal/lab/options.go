package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"quarry/internal/fault"
)

// DefaultDir is where a lab lives unless told otherwise.
const DefaultDir = "/var/lib/quarry-lab"

// maxPnodes and maxGateways keep the addresses of the management network apart:
// .11 to .30 and .31 to .40.
const (
	maxPnodes   = 20
	maxGateways = 10
)

// Options says which lab to bring up.
type Options struct {
	// Dir is the lab's folder, absolute. Everything the lab keeps is below it.
	Dir string
	// Pnodes and Gateways count the pnodes without and with an uplink.
	Pnodes, Gateways int
	// Binary is the quarry program that the hosts run; its whole folder is
	// seen by the hosts.
	Binary string
	// Progress is told what is being done; done grows to total. May be nil.
	Progress func(step string, done, total int)
	// Bootstrap is called at the end of every Up, in the machine's own
	// namespaces, with the provider's credential. It writes the person's
	// configuration and must be idempotent. May be nil.
	Bootstrap func(context.Context, Credentials) error

	// services replaces the services of a host; tests use stand-ins.
	services func(host) []service
}

// Credentials open the lab's manager to the provider.
type Credentials struct {
	Server        string `json:"server"`        // URL of the API
	Token         string `json:"token"`         // provider's bearer token
	CACertificate string `json:"caCertificate"` // PEM
}

func (o Options) check() error {
	var faults fault.List
	if !filepath.IsAbs(o.Dir) || filepath.Clean(o.Dir) == "/" {
		faults.Add("dir", strconv.Quote(o.Dir)+" is not the absolute path of a folder of the lab's own")
	}
	if o.Pnodes < 0 || o.Pnodes > maxPnodes {
		faults.Add("pnodes", fmt.Sprintf("%d pnodes: a lab has 0 to %d", o.Pnodes, maxPnodes))
	}
	if o.Gateways < 0 || o.Gateways > maxGateways {
		faults.Add("gateways", fmt.Sprintf("%d gateways: a lab has 0 to %d", o.Gateways, maxGateways))
	}
	if info, err := os.Stat(o.Binary); err != nil || !info.Mode().IsRegular() || !filepath.IsAbs(o.Binary) {
		faults.Add("binary", strconv.Quote(o.Binary)+" is not the absolute path of the quarry program")
	}
	return faults.Err(fault.Invalid, "the lab cannot be made like this")
}

func (o Options) progress(step string, done, total int) {
	if o.Progress != nil {
		o.Progress(step, done, total)
	}
}
