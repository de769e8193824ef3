// Package fake is a kernel.Runner over a simulated kernel: it reads the very text that the
// real tools would, keeps the state that they would make of it, and prints it back.
//
// It decides nothing about policies. What a line of text does is enforcer/iptsim's
// knowledge; one table of tests is run on this and on the real tools, so that it stays
// honest. It must never be more lenient than they are.
package fake

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/netassay/netassay/enforcer/iptsim"
	"github.com/netassay/netassay/enforcer/kernel"
)

// Kernel is a simulated kernel behind its tools. It is not safe for concurrent use.
type Kernel struct {
	Machine *iptsim.Machine

	// Fault, if set, is asked before each command. An error makes the command fail with
	// that text, having done nothing.
	Fault func(argv []string) error
	// Step, if set, is called after each line of ipset restore and each commit of
	// iptables-restore that took effect. An error ends the command there, as a kill
	// would.
	Step func(text string) error
	// Commands are the command lines so far.
	Commands []string
}

// New is a kernel without sets and rules.
func New() *Kernel {
	return &Kernel{Machine: iptsim.New()}
}

// Run implements kernel.Runner.
func (k *Kernel) Run(ctx context.Context, c kernel.Command) ([]byte, error) {
	k.Commands = append(k.Commands, strings.Join(c.Argv, " "))
	var in bytes.Buffer
	if c.Stdin != nil {
		if err := c.Stdin(&in); err != nil {
			return nil, failure(c, "", "", err)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, failure(c, "", "", err)
	}
	if k.Fault != nil {
		if err := k.Fault(c.Argv); err != nil {
			return nil, failure(c, in.String(), err.Error(), errors.New("exit status 1"))
		}
	}
	out, err := k.command(c.Argv, in.String())
	if err != nil {
		return nil, failure(c, in.String(), err.Error(), errors.New("exit status 1"))
	}
	return []byte(out), nil
}

func failure(c kernel.Command, stdin, stderr string, err error) error {
	return &kernel.RunError{Argv: c.Argv, Stdin: stdin, Stderr: stderr, Err: err}
}

func (k *Kernel) command(argv []string, in string) (string, error) {
	switch {
	case argv[0] == "ipset":
		return k.ipset(argv[1:], in)
	case strings.HasSuffix(argv[0], "-save") && slices.Equal(argv[1:], []string{"-t", "mangle"}):
		return k.save(familyOf(argv[0])), nil
	case strings.HasSuffix(argv[0], "tables") && len(argv) == 7 && slices.Equal(argv[1:6], []string{"-w", "5", "-t", "mangle", "-S"}):
		return k.list(familyOf(argv[0]), argv[6])
	case strings.HasSuffix(argv[0], "-restore") && slices.Equal(argv[1:], []string{"-w", "5", "--noflush"}):
		return "", k.restoreRules(familyOf(argv[0]), in)
	}
	return "", fmt.Errorf("fake: unknown command %q", argv)
}

func familyOf(tool string) iptsim.Family {
	if strings.HasPrefix(tool, "ip6tables") {
		return iptsim.IPv6
	}
	return iptsim.IPv4
}

func (k *Kernel) ipset(args []string, in string) (string, error) {
	switch strings.Join(args, " ") {
	case "list -n":
		return strings.Join(append(k.Machine.Sets(), ""), "\n"), nil
	case "restore":
		return "", k.restoreSets(in, false)
	case "restore -exist":
		return "", k.restoreSets(in, true)
	}
	if len(args) == 2 && args[0] == "save" {
		return k.saveSet(args[1])
	}
	if len(args) == 1 && args[0] == "-" {
		return k.interactive(in)
	}
	return "", fmt.Errorf("fake: unknown command ipset %q", args)
}

// interactive prints a prompt ahead of each command, at a terminal or not. The real one
// goes on after an error and answers 0: callers must be strict.
func (k *Kernel) interactive(in string) (string, error) {
	const prompt = "ipset> "
	var out strings.Builder
	for line := range strings.Lines(in) {
		words := strings.Fields(line)
		if len(words) != 2 || words[0] != "save" {
			return "", fmt.Errorf("fake: unknown line %q for ipset -", line)
		}
		saved, err := k.saveSet(words[1])
		if err != nil {
			return "", err
		}
		out.WriteString(prompt + saved)
	}
	out.WriteString(prompt)
	return out.String(), nil
}

func (k *Kernel) saveSet(name string) (string, error) {
	text, ok := k.Machine.SaveSet(name)
	if !ok {
		return "", errors.New("ipset v7.17: The set with the given name does not exist")
	}
	return text, nil
}

// restoreSets applies lines one by one, as ipset does: those before a bad one stay.
func (k *Kernel) restoreSets(in string, exist bool) error {
	n := 0
	for line := range strings.Lines(in) {
		n++
		line = strings.TrimSpace(line)
		if err := k.Machine.RestoreSets(strings.NewReader(line), exist); err != nil {
			return fmt.Errorf("ipset v7.17: Error in line %d: %w", n, err)
		}
		if err := k.step(line); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kernel) restoreRules(f iptsim.Family, in string) error {
	if err := k.Machine.RestoreRules(f, strings.NewReader(in)); err != nil {
		return fmt.Errorf("iptables-restore v1.8.9 (nf_tables): %w", err)
	}
	return k.step(in)
}

func (k *Kernel) step(text string) error {
	if k.Step == nil {
		return nil
	}
	return k.Step(text)
}

// list prints a chain of ours as iptables -S does.
func (k *Kernel) list(f iptsim.Family, chain string) (string, error) {
	rules, ok := k.Machine.Rules(f, chain)
	if !ok {
		return "", fmt.Errorf("iptables v1.8.9 (nf_tables): chain `%s' in table `mangle' is incompatible, use 'nft' tool", chain)
	}
	out := "-N " + chain + "\n"
	for _, r := range rules {
		out += "-A " + chain + " " + r + "\n"
	}
	return out, nil
}

// save prints the mangle table as iptables-save does.
func (k *Kernel) save(f iptsim.Family) string {
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	fmt.Fprintln(w, "# Generated by iptables-save v1.8.9\n*mangle")
	builtin := []string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}
	for _, c := range builtin {
		fmt.Fprintf(w, ":%s ACCEPT [0:0]\n", c)
	}
	own := k.Machine.Chains(f)
	for _, c := range own {
		fmt.Fprintf(w, ":%s - [0:0]\n", c)
	}
	for _, c := range slices.Concat(builtin, own) {
		rules, _ := k.Machine.Rules(f, c)
		for _, r := range rules {
			fmt.Fprintf(w, "-A %s %s\n", c, r)
		}
	}
	fmt.Fprintln(w, "COMMIT\n# Completed")
	_ = w.Flush() // a bytes.Buffer never fails
	return out.String()
}
