package profile

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/netassay/netassay/internal/suggest"
	"github.com/netassay/netassay/model"
)

// key is one key of a line: how it is read into a Profile and shown again.
type key struct {
	name string
	read func(p *Profile, value string) error
	show func(p *Profile) string
}

// parse reads key=value words, each key once.
func parse(p *Profile, words []string) error {
	keys, seen := profileKeys(), map[string]bool{}
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			return fmt.Errorf("%q is no key=value: write for example %s", word, keys[0].name+"="+keys[0].show(p))
		}
		i := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
		switch {
		case i < 0:
			names := make([]string, len(keys))
			for j, k := range keys {
				names[j] = k.name
			}
			return unknown("key", name, names)
		case seen[name]:
			return fmt.Errorf("%s: given twice, keep one", name)
		}
		seen[name] = true
		if err := keys[i].read(p, value); err != nil {
			return fmt.Errorf("%s=%s: %w", name, value, err)
		}
	}
	return nil
}

// unknown lists all valid names when none is near, however many.
func unknown(kind, name string, valid []string) error {
	if len(suggest.Nearest(name, valid)) == 0 {
		return fmt.Errorf("unknown %s %q: valid are %s", kind, name, strings.Join(valid, ", "))
	}
	return suggest.Unknown(kind, name, valid)
}

// whole is a key of a whole number from low to high.
func whole(name string, field func(*Profile) *int, low, high int) key {
	return key{
		name: name,
		read: func(p *Profile, value string) error {
			n, err := strconv.Atoi(value)
			if err != nil || n < low || n > high {
				return fmt.Errorf("give a whole number from %d to %d", low, high)
			}
			*field(p) = n
			return nil
		},
		show: func(p *Profile) string { return strconv.Itoa(*field(p)) },
	}
}

// number is a key of a decimal number from low to high.
func number(name string, field func(*Profile) *float64, low, high float64) key {
	return key{
		name: name,
		read: func(p *Profile, value string) error {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil || math.IsNaN(n) || n < low || n > high {
				return fmt.Errorf("give a number from %g to %g", low, high)
			}
			*field(p) = n + 0 // no negative zero
			return nil
		},
		show: func(p *Profile) string { return strconv.FormatFloat(*field(p), 'g', -1, 64) },
	}
}

// seedKey is the key of a seed.
func seedKey(field func(*Profile) *uint64) key {
	return key{
		name: "seed",
		read: func(p *Profile, value string) error {
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return fmt.Errorf("give a whole number from 0 to %d", uint64(math.MaxUint64))
			}
			*field(p) = n
			return nil
		},
		show: func(p *Profile) string { return strconv.FormatUint(*field(p), 10) },
	}
}

// choice is a key of one of some words.
func choice[S ~string](name string, field func(*Profile) *S, valid ...S) key {
	return key{
		name: name,
		read: func(p *Profile, value string) error {
			if !slices.Contains(valid, S(value)) {
				words := make([]string, len(valid))
				for i, v := range valid {
					words[i] = string(v)
				}
				return fmt.Errorf("give one of %s", strings.Join(words, ", "))
			}
			*field(p) = S(value)
			return nil
		},
		show: func(p *Profile) string { return string(*field(p)) },
	}
}

// share is one named part of a mix.
type share struct {
	name string
	n    *int
}

// maxShare bounds a share, so that sums of them are no trouble.
const maxShare = 1_000_000

// mix is a key of shares, "pod:60,ns:20"; what is not named has none.
func mix(name string, shares func(*Profile) []share) key {
	return key{
		name: name,
		read: func(p *Profile, value string) error { return readMix(shares(p), value) },
		show: func(p *Profile) string { return showMix(shares(p)) },
	}
}

func readMix(shares []share, value string) error {
	names, given := make([]string, len(shares)), map[string]int{}
	for i, s := range shares {
		names[i] = s.name
	}
	example := fmt.Sprintf("such as %s:60,%s:40", names[0], names[1])
	for part := range strings.SplitSeq(value, ",") {
		name, text, _ := strings.Cut(part, ":")
		if !slices.Contains(names, name) {
			return fmt.Errorf("%q is none of %s: give shares %s", name, strings.Join(names, ", "), example)
		}
		if _, twice := given[name]; twice {
			return fmt.Errorf("%s is given twice, keep one", name)
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > maxShare {
			return fmt.Errorf("the share of %s is no whole number from 0 to %d: give shares %s", name, maxShare, example)
		}
		given[name] = n
	}
	for _, s := range shares {
		*s.n = given[s.name]
	}
	return nil
}

func showMix(shares []share) string {
	var parts []string
	for _, s := range shares {
		parts = append(parts, fmt.Sprintf("%s:%d", s.name, *s.n))
	}
	return strings.Join(parts, ",")
}

func (t *Types) shares() []share { return []share{{"in", &t.In}, {"out", &t.Out}, {"both", &t.Both}} }
func (p *Peers) shares() []share { return []share{{"pod", &p.Pod}, {"ns", &p.NS}, {"ip", &p.IP}} }

// profileKeys are the keys of a Profile in the order of its line.
func profileKeys() []key {
	return []key{
		whole("nodes", func(p *Profile) *int { return &p.Nodes }, 0, MaxNodes),
		whole("pods", func(p *Profile) *int { return &p.Pods }, 0, MaxNodes*PerNode),
		whole("ns", func(p *Profile) *int { return &p.Namespaces }, 1, 100_000),
		whole("local", func(p *Profile) *int { return &p.Local }, 0, MaxLocal),
		whole("policies", func(p *Profile) *int { return &p.Policies }, 0, maxPolicies),
		whole("ports", func(p *Profile) *int { return &p.Ports }, 0, 100),
		whole("selectors", func(p *Profile) *int { return &p.Selectors }, 1, 100),
		mix("types", func(p *Profile) []share { return p.Types.shares() }),
		mix("peers", func(p *Profile) []share { return p.Peers.shares() }),
		whole("cidrs", func(p *Profile) *int { return &p.CIDRs }, 1, MaxCIDRs),
		number("except", func(p *Profile) *float64 { return &p.Except }, 0, MaxExcept),
		number("overlap", func(p *Profile) *float64 { return &p.Overlap }, 0, 1),
		choice("dedupe", func(p *Profile) *Dedupe { return &p.Dedupe }, Friendly, Hostile),
		choice("families", func(p *Profile) *model.Families { return &p.Families }, model.OnlyIPv4, model.OnlyIPv6, model.Dual),
		seedKey(func(p *Profile) *uint64 { return &p.Seed }),
	}
}
