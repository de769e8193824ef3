//go:build mutants

package mutants

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// chains are those of mangle into which a mutant's rules go, and from where they are reached.
var chains = map[string]string{"FWD": "FORWARD", "IN": "INPUT", "OUT": "OUTPUT"}

const prefix = "MUTANT-"

// raw are rules before the enforcer's own.
type raw struct {
	rules []string // that stay
	log   *slog.Logger

	mu     sync.Mutex
	hooked map[string]bool // by tool
}

// of is the text of the rules of a tool's family, each after action: "-A", "-I" or "-D".
func of(tool, action string, rules []string) string {
	var b strings.Builder
	six := strings.HasPrefix(tool, "ip6")
	for _, r := range rules {
		family, rest, _ := strings.Cut(r, " ")
		switch {
		case family == "4" && six, family == "6" && !six:
			continue
		case family == "4", family == "6":
			r = rest
		}
		fmt.Fprintf(&b, "%s %s%s\n", action, prefix, r)
	}
	return b.String()
}

// hook puts the rules before the enforcer's, which are there now. tool is the -restore of a
// family; a second call does nothing.
func (r *raw) hook(ctx context.Context, tool string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hooked[tool] {
		return nil
	}
	if r.hooked == nil {
		r.hooked = map[string]bool{}
	}
	r.hooked[tool] = true
	var b strings.Builder
	b.WriteString("*mangle\n")
	for name := range chains {
		fmt.Fprintf(&b, ":%s%s - [0:0]\n", prefix, name)
	}
	b.WriteString(of(tool, "-A", r.rules))
	for name, from := range chains {
		fmt.Fprintf(&b, "-I %s -j %s%s\n", from, prefix, name)
	}
	b.WriteString("COMMIT\n")
	return restore(ctx, tool, b.String())
}

// unhook removes all that any mutant has put into a node.
func unhook(ctx context.Context) {
	for _, tool := range []string{"iptables", "ip6tables"} {
		for name, from := range chains {
			for _, args := range [][]string{{"-D", from, "-j", prefix + name}, {"-F", prefix + name}, {"-X", prefix + name}} {
				// What is not there can't be removed.
				_ = exec.CommandContext(ctx, tool, append([]string{"-w", "5", "-t", "mangle"}, args...)...).Run()
			}
		}
	}
}

func restore(ctx context.Context, tool, text string) error {
	cmd := exec.CommandContext(ctx, tool, "-w", "5", "--noflush")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %s with %q: %w: %s", tool, text, err, out)
	}
	return nil
}

// hole has rules stand before all others for a while. One process makes and removes them, so
// that a short while is short.
func (r *raw) hole(after, lasts time.Duration, rules ...string) {
	time.AfterFunc(after, func() {
		for _, tool := range []string{"iptables-restore", "ip6tables-restore"} {
			go func() {
				if err := r.through(tool, lasts, rules); err != nil {
					r.log.Error("hole failed", "error", err)
				}
			}()
		}
	})
}

func (r *raw) through(tool string, lasts time.Duration, rules []string) error {
	made := of(tool, "-I", rules)
	if made == "" {
		return nil
	}
	cmd := exec.Command(tool, "-w", "5", "--noflush")
	var said strings.Builder
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(in, "*mangle\n%sCOMMIT\n", made) // Wait tells of a tool that has ended
	r.log.Info("hole", "lasts", lasts, "rules", rules)
	<-time.After(lasts)
	_, _ = fmt.Fprintf(in, "*mangle\n%sCOMMIT\n", of(tool, "-D", rules))
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("run %s: %w: %s", tool, err, &said)
	}
	return nil
}
