package measure

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Sets are what the ipsets of a network namespace hold and cost.
type Sets struct {
	Sets    int
	Entries int
	// Bytes is what ipset says ("Size in memory"), and the array of buckets that it
	// leaves out: a pointer for each of its hashsize.
	Bytes int64
}

const pointerSize = 8

// ReadSets lists the sets whose names start with prefix. do runs a function in the network
// namespace.
func ReadSets(ctx context.Context, do func(func() error) error, prefix string) (Sets, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "ipset", "list", "-t")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := do(cmd.Run); err != nil {
		return Sets{}, fmt.Errorf("list ipsets: %w: %s", err, strings.TrimSpace(errs.String()))
	}
	return parseSets(out.String(), prefix)
}

func parseSets(text, prefix string) (Sets, error) {
	var s Sets
	ours := false
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		if name == "Name" {
			ours = strings.HasPrefix(value, prefix)
			if ours {
				s.Sets++
			}
		}
		if !ours {
			continue
		}
		if err := s.add(name, value); err != nil {
			return s, fmt.Errorf("read ipset listing: %s: %w", name, err)
		}
	}
	return s, lines.Err()
}

func (s *Sets) add(name, value string) error {
	switch name {
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
