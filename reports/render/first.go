package render

import (
	"fmt"
	"strings"
)

// FirstOf lists names, and says how many more there are of count than the most that are told:
// "a, b and 3 more". Of those beyond, the names need not be known.
func FirstOf(names []string, most, count int) string {
	told := names[:min(most, len(names))]
	list := strings.Join(told, ", ")
	if more := count - len(told); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}
