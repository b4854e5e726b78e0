package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// SiteStatus is what is up of a lab.
type SiteStatus struct {
	Dir string `json:"dir"`
	// Up says that every host runs and every service can be used.
	Up     bool         `json:"up"`
	Server string       `json:"server"` // URL of the API
	Hosts  []HostStatus `json:"hosts"`
}

// HostStatus is one host of the lab.
type HostStatus struct {
	Name    string `json:"name"`
	Role    string `json:"role"` // rack, manager, pnode, gateway, outside
	Running bool   `json:"running"`
	// PID is the host's supervisor as the machine sees it, 0 when it is down.
	PID       int             `json:"pid,omitempty"`
	Addresses []Address       `json:"addresses"`
	Services  []ServiceStatus `json:"services"`
	Logs      string          `json:"logs"` // folder
}

// Address is an address of a host.
type Address struct {
	Interface string `json:"interface"`
	Address   string `json:"address"` // without the length of the prefix
}

// ServiceStatus is one service of a host.
type ServiceStatus struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// PID is in the host's own numbering, as in quarry lab exec HOST -- kill PID.
	PID      int `json:"pid,omitempty"`
	Restarts int `json:"restarts"`
	// Failures counts how often in a row it has failed.
	Failures int       `json:"failures,omitempty"`
	Since    time.Time `json:"since,omitzero"`    // of the state
	Message  string    `json:"message,omitempty"` // why it ended last
}

// Status says what is up of the lab in dir. No lab is no error.
func Status(_ context.Context, dir string) (SiteStatus, error) {
	l := layout(dir)
	st := SiteStatus{Dir: dir, Server: serverURL, Hosts: []HostStatus{}}
	s, err := l.readSite()
	if errors.Is(err, fs.ErrNotExist) {
		return st, nil
	}
	if errors.Is(err, fs.ErrPermission) || os.Geteuid() != 0 {
		return st, errNotRoot
	}
	if err != nil {
		return st, fmt.Errorf("read the lab's site: %w", err)
	}
	found, err := supervisors(dir)
	if err != nil {
		return st, err
	}
	st.Up = true
	for _, h := range plan(s) {
		hs := hostStatus(l, h, found[h.Name])
		st.Up = st.Up && hs.Running && waitsFor(hs.Services, everything) == ""
		st.Hosts = append(st.Hosts, hs)
	}
	return st, nil
}

func hostStatus(l layout, h host, pids []int) HostStatus {
	st := HostStatus{
		Name: h.Name, Role: string(h.Role), Addresses: []Address{},
		Services: []ServiceStatus{}, Logs: l.path("hosts", h.Name, "log"),
	}
	for _, link := range h.Links {
		if address, _, ok := strings.Cut(link.Address, "/"); ok {
			st.Addresses = append(st.Addresses, Address{link.Name, address})
		}
	}
	if len(pids) == 0 {
		return st
	}
	st.Running, st.PID = true, pids[0]
	if states := readStatus(l, h.Name, pids[0]).Services; states != nil {
		st.Services = states
	}
	return st
}

// readStatus returns what the supervisor with that PID has written, nothing if
// it has written nothing yet.
func readStatus(l layout, name string, pid int) statusFile {
	var file statusFile
	if err := readJSON(l.status(name), &file); err != nil || file.PID != pid {
		return statusFile{}
	}
	return file
}
