package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
)

// Document is what a page says, in its order.
type Document struct {
	Title  string // of the window
	Kind   string // what made it, as "netassay conformance"
	Name   string // what it is about, as the name of an engine
	Lead   string // a sentence on when and where
	Badge  Badge
	Alerts []string // what has to be known before anything is believed, one line each
	Source string   // what it is derived from; "" is the records beside it

	Sections []Section

	// cells are what the explorer of a conformance run shows.
	cells *cells
	// versus is what a comparison of engines shows of their cases.
	versus *versus
}

// Badge is the verdict of a page.
type Badge struct {
	Text string
	Tone Tone
}

// Tone is what something means to a reader; each has a colour, which never says it alone.
type Tone string

// The tones.
const (
	Plain Tone = ""
	Good  Tone = "good"
	Bad   Tone = "bad"  // a leak, or any failure
	Warn  Tone = "warn" // an outage
	Odd   Tone = "odd"  // inconclusive, unfinished
)

// Section is a part of a page with a heading, and a link in the page's list of sections.
type Section struct {
	ID     string // unique in the page; letters and hyphens
	Title  string
	Note   string // a sentence on how to read it
	Blocks []Block
}

// Block is a piece of a section: Tiles, Facts, Table, Chart, Lanes, Code, Mount or a Group of them.
type Block interface{ template() string }

// Tiles are the few figures that are read first.
type Tiles []Tile

// Tile is a figure; Note says of what, and how many there were.
type Tile struct {
	Label, Value, Note string
	Tone               Tone
}

// Facts are names and values.
type Facts []Fact

// Fact is a value that has a name.
type Fact struct{ Name, Value string }

// Table is a table. Fold hides it behind its caption until it is asked for. Filter has the page's
// script put a search for each column above it.
type Table struct {
	Caption string
	Head    []Column
	Rows    [][]Cell
	Fold    bool
	Filter  bool
}

// Column is the head of a column; numbers stand to the right.
type Column struct {
	Name   string
	Number bool
}

// Columns are heads; a name that begins with # is of a column of numbers, and shown without it.
func Columns(names ...string) []Column {
	out := make([]Column, len(names))
	for i, n := range names {
		name, number := strings.CutPrefix(n, "#")
		out[i] = Column{name, number}
	}
	return out
}

// List is a table of one column; one of more than a few lines is folded where that is asked for.
func List(caption, head string, lines []string, fold bool) Table {
	const few = 3
	t := Table{Caption: caption, Head: Columns(head), Fold: fold && len(lines) > few}
	for _, l := range lines {
		t.Rows = append(t.Rows, []Cell{{Text: l}})
	}
	return t
}

// Cell is what stands in a table.
type Cell struct {
	Text string
	Tone Tone
	Code bool // set as code, its spaces kept
	Link string
}

// Group is blocks that stand beside each other where there is room.
type Group []Block

// Code is something to copy, as a command.
type Code string

// Mount is a place in which the page's script puts a part of its own.
type Mount struct{ Part, Label string }

func (Tiles) template() string { return "tiles" }
func (Facts) template() string { return "facts" }
func (Table) template() string { return "table" }
func (Group) template() string { return "group" }
func (Code) template() string  { return "code" }
func (Mount) template() string { return "mount" }

//go:embed page.tmpl
var templateText string

//go:embed built/page.js
var script string

//go:embed built/page.css
var styles string

// templates renders blocks by the names that they give.
var templates = template.Must(template.New("page").Funcs(template.FuncMap{
	"number": func(t Table, column int) bool { return column < len(t.Head) && t.Head[column].Number },
	"name":   func(b Block) string { return b.template() },
}).Parse(templateText))

// view is what the template of the whole page sees.
type view struct {
	*Document
	Policy string
	Styles template.CSS
	Script template.JS
	Data   template.HTML // base64, in which nothing has to be escaped
}

// Write writes the page.
func (d *Document) Write(w io.Writer) error {
	data, err := d.payload()
	if err != nil {
		return fmt.Errorf("pack data of the page: %w", err)
	}
	return templates.ExecuteTemplate(w, "page", view{
		Document: d, Policy: policy(), Styles: template.CSS(styles), Script: template.JS(script), Data: template.HTML(data),
	})
}

// policy lets the page run its own script and use its own styles, and fetch nothing.
func policy() string {
	return fmt.Sprintf("default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'", digest(script), digest(styles))
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}
