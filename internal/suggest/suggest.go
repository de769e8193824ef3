// Package suggest finds the valid names nearest to one that a user typed wrong, so that
// every "unknown X" says what would have been right.
//
// It decides nearness only. It must never print or read anything.
package suggest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// most is how many names an error line offers.
const most = 3

// Nearest returns at most three of valid that are close to name, nearest first. Names
// that contain it or start like it count as close, as do small edit distances.
func Nearest(name string, valid []string) []string {
	type scored struct {
		name string
		dist int
	}
	var close []scored
	for _, v := range valid {
		d := distance(strings.ToLower(name), strings.ToLower(v))
		if strings.Contains(strings.ToLower(v), strings.ToLower(name)) {
			d = min(d, 2)
		}
		if d <= max(2, len(name)/3) {
			close = append(close, scored{v, d})
		}
	}
	slices.SortFunc(close, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.dist, b.dist), cmp.Compare(a.name, b.name))
	})
	var names []string
	for _, c := range close[:min(most, len(close))] {
		names = append(names, c.name)
	}
	return names
}

// Unknown is the error for a name of the given kind that is not among valid: it offers
// the nearest names, or all of them when none is near and they are few.
func Unknown(kind, name string, valid []string) error {
	near := Nearest(name, valid)
	switch {
	case len(near) > 0:
		return fmt.Errorf("unknown %s %q: did you mean %s?", kind, name, strings.Join(near, ", "))
	case len(valid) <= 12:
		return fmt.Errorf("unknown %s %q: valid are %s", kind, name, strings.Join(valid, ", "))
	default:
		return fmt.Errorf("unknown %s %q: none of the %d valid names is near", kind, name, len(valid))
	}
}

// OneOf refuses a name of the given kind that is not among valid.
func OneOf(kind, name string, valid ...string) error {
	if slices.Contains(valid, name) {
		return nil
	}
	return Unknown(kind, name, valid)
}

// distance is the Levenshtein distance of a and b in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
