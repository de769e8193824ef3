package cases

import (
	"fmt"

	"github.com/netassay/netassay/internal/suggest"
)

// Source is the text of the embedded file of a case. The error names the nearest cases.
func Source(name string) ([]byte, error) {
	text, err := files.ReadFile("data/" + name + ".txtar")
	if err == nil {
		return text, nil
	}
	all, loadErr := Load()
	if loadErr != nil {
		return nil, fmt.Errorf("read case %s: %w", name, loadErr)
	}
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name
	}
	return nil, suggest.Unknown("case", name, names)
}
