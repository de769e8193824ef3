package diff

import (
	_ "embed" // the template
	"html/template"
	"io"
)

//go:embed diff.html.tmpl
var page string

// HTML writes the report as one page that asks for nothing from anywhere.
func (r *Report) HTML(w io.Writer) error {
	t, err := template.New("diff").Funcs(template.FuncMap{
		"headline": r.headline, "sums": r.sums, "verdict": func(s Side) string { return s.verdict() },
		"repeats": func(f Figure) string { return f.repeats() }, "word": func(f Figure) string { return f.verdict() }, "known": quoted, "plural": plural,
	}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, r)
}
