package measure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Rules are the packet filter's rules of a network namespace, everybody's.
type Rules struct {
	Rules int // of iptables and ip6tables, as their -save lists them
	Bytes int // of that text; the kernel's own form is accounted to the cgroup of who wrote it
	NFT   int // lines of nftables' own listing without the members of sets
}

// ReadRules lists the rules. do runs a function in the network namespace.
func ReadRules(ctx context.Context, do func(func() error) error) (Rules, error) {
	var r Rules
	var errs []error
	for _, tool := range []string{"iptables-save", "ip6tables-save"} {
		text, err := Output(ctx, do, tool)
		errs = append(errs, err)
		r.Rules += strings.Count(text, "\n-A ")
		r.Bytes += len(text)
	}
	text, err := Output(ctx, do, "nft", "-t", "list", "ruleset")
	r.NFT = strings.Count(text, "\n")
	if err := errors.Join(append(errs, err)...); err != nil {
		return r, fmt.Errorf("list rules: %w", err)
	}
	return r, nil
}

// Output is what a command prints; its error has what it says of one. do runs a function in
// the network namespace.
func Output(ctx context.Context, do func(func() error) error, argv ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := do(cmd.Run); err != nil {
		return "", fmt.Errorf("run %s: %w: %s", argv[0], err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// Sets are what the ipsets of a network namespace hold and cost.
type Sets struct {
	Sets    int
	Entries int
	// Bytes is what ipset says ("Size in memory"), and the array of buckets that it
	// leaves out: a pointer for each of its hashsize.
	Bytes int64
}

const pointerSize = 8

// ReadSets lists the sets. do runs a function in the network namespace.
func ReadSets(ctx context.Context, do func(func() error) error) (Sets, error) {
	text, err := Output(ctx, do, "ipset", "list", "-t")
	if err != nil {
		return Sets{}, fmt.Errorf("list ipsets: %w", err)
	}
	return parseSets(text)
}

func parseSets(text string) (Sets, error) {
	var s Sets
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if err := s.add(name, value); err != nil {
			return s, fmt.Errorf("read ipset listing: %s: %w", name, err)
		}
	}
	return s, nil
}

func (s *Sets) add(name, value string) error {
	switch name {
	case "Name":
		s.Sets++
	case "Size in memory":
		n, err := strconv.ParseInt(value, 10, 64)
		s.Bytes += n
		return err
	case "Number of entries":
		n, err := strconv.Atoi(value)
		s.Entries += n
		return err
	case "Header":
		_, after, ok := strings.Cut(value, "hashsize ")
		if !ok {
			return nil
		}
		size, _, _ := strings.Cut(after, " ")
		n, err := strconv.ParseInt(size, 10, 64)
		s.Bytes += n * pointerSize
		return err
	}
	return nil
}
