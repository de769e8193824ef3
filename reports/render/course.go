package render

import (
	"fmt"
	"strings"

	v1 "github.com/netassay/netassay/reports/v1"
)

// courseWords is a course, as v1.Cell has it, in words: "connected 7 times from 0 to 38 ms, wrong".
// A word that it can't read is left out: what it says is in the course itself.
func courseWords(course string) []string {
	var rows []string
	for word := range strings.FieldsSeq(course) {
		if row, ok := inWords(word); ok {
			rows = append(rows, row)
		}
	}
	return rows
}

var (
	proofs = map[byte]string{'+': "right", '-': "wrong", '?': "proves nothing"}
	sights = map[byte]string{'c': "connected", 'd': "dropped", 'r': "refused", 'u': "unreachable", 'i': "inconclusive"}
)

// inWords tells a word, as "7-c@0..38".
func inWords(word string) (string, bool) {
	s, ok := v1.ReadStretch(word)
	proof, sight := proofs[s.Proof], sights[s.Seen]
	if !ok || proof == "" || sight == "" {
		return "", false
	}
	first, last := s.From.Milliseconds(), s.To.Milliseconds()
	switch {
	case first != last:
		return fmt.Sprintf("%s %d times from %d to %d ms, %s", sight, s.Count, first, last, proof), true
	case s.Count == 1:
		return fmt.Sprintf("%s at %d ms, %s", sight, first, proof), true
	}
	return fmt.Sprintf("%s %d times at %d ms, %s", sight, s.Count, first, proof), true
}
