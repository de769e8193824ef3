package nodeimage

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"runtime"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/internal/image"
)

// Repository is the name of node images, without a tag.
const Repository = "netassay/node"

// Label marks node images of this project.
const Label = "io.netassay.node"

// The module whose files make a Debian system a node of kind. The sum is that of go.sum.
const (
	kindModule  = "sigs.k8s.io/kind"
	kindVersion = "v0.33.0"
	kindSum     = "h1:AjvDv3vOygb/VKLVQW87lfktIBzkxR8Ump9DjxC8+Lk="
)

// The Debian release that nodes run, and where its packages come from.
const (
	suite  = "bookworm"
	mirror = "http://deb.debian.org/debian"
)

// packages are the Debian packages of a node, beside the essential ones.
func packages() []string {
	return []string{
		"systemd", "systemd-sysv", "dbus", // the init that kind starts
		"runc", "libseccomp2", // for containerd
		"iptables", "ipset", "nftables", "netbase", "iproute2", "conntrack", "ethtool", "socat", // for Kubernetes, and engines that use the node's
		"kmod", "procps", "jq", "ca-certificates", "rsync", "hostname", "util-linux", "mount", "curl", // for kind's scripts
	}
}

// steps are the sources of what is done with the inputs. They are an input as well, as are
// those of internal/image: a step that changes makes another image.
//
//go:embed build.go debian.go kindfiles.go programs.go images.go preload_linux.go
var steps embed.FS

// Hash identifies all that goes into the image: the steps, Debian's packages by name (their
// versions are those of the day on which the image was built), kind's module by its sum, and
// each program by its modules and flags.
func Hash() string {
	h := sha256.New()
	add := func(words ...string) {
		for _, w := range words {
			fmt.Fprintf(h, "%d:%s", len(w), w)
		}
	}
	add(runtime.GOARCH, suite, kindVersion, kindSum, image.Recipe())
	add(packages()...)
	for _, n := range binaries.Node() {
		add(string(n), binaries.Key(n))
	}
	for _, e := range embedded(steps.ReadDir(".")) {
		add(e.Name(), string(embedded(steps.ReadFile(e.Name()))))
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// baseHash identifies the Debian system that the image starts from.
func baseHash() string {
	h := sha256.New()
	fmt.Fprintln(h, runtime.GOARCH, suite, packages())
	h.Write(embedded(steps.ReadFile("debian.go")))
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// embedded is what was read of files that are part of the program.
func embedded[T any](t T, err error) T {
	if err != nil {
		panic(err)
	}
	return t
}
