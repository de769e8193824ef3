package kindconfigs

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Default is the configuration that is used when nobody names one.
const Default = "dual"

// extension is that of a configuration's file.
const extension = ".yaml"

// Names are the names of all configurations, in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil // the files are part of the program
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), extension)
	}
	slices.Sort(names) // a name that begins another one's comes first, unlike its file
	return names
}

// Config is the configuration called name, as kind's v1alpha4 YAML.
func Config(name string) ([]byte, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("find kind configuration %q: valid are %s", name, strings.Join(Names(), ", "))
	}
	return files.ReadFile(name + extension)
}
