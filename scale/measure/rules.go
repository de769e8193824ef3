package measure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
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
