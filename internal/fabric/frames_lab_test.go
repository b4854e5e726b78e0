//go:build lab

package fabric

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wire is the guest's end of a tap: whole frames go in and come out.
type wire struct {
	name string
	file *os.File
}

// open takes the guest's end of a tap, making the tap if it is not there.
func (p *pnode) open(t testing.TB, name string) *wire {
	t.Helper()
	var fd int
	var err error
	p.inside(func() {
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
			return
		}
		var request *unix.Ifreq
		if request, err = unix.NewIfreq(name); err != nil {
			return
		}
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	})
	if err != nil {
		t.Fatalf("open tap %s: %v", name, err)
	}
	w := &wire{name: name, file: os.NewFile(uintptr(fd), name)}
	t.Cleanup(func() { w.file.Close() })
	return w
}

func (w *wire) send(t testing.TB, frame []byte) {
	t.Helper()
	if _, err := w.file.Write(frame); err != nil {
		t.Fatalf("send on %s: %v", w.name, err)
	}
}

// receive returns the first frame with mark in it that arrives in time, or nil.
func (w *wire) receive(t testing.TB, mark string, within time.Duration) []byte {
	t.Helper()
	if err := w.file.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 65536)
	for {
		n, err := w.file.Read(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			t.Fatalf("receive on %s: %v", w.name, err)
		}
		if bytes.Contains(buffer[:n], []byte(mark)) {
			return bytes.Clone(buffer[:n])
		}
	}
}

// silent fails when any frame at all arrives within a moment.
func (w *wire) silent(t testing.TB) {
	t.Helper()
	if f := w.receive(t, "", 100*time.Millisecond); f != nil {
		t.Errorf("%s receives %x, nothing may", w.name, f)
	}
}

const (
	macA     = "52:54:00:00:00:0a"
	macB     = "52:54:00:00:00:0b"
	macC     = "52:54:00:00:00:0c"
	macFar   = "52:54:00:00:00:fa"
	everyone = "ff:ff:ff:ff:ff:ff"
)

func mac(s string) []byte {
	hw, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return hw
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func u16(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }

func pad(frame []byte) []byte {
	return append(frame, make([]byte, max(0, 60-len(frame)))...)
}

// plain is a frame of the ethertype for experiments, with mark as its content.
func plain(dst, src, mark string) []byte {
	return pad(join(mac(dst), mac(src), u16(0x88b5), []byte(mark)))
}

// tagged puts VLAN headers of a kind into a frame, the outermost first.
func tagged(frame []byte, kind int, vlans ...int) []byte {
	tags := []byte{}
	for i, v := range vlans {
		if i > 0 {
			kind = 0x8100
		}
		tags = join(tags, u16(kind), u16(v))
	}
	return join(frame[:12], tags, frame[12:])
}

func ipv4(s string) []byte {
	a := netip.MustParseAddr(s).As4()
	return a[:]
}

// arp says that the sender's address is at the sender's MAC.
func arp(src, senderMAC, sender, target, mark string) []byte {
	return pad(join(mac(everyone), mac(src), u16(0x0806), u16(1), u16(0x0800), []byte{6, 4}, u16(1),
		mac(senderMAC), ipv4(sender), make([]byte, 6), ipv4(target), []byte(mark)))
}

func udp(dst, src, from, to string, fromPort, toPort int, mark string) []byte {
	content := join(u16(fromPort), u16(toPort), u16(8+len(mark)), u16(0), []byte(mark))
	header := join([]byte{0x45, 0}, u16(20+len(content)), u16(1), u16(0), []byte{64, 17}, u16(0), ipv4(from), ipv4(to))
	binary.BigEndian.PutUint16(header[10:], checksum(header))
	return pad(join(mac(dst), mac(src), u16(0x0800), header, content))
}

// icmp6 is an ICMPv6 message to all nodes.
func icmp6(src string, kind byte, mark string) []byte {
	from := netip.MustParseAddr("fe80::1").As16()
	to := netip.MustParseAddr("ff02::1").As16()
	content := join([]byte{kind, 0, 0, 0, 0, 0, 0, 0}, []byte(mark))
	return pad(join(mac("33:33:00:00:00:01"), mac(src), u16(0x86dd), []byte{0x60, 0, 0, 0}, u16(len(content)),
		[]byte{58, 255}, from[:], to[:], content))
}

func checksum(header []byte) uint16 {
	var sum uint32
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
