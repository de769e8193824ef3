package render

import (
	"bufio"
	"crypto/sha256"
	"hash"
	"io"
	"strings"

	"github.com/netassay/netassay/enforcer/plan"
)

// Table is the only table of iptables that the enforcer touches.
const Table = "mangle"

// HashMark starts the comment that carries a chain's content hash.
const HashMark = "npe:"

// Transaction is one commit of iptables-restore --noflush: the chains in it are replaced
// whole, everything else in the table is left alone.
type Transaction struct {
	Chains []plan.Chain     // declared (= created or flushed) and filled
	Names  Names            // of sets that the chains refer to
	Delete []plan.ChainName // chains that nothing refers to once Chains are in place
	Hook   []Jump           // those that are missing; a jump is never deleted and inserted again
	Unhook []Jump
}

// Jump leads from a built-in chain to one of ours, and matches every packet.
type Jump struct {
	From string
	To   plan.ChainName
}

// JumpOf is the jump that makes a hook.
func JumpOf(h plan.Hook) Jump { return Jump{From: paths[h.From], To: h.To} }

// Spec is the jump as iptables -C and -S spell it, without the chain.
func (j Jump) Spec() string { return "-j " + string(j.To) }

// Full is the transaction that brings an empty table to the family's plan.
func Full(p plan.FamilyPlan) Transaction {
	tx := Transaction{Chains: p.Chains}
	for _, h := range p.Hooks {
		tx.Hook = append(tx.Hook, JumpOf(h))
	}
	return tx
}

// Empty reports whether there is nothing to commit.
func (tx Transaction) Empty() bool {
	return len(tx.Chains)+len(tx.Delete)+len(tx.Hook)+len(tx.Unhook) == 0
}

// Rules writes a transaction as input for iptables-restore --noflush or its IPv6 twin. An
// empty transaction writes nothing. Jumps are inserted at the top of their chain.
func Rules(w io.Writer, tx Transaction) error {
	if tx.Empty() {
		return nil
	}
	b := bufio.NewWriter(w)
	line(b, "*", Table)
	for _, c := range tx.Chains {
		declare(b, c.Name)
	}
	for _, name := range tx.Delete {
		declare(b, name)
	}
	for _, c := range tx.Chains {
		writeChain(b, c, tx.Names)
	}
	for _, j := range tx.Hook {
		line(b, "-I ", j.From, " ", j.Spec())
	}
	for _, j := range tx.Unhook {
		line(b, "-D ", j.From, " ", j.Spec())
	}
	for _, name := range tx.Delete {
		line(b, "-X ", string(name))
	}
	line(b, "COMMIT")
	return b.Flush()
}

// declare writes the line that creates the chain, or flushes it when it exists.
func declare(b *bufio.Writer, name plan.ChainName) { line(b, ":", string(name), " - [0:0]") }

// ChainHash is the content hash of a chain's name and rules, in which sets have these names.
// Two chains with equal hashes hold the same rules; the kernel's copy is recognised by it,
// because iptables-save does not print rules the way they were written.
func ChainHash(c plan.Chain, names Names) string {
	h := newHash(c.Name)
	var text []byte
	for _, r := range c.Rules {
		text = appendRule(append(text[:0], '\n'), r, names)
		_, _ = h.Write(text)
	}
	return plan.Digest(h.Sum(nil))
}

// newHash is what the chain's rules are added to, each after a newline.
func newHash(name plan.ChainName) hash.Hash {
	h := sha256.New()
	_, _ = io.WriteString(h, string(name))
	return h
}

// HashOf finds the content hash in one line of iptables-save. ok is false when the line
// carries none.
func HashOf(saved string) (hash string, ok bool) {
	_, rest, ok := strings.Cut(saved, HashMark)
	if !ok || len(rest) < plan.DigestLen {
		return "", false
	}
	return rest[:plan.DigestLen], true
}

// writeChain writes the chain's rules, with its content hash in a comment on the last one.
func writeChain(b *bufio.Writer, c plan.Chain, names Names) {
	h := newHash(c.Name)
	lead := "-A " + string(c.Name) + " "
	var text []byte
	for i, r := range c.Rules {
		text = appendRule(append(text[:0], '\n'), r, names)
		_, _ = h.Write(text)
		if i == len(c.Rules)-1 {
			lead += "-m comment --comment " + HashMark + plan.Digest(h.Sum(nil)) + " "
		}
		_, _ = b.WriteString(lead)
		_, _ = b.Write(append(text[1:], '\n'))
	}
}

// line writes the parts and a newline. Errors stick in the bufio.Writer until Flush.
func line(b *bufio.Writer, parts ...string) {
	for _, p := range parts {
		_, _ = b.WriteString(p)
	}
	_ = b.WriteByte('\n')
}
