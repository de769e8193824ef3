package measure

import (
	"context"
	"fmt"
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
