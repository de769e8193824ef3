package runner

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/suites/cases"
)

// Skips keep cases from being played and say why. Unlike cases that a Selection leaves out,
// they are in the report. It is a pflag.Value: CASES=REASON, once for each.
type Skips []Skip

// Skip is the cases that match a name or glob (path.Match), and why they are not played.
type Skip struct{ Cases, Reason string }

// Set adds one.
func (s *Skips) Set(text string) error {
	glob, reason, _ := strings.Cut(text, "=")
	if reason = strings.TrimSpace(reason); reason == "" {
		return fmt.Errorf("the reason is missing, write it as in '%s=issue 12: not enforced yet'", glob)
	}
	if _, err := path.Match(glob, ""); err != nil {
		return err
	}
	*s = append(*s, Skip{glob, reason})
	return nil
}

// Type is what --help calls the value.
func (*Skips) Type() string { return "CASES=REASON" }

func (s *Skips) String() string {
	var all []string
	for _, k := range *s {
		all = append(all, k.Cases+"="+k.Reason)
	}
	return strings.Join(all, ", ")
}

// reason is why the case is not to be played, "" when it is.
func (s Skips) reason(name string) string {
	i := slices.IndexFunc(s, func(k Skip) bool { return matches(k.Cases, name) })
	if i < 0 {
		return ""
	}
	return s[i].Reason
}

// Check refuses a pattern that no case matches.
func (s Skips) Check(all []cases.Case) error {
	for _, k := range s {
		if err := knownCase(k.Cases, all); err != nil {
			return err
		}
	}
	return nil
}

// knownCase refuses a pattern that no case matches.
func knownCase(glob string, all []cases.Case) error {
	var names []string
	for _, c := range all {
		if names = append(names, c.Name); matches(glob, c.Name) {
			return nil
		}
	}
	return suggest.Unknown("case", glob, names)
}

// Shard is the i-th of n parts of the cases, counted from 1; the zero value is all. Each case is
// in one part, whatever their order. It is a pflag.Value: i/n.
type Shard struct{ I, N int }

// Set reads i/n.
func (s *Shard) Set(text string) error {
	var read Shard
	if _, err := fmt.Sscanf(text, "%d/%d", &read.I, &read.N); err != nil || read.String() != text || read.I < 1 || read.I > read.N {
		return fmt.Errorf("write i/n with 1 <= i <= n, as in 2/5")
	}
	*s = read
	return nil
}

// Type is what --help calls the value.
func (*Shard) Type() string { return "i/n" }

func (s *Shard) String() string {
	if s.N == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.I, s.N)
}

// Of are the cases of the shard, by name.
func (s Shard) Of(all []cases.Case) ([]cases.Case, error) {
	if s.N == 0 {
		return all, nil
	}
	var part []cases.Case
	sorted := slices.SortedFunc(slices.Values(all), func(a, b cases.Case) int { return cmp.Compare(a.Name, b.Name) })
	for k, c := range sorted {
		if k%s.N == s.I-1 {
			part = append(part, c)
		}
	}
	if len(part) == 0 {
		return nil, fmt.Errorf("shard %s of %d cases is empty: make fewer shards", s.String(), len(all))
	}
	return part, nil
}
