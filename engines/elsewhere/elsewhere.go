package elsewhere

import (
	"embed"
	"io/fs"

	"github.com/netassay/netassay/engines/profile"
)

//go:embed *.yaml
var known embed.FS

// Profiles are those of all of them, by name.
func Profiles() (all []profile.Profile) {
	entries, err := fs.ReadDir(known, ".")
	for _, e := range entries {
		var text []byte
		if text, err = known.ReadFile(e.Name()); err != nil {
			break
		}
		all = append(all, profile.Must(text))
	}
	if err != nil {
		panic(err) // they are part of the program
	}
	return all
}
