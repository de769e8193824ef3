package plan

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
)

// SetPrefix starts the name of every ipset that the enforcer owns, ChainPrefix that of
// every chain. Nothing else with these prefixes may live on a node: at clean-up and at
// repair what carries them and is not in the plan is removed.
const (
	SetPrefix   = "npe-"
	ChainPrefix = "NPE-"
)

// The fixed chains, present in every plan.
const (
	ChainForward = ChainPrefix + "FWD"  // from FORWARD: traffic of local pods
	ChainHost    = ChainPrefix + "HOST" // from INPUT: local pods to their own node
	ChainEgress  = ChainPrefix + "EG"   // by source, into a namespace's egress chain
	ChainIngress = ChainPrefix + "IN"   // by destination, into a namespace's ingress chain
)

// Longest names that the kernel takes.
const (
	maxSetName   = 31
	maxChainName = 28
)

// hashLen is the length of a name's hash in base32 characters: 100 bits. Names of 63 and
// 253 bytes do not fit into the kernel's names, and short hashes have collided in the
// field (https://github.com/Azure/azure-container-networking/issues/4611).
const hashLen = 20

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:hashLen]
}

// namer gives every key its own name. Should two keys ever have the same hash, the later
// one in the order of compilation is hashed again with a counter; both stay enforced.
type namer struct {
	hash  func(string) string
	names map[string]string // key → name
	taken map[string]bool
}

func newNamer(hash func(string) string) namer {
	return namer{hash: hash, names: map[string]string{}, taken: map[string]bool{}}
}

// name returns prefix and hash for a key. The key must start with whatever tells it from
// other kinds of keys.
func (n namer) name(prefix, key string) string {
	if name, ok := n.names[key]; ok {
		return name
	}
	name := prefix + n.hash(key)
	for i := 1; n.taken[name]; i++ {
		name = prefix + n.hash(key+"\x00"+strconv.Itoa(i))
	}
	n.names[key], n.taken[name] = name, true
	return name
}
