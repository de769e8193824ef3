package iptsim

import (
	"errors"
	"fmt"
	"strings"
)

// words splits a line at blanks. What stands between two quotes is one word, quotes included;
// there is no other way to quote in any text of ours.
func words(line string) ([]string, error) {
	var out []string
	parts := strings.Split(line, `"`)
	if len(parts)%2 == 0 {
		return nil, errors.New("a quote that does not end")
	}
	for i, part := range parts {
		if i%2 == 1 {
			out = append(out, `"`+part+`"`)
		} else {
			out = append(out, strings.Fields(part)...)
		}
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
