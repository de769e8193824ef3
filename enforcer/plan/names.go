package plan

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
)

// SetName is the name of a set, at most 31 bytes.
type SetName string

// ChainName is the name of a chain, at most 28 bytes.
type ChainName string

// SetPrefix starts the name of every set that the enforcer owns, ChainPrefix that of
// every chain. Nothing else with these prefixes may live on a node: at clean-up and at
// repair what carries them and is not in the plan is removed.
const (
	SetPrefix   = "npe-"
	ChainPrefix = "NPE-"
)

// The fixed chains, present in every plan.
const (
	ChainEntry   ChainName = ChainPrefix + "PRE"  // of what is Entering: is it from whom it says?
	ChainForward ChainName = ChainPrefix + "FWD"  // of what is Forwarded: traffic of local pods
	ChainHost    ChainName = ChainPrefix + "HOST" // of what is ToNode: local pods to their own node
	ChainEgress  ChainName = ChainPrefix + "EG"   // by source, into a namespace's egress chain
	ChainIngress ChainName = ChainPrefix + "IN"   // by destination, into a namespace's ingress chain
)

// Longest names that the kernel takes.
const (
	maxSetName   = 31
	maxChainName = 28
)

// DigestLen is the length of a Digest: 100 bits. Names of 63 and 253 bytes do not fit into
// the kernel's names, and short hashes have collided in the field
// (https://github.com/Azure/azure-container-networking/issues/4611).
const DigestLen = 20

// Digest is the beginning of a hash in characters that names may have.
func Digest(sum []byte) string {
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum))[:DigestLen]
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return Digest(sum[:])
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

// chain names a chain that is reached from another.
func (n namer) chain(from ChainName, key string) ChainName {
	return ChainName(n.name(string(from)+"-", "chain "+key))
}

// name returns prefix and hash for a key. The key must start with whatever tells it from
// other kinds of keys.
func (n namer) name(prefix, key string) string { return n.assign(prefix, key, n.hash(key)) }

// assign is name for a key whose hash is known.
func (n namer) assign(prefix, key, hash string) string {
	if name, ok := n.names[key]; ok {
		return name
	}
	name := prefix + hash
	for i := 1; n.taken[name]; i++ {
		name = prefix + n.hash(key+"\x00"+strconv.Itoa(i))
	}
	n.names[key], n.taken[name] = name, true
	return name
}
