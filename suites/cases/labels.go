package cases

import (
	"maps"
	"slices"
	"strings"
)

// labelList prints label changes as " color=blue old-", as kubectl label takes them.
func labelList(labels map[string]*string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		if v := labels[k]; v != nil {
			b.WriteString(" " + k + "=" + *v)
		} else {
			b.WriteString(" " + k + "-")
		}
	}
	return b.String()
}
