package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Files that Up hands to a supervisor: the machine's network and mount
// namespaces, for the one service that gives the manager its way out.
const (
	machineNetFD   = 3
	machineMountFD = 4
)

// RunHost is the supervisor of one host of the lab and PID 1 of its
// namespaces; nothing but Up starts it. It makes what the host's plan says,
// keeps the services running, and returns when ctx ends, whereupon the kernel
// ends everything else of the host.
func RunHost(ctx context.Context, dir, name string) error {
	if os.Getpid() != 1 {
		return errors.New("this is the supervisor of a host of the lab: quarry lab up starts it")
	}
	l := layout(dir)
	var h host
	if err := readJSON(l.plan(name), &h); err != nil {
		return fmt.Errorf("read the plan of host %s: %w", name, err)
	}
	// Before the host has its own /proc, this is the PID that others see.
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return fmt.Errorf("find the host's PID: %w", err)
	}
	pid, err := strconv.Atoi(self)
	if err != nil {
		return fmt.Errorf("find the host's PID: %w", err)
	}
	unix.CloseOnExec(machineNetFD)
	unix.CloseOnExec(machineMountFD)
	if err := furnish(l, h); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s := &supervisor{host: h, pid: pid, reaper: newReaper(), log: log, links: map[string]int{}}
	if err := s.run(ctx); err != nil {
		log.ErrorContext(ctx, "host ended", "error", err)
		return err
	}
	return nil
}

type supervisor struct {
	host   host
	pid    int // as the machine sees it
	reaper *reaper
	log    *slog.Logger

	mu     sync.Mutex
	states []ServiceStatus
	links  map[string]int // links that work, with the number of their device
}

// networkState is the first entry of the states: the host's links.
const networkState = "network"

func (s *supervisor) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.states = append(s.states, ServiceStatus{Name: networkState, State: StateWaiting})
	for _, svc := range s.host.Services {
		s.states = append(s.states, ServiceStatus{Name: svc.Name, State: StateWaiting})
	}
	s.publish()
	go s.reaper.run(ctx)

	before := make(chan struct{})
	go s.keepNetwork(ctx, sync.OnceFunc(closer(before)))
	for i, svc := range s.host.Services {
		log, err := openLog(filepath.Join(insideHost, "log", svc.Name+".log"), logLimit)
		if err != nil {
			return fmt.Errorf("open the log of %s: %w", svc.Name, err)
		}
		k := &keeper{service: svc, host: s, index: i + 1, log: log}
		after := before
		before = make(chan struct{})
		k.after, k.usable = after, sync.OnceFunc(closer(before))
		go k.run(ctx)
	}
	if s.host.Role == roleRack {
		go s.keepPorts(ctx, before)
	}
	<-ctx.Done()
	return nil
}

func closer(c chan struct{}) func() { return func() { close(c) } }

// set changes the state of one service and publishes all.
func (s *supervisor) set(index int, change func(*ServiceStatus)) {
	s.mu.Lock()
	before := s.states[index]
	change(&s.states[index])
	now := s.states[index]
	if now.State != before.State {
		s.states[index].Since = time.Now().UTC().Truncate(time.Millisecond)
	}
	s.mu.Unlock()
	if now.State != before.State || now.Message != before.Message {
		s.log.Info("service", "name", now.Name, "state", string(now.State), "pid", now.PID, "message", now.Message)
	}
	s.publish()
}

func (s *supervisor) linkOf(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[name]
}

func (s *supervisor) setLink(name string, index int) {
	s.mu.Lock()
	s.links[name] = index
	s.mu.Unlock()
	s.publish()
}

// command runs a short program, whose output goes to the log of the host.
func (s *supervisor) command(argv ...string) error { return s.reaper.command(os.Stderr, argv...) }

// publish writes the status file for Status and Up to read.
func (s *supervisor) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	file := statusFile{PID: s.pid, Links: s.links, Services: s.states}
	if err := writeJSON(filepath.Join(insideHost, "status.json"), file); err != nil {
		s.log.Error("write status", "error", err)
	}
}

// statusFile is what a supervisor says about its host.
type statusFile struct {
	PID      int             `json:"pid"`
	Links    map[string]int  `json:"links"`
	Services []ServiceStatus `json:"services"`
}

// serviceEnv is the environment of services: the machine's proxies and
// certificates, and nothing else of whoever brought the lab up.
func serviceEnv(env []string) []string {
	out := []string{"PATH=" + hostPath, "HOME=/root", "LANG=C.UTF-8"}
	for _, kv := range env {
		key, _, _ := strings.Cut(kv, "=")
		if strings.HasSuffix(strings.ToLower(key), "_proxy") || strings.HasPrefix(key, "SSL_CERT_") {
			out = append(out, kv)
		}
	}
	return out
}
