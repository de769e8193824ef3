package kind

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// prefix begins the name of every cluster of ours, and so of its containers and network.
const prefix = "netassay-"

// The labels of the Docker network of a cluster of ours.
const (
	markLabel  = "dev.netassay.cluster" // the cluster's name
	stateLabel = "dev.netassay.state"   // the directory with the lock of its owner
	spaceLabel = "dev.netassay.space"   // the mount namespace in which that directory is
	// kindLabel is what kind's library puts on each node's container.
	kindLabel = "io.x-k8s.kind.cluster"
)

var validID = regexp.MustCompile(`^[a-z0-9]{1,20}$`)

// clusterName is the name of the cluster with an id.
func clusterName(id string) (string, error) {
	if !validID.MatchString(id) {
		return "", fmt.Errorf("cluster id %q is not made of 1 to 20 lower-case letters and digits", id)
	}
	return prefix + id, nil
}

// isOurs says that a name has the form of ours. It is never enough by itself to remove
// what carries it.
func isOurs(name string) bool {
	id, ok := strings.CutPrefix(name, prefix)
	return ok && validID.MatchString(id)
}

func randomID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// subnet6 is the IPv6 subnet of a cluster's Docker network: unique local, drawn from its
// name, so that two clusters hardly ever meet.
func subnet6(name string) netip.Prefix {
	sum := sha256.Sum256([]byte(name))
	var a [16]byte
	a[0] = 0xfd
	copy(a[1:8], sum[:])
	return netip.PrefixFrom(netip.AddrFrom16(a), 64)
}
