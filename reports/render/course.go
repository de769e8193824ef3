package render

import (
	"fmt"
	"strings"
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

// inWords reads a word, as "7-c@0..38".
func inWords(word string) (string, bool) {
	shows, at, ok := strings.Cut(word, "@")
	if !ok || len(shows) < 3 {
		return "", false
	}
	n, proof, sight := shows[:len(shows)-2], proofs[shows[len(shows)-2]], sights[shows[len(shows)-1]]
	if proof == "" || sight == "" {
		return "", false
	}
	first, last, several := strings.Cut(at, "..")
	switch {
	case several:
		return fmt.Sprintf("%s %s times from %s to %s ms, %s", sight, n, first, last, proof), true
	case n == "1":
		return fmt.Sprintf("%s at %s ms, %s", sight, first, proof), true
	}
	return fmt.Sprintf("%s %s times at %s ms, %s", sight, n, first, proof), true
}
