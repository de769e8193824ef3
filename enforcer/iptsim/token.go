package iptsim

import (
	"errors"
	"fmt"
	"strings"
)

// words splits a line as iptables-restore does: at blanks, double quotes hold a word
// together, a backslash inside quotes keeps the next character.
func words(line string) ([]string, error) {
	var out []string
	var word strings.Builder
	inWord, quoted, escaped := false, false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted, inWord = !quoted, true
		case !quoted && (r == ' ' || r == '\t'):
			if inWord {
				out = append(out, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quoted {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		out = append(out, word.String())
	}
	return out, nil
}

// cursor reads words one by one.
type cursor struct {
	words []string
	at    int
}

func (c *cursor) more() bool { return c.at < len(c.words) }

// next returns the next word, or an error that says what was expected.
func (c *cursor) next(what string) (string, error) {
	if !c.more() {
		return "", fmt.Errorf("the line ends where %s should be", what)
	}
	w := c.words[c.at]
	c.at++
	return w, nil
}
