package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"quarry/internal/fault"
)

// hopeless is how often in a row a service may fail before Up gives up on it.
const hopeless = 6

// upper brings up the hosts of one Up.
type upper struct {
	Options
	layout layout
	hosts  []host
	done   int
	total  int
}

func (u *upper) step(format string, args ...any) {
	u.progress(fmt.Sprintf(format, args...), u.done, u.total)
}

func (u *upper) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("the lab was not ready within %s", readyWithin))
	defer cancel()
	for _, h := range u.hosts {
		u.step("start host %s", h.Name)
		if err := startHost(ctx, u.layout, h); err != nil {
			return err
		}
		u.done++
	}
	u.step("wire the hosts")
	if err := wireAll(ctx, u.layout, u.hosts); err != nil {
		return err
	}
	if err := u.enrol(ctx); err != nil {
		return err
	}
	for _, h := range u.hosts {
		u.step("wait for host %s", h.Name)
		if err := waitHost(ctx, u.layout, h, everything); err != nil {
			return err
		}
		u.done++
	}
	if u.Bootstrap != nil {
		u.step("set up the command line")
		c, err := credentials(u.layout)
		if err != nil {
			return err
		}
		if err := u.Bootstrap(ctx, c); err != nil {
			return fmt.Errorf("set up the command line: %w", err)
		}
	}
	u.done = u.total
	u.step("the lab is up")
	return nil
}

// enrol gives each pnode that is not enrolled yet a token for it.
func (u *upper) enrol(ctx context.Context) error {
	i := slices.IndexFunc(u.hosts, func(h host) bool { return h.hasService(serviceManager) })
	if i < 0 {
		return nil
	}
	u.step("wait for the manager")
	if err := waitHost(ctx, u.layout, u.hosts[i], serviceManager); err != nil {
		return err
	}
	for _, h := range u.hosts {
		if err := enrol(ctx, u.layout, h); err != nil {
			return err
		}
	}
	return nil
}

// wireAll plugs every running host into the rack, and the machine too, and
// returns when all links work.
func wireAll(ctx context.Context, l layout, hosts []host) error {
	found, err := supervisors(string(l))
	if err != nil {
		return err
	}
	rack := found["rack"]
	if len(rack) == 0 {
		return fault.New(fault.Unavailable, "the lab's rack is down: quarry lab up starts it again")
	}
	for _, h := range hosts {
		if pids := found[h.Name]; len(pids) > 0 {
			if err := wire(h, pids[0], rack[0]); err != nil {
				return err
			}
		}
	}
	if err := wireRoot(rack[0]); err != nil {
		return err
	}
	for _, h := range hosts {
		if pids := found[h.Name]; len(pids) > 0 {
			if err := waitLinks(ctx, l, h, pids[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

// waitLinks returns when the host's supervisor has taken the links that there
// are into use.
func waitLinks(ctx context.Context, l layout, h host, pid int) error {
	for _, link := range h.Links {
		for {
			end, err := peerOf(pid, link.Name)
			if err != nil {
				return fmt.Errorf("look at %s of host %s: %w", link.Name, h.Name, err)
			}
			status := readStatus(l, h.Name, pid)
			if end.index != 0 && status.Links[link.Name] == end.index {
				break
			}
			if err := sleep(ctx, pollEvery); err != nil {
				return fmt.Errorf("%s of host %s does not work: %w: %s", link.Name, h.Name, err, tail(l.hostLog(h.Name)))
			}
		}
	}
	return nil
}

// everything stands for all services of a host.
const everything = ""

// waitHost returns when the named service of the host can be used.
func waitHost(ctx context.Context, l layout, h host, name string) error {
	for {
		pids, err := supervisors(string(l))
		if err != nil {
			return err
		}
		if len(pids[h.Name]) == 0 {
			return fmt.Errorf("host %s did not start: %s", h.Name, tail(l.hostLog(h.Name)))
		}
		states := readStatus(l, h.Name, pids[h.Name][0]).Services
		if waitsFor(states, name) == "" {
			return nil
		}
		for _, s := range states {
			// Services wait for those before them, so any of these blocks it.
			if s.State == StateBackOff && s.Failures >= hopeless {
				return fmt.Errorf("%s on host %s fails again and again (%s): %s",
					s.Name, h.Name, s.Message, tail(serviceLog(l, h.Name, s.Name)))
			}
		}
		if err := sleep(ctx, pollEvery); err != nil {
			blocker := waitsFor(states, name)
			return fmt.Errorf("%s on host %s is not ready: %w: %s",
				blocker, h.Name, err, tail(serviceLog(l, h.Name, blocker)))
		}
	}
}

// waitsFor names the first service that is not ready, "" if all are.
func waitsFor(states []ServiceStatus, name string) string {
	if len(states) == 0 {
		return networkState
	}
	for _, s := range states {
		if (name == everything || s.Name == name) && s.State != StateReady && s.State != StateDone {
			return s.Name
		}
	}
	return ""
}

func serviceLog(l layout, host, service string) string {
	if service == networkState {
		return l.hostLog(host)
	}
	return filepath.Join(l.host(host), "log", service+".log")
}

// tail returns the end of a log, for an error message.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "no log"
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return fmt.Sprintf("see %s, which ends:\n%s", path, strings.Join(lines[max(0, len(lines)-8):], "\n"))
}
