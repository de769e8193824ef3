package cases

import (
	"cmp"
	"embed"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/netassay/netassay/internal/suggest"
)

//go:embed data/*.txtar
var files embed.FS

// Load reads the embedded cases, sorted by name. An error names file, line and cure; all
// errors of all files are reported together, one line each.
func Load() ([]Case, error) { return LoadFS(files, "data/*.txtar") }

// LoadFS reads the case files that a pattern of fs.Glob matches, as Load does.
func LoadFS(fsys fs.FS, pattern string) ([]Case, error) {
	names, err := fs.Glob(fsys, pattern)
	if err != nil {
		return nil, err
	}
	var all []Case
	var errs []error
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		c, err := Parse(path.Base(name), data)
		all, errs = append(all, c), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Case) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// Source is the text of the embedded file of a case. The error names the nearest cases.
func Source(name string) ([]byte, error) {
	text, err := files.ReadFile("data/" + name + ".txtar")
	if err == nil {
		return text, nil
	}
	names, _ := fs.Glob(files, "data/*.txtar") // the pattern is valid
	for i, n := range names {
		names[i] = strings.TrimSuffix(path.Base(n), ".txtar")
	}
	return nil, suggest.Unknown("case", name, names)
}
