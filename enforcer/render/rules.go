package render

import (
	"bufio"
	"crypto/sha256"
	"encoding/base32"
	"io"
	"strings"

	"github.com/netassay/netassay/enforcer/plan"
)

// Table is the only table of iptables that the enforcer touches.
const Table = "mangle"

// HashMark starts the comment that carries a chain's content hash.
const HashMark = "npe:"

// hashLen is the length of a content hash in base32 characters: 100 bits.
const hashLen = 20

// Transaction is one commit of iptables-restore --noflush: the chains in it are replaced
// whole, everything else in the table is left alone.
type Transaction struct {
	Chains []plan.Chain // declared (= created or flushed) and filled
	Delete []string     // chains that nothing refers to once Chains are in place
	Hooks  []plan.Hook  // jumps that are missing from built-in chains; inserted at the top
}

// Full is the transaction that brings an empty table to the family's plan.
func Full(p plan.FamilyPlan) Transaction {
	return Transaction{Chains: p.Chains, Hooks: p.Hooks}
}

// Rules writes a transaction as input for iptables-restore --noflush or its IPv6 twin. An
// empty transaction writes nothing.
func Rules(w io.Writer, tx Transaction) error {
	if len(tx.Chains)+len(tx.Delete)+len(tx.Hooks) == 0 {
		return nil
	}
	b := bufio.NewWriter(w)
	line(b, "*", Table)
	for _, c := range tx.Chains {
		line(b, ChainDeclaration(c.Name))
	}
	for _, name := range tx.Delete {
		line(b, ChainDeclaration(name))
	}
	for _, c := range tx.Chains {
		writeChain(b, c)
	}
	for _, h := range tx.Hooks {
		line(b, HookInsert(h))
	}
	for _, name := range tx.Delete {
		line(b, "-X ", name)
	}
	line(b, "COMMIT")
	return b.Flush()
}

// ChainDeclaration is the line that creates the chain, or flushes it when it exists.
func ChainDeclaration(name string) string { return ":" + name + " - [0:0]" }

// HookInsert is the line that puts a hook's jump first in its built-in chain. It must be
// written only when HookSpec is not there yet: a hook is never deleted and re-inserted.
func HookInsert(h plan.Hook) string { return "-I " + h.From + " " + HookSpec(h) }

// HookSpec is the hook's rule as iptables -C and -S spell it, without the chain.
func HookSpec(h plan.Hook) string { return "-j " + h.To }

// ChainLines are the chain's rules as -A lines, in order, with the chain's content hash in
// a comment on the last one.
func ChainLines(c plan.Chain) []string {
	var sb strings.Builder
	b := bufio.NewWriter(&sb)
	writeChain(b, c)
	if err := b.Flush(); err != nil { // a strings.Builder never fails
		panic(err)
	}
	return strings.Split(strings.TrimSuffix(sb.String(), "\n"), "\n")
}

// ChainHash is the content hash of a chain's name and rules. Two chains with equal hashes
// hold the same rules; the kernel's copy is recognised by it, because iptables-save does
// not print rules the way they were written.
func ChainHash(c plan.Chain) string {
	h := sha256.New()
	_, _ = io.WriteString(h, c.Name)
	for _, r := range c.Rules {
		_, _ = io.WriteString(h, "\n"+r)
	}
	return strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil)))[:hashLen]
}

// HashOf finds the content hash in one line of iptables-save. ok is false when the line
// carries none.
func HashOf(saved string) (hash string, ok bool) {
	_, rest, ok := strings.Cut(saved, HashMark)
	if !ok || len(rest) < hashLen {
		return "", false
	}
	return rest[:hashLen], true
}

func writeChain(b *bufio.Writer, c plan.Chain) {
	for i, r := range c.Rules {
		if i < len(c.Rules)-1 {
			line(b, "-A ", c.Name, " ", r)
			continue
		}
		line(b, "-A ", c.Name, " -m comment --comment ", HashMark, ChainHash(c), " ", r)
	}
}

// line writes the parts and a newline. Errors stick in the bufio.Writer until Flush.
func line(b *bufio.Writer, parts ...string) {
	for _, p := range parts {
		_, _ = b.WriteString(p)
	}
	_ = b.WriteByte('\n')
}
