package iptsim

import (
	"errors"
	"fmt"
	"strings"
)

// words splits a line at blanks. Quotes, which hold words together, are in no text of ours.
func words(line string) ([]string, error) {
	if strings.Contains(line, `"`) {
		return nil, errors.New("a quote")
	}
	return strings.Fields(line), nil
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
