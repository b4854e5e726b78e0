package lab

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"
)

// qemuConf lets libvirtd run guests in a namespace without security drivers,
// control groups or virtlogd, which belong to the machine.
const qemuConf = `security_driver = "none"
user = "root"
group = "root"
dynamic_ownership = 1
remember_owner = 0
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
`

// libvirtdConf needs no polkit: only root of the host reaches the socket.
const libvirtdConf = `auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_ro_perms = "0700"
unix_sock_rw_perms = "0700"
log_outputs = "3:stderr"
host_uuid = "%s"
`

// writeConfig writes libvirt's configuration into the host's folder, anew at
// each start of the host.
func writeConfig(h host) error {
	if !h.runsAgent() {
		return nil
	}
	dir := filepath.Join(insideHost, "etc/libvirt")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte("quarry lab host " + h.Name))
	id, err := uuid.FromBytes(sum[:16])
	if err != nil {
		return err
	}
	files := map[string]string{
		"qemu.conf":     qemuConf,
		"libvirtd.conf": fmt.Sprintf(libvirtdConf, id),
		"libvirt.conf":  "uri_default = \"qemu:///system\"\n",
	}
	for name, content := range files {
		if err := writeFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
