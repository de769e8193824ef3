package page

import (
	"fmt"
	"math"
	"slices"
)

// Chart is a chart and the table behind it, which says the same to those who can't see it.
type Chart struct {
	ID     string   `json:"id"` // unique in the page; letters, digits and hyphens
	Title  string   `json:"-"`
	Says   string   `json:"-"` // what can be seen in it, in a sentence
	X      Axis     `json:"x"`
	Y      Axis     `json:"y"`
	Series []Series `json:"series"`
	Marks  []Mark   `json:"marks,omitempty"`
	// Stack puts bars of one place on top of each other, in the order of the series.
	Stack  bool  `json:"stack,omitempty"`
	Behind Table `json:"-"`
}

func (Chart) template() string { return "chart" }

// point adds a point to the line of a name, which is a new one when there is none yet.
func (c *Chart) point(name string, x, y float64) {
	i := slices.IndexFunc(c.Series, func(s Series) bool { return s.Name == name })
	if i < 0 {
		i = len(c.Series)
		c.Series = append(c.Series, Series{Name: name, Shape: Line})
	}
	s := &c.Series[i]
	s.X, s.Y = append(s.X, x), append(s.Y, &y)
}

// Axis is one of a chart's two.
type Axis struct {
	Label string   `json:"label"`
	Unit  string   `json:"unit,omitempty"`  // "ms", "B", "%"; of a time, "time" for seconds since 1970
	Log   bool     `json:"log,omitempty"`   // values above 0 only
	Names []string `json:"names,omitempty"` // of the places 0, 1, … of an axis without numbers
	Zero  bool     `json:"zero,omitempty"`  // the axis begins at 0
	Most  float64  `json:"most,omitempty"`  // and shows this much at least, so that charts beside each other compare
}

// Shape is how the points of a series are joined.
type Shape string

// The shapes of series.
const (
	Line   Shape = "line"
	Steps  Shape = "steps" // of distributions: a value holds until the next
	Points Shape = "points"
	Bars   Shape = "bars"
	Band   Shape = "band" // between Y and Low, without a line
)

// Series are the points of one kind in a chart. X ascends. A Y that is nil is a gap.
type Series struct {
	Name  string `json:"name"`
	Shape Shape  `json:"shape"`
	Tone  Tone   `json:"tone,omitempty"`  // by default a colour of its own
	Faint bool   `json:"faint,omitempty"` // what others are held against, as a floor
	// Hollow points are drawn as rings. Colour is one of the chart's colours, from 1 on: series
	// that belong together have the same. 0 is the next.
	Hollow bool       `json:"hollow,omitempty"`
	Colour int        `json:"colour,omitempty"`
	X      []float64  `json:"x"`
	Y      []*float64 `json:"y"`
	Low    []*float64 `json:"low,omitempty"` // of a band
}

// Mark is a line across a chart at one X, with a word to it.
type Mark struct {
	X    float64 `json:"x"`
	Text string  `json:"text"`
	Tone Tone    `json:"tone,omitempty"`
}

// charts are all of the document, as its script draws them.
func (d *Document) charts() ([]Chart, error) {
	out := []Chart{}
	seen := map[string]bool{}
	for _, s := range d.Sections {
		for _, c := range chartsOf(s.Blocks) {
			if seen[c.ID] {
				return nil, fmt.Errorf("two charts are called %q", c.ID)
			}
			seen[c.ID] = true
			series := make([]Series, 0, len(c.Series))
			for _, s := range c.Series {
				if len(s.X) != len(s.Y) || !slices.IsSorted(s.X) {
					return nil, fmt.Errorf("chart %s: series %q has %d x for %d y, or they don't ascend", c.ID, s.Name, len(s.X), len(s.Y))
				}
				s.X, s.Y, s.Low = rounded(s.X), roundedAll(s.Y), roundedAll(s.Low)
				series = append(series, s)
			}
			c.Series = series
			out = append(out, c)
		}
	}
	return out, nil
}

// chartsOf are the charts among blocks, those in groups included.
func chartsOf(blocks []Block) []Chart {
	var out []Chart
	for _, b := range blocks {
		switch b := b.(type) {
		case Chart:
			out = append(out, b)
		case Group:
			out = append(out, chartsOf(b)...)
		}
	}
	return out
}

// precise is v with the digits that a chart can show: what is written is shorter so.
func precise(v float64) float64 {
	if v == 0 || math.Abs(v) > 1e6 { // a time, or bytes: whole ones
		return math.Round(v)
	}
	scale := math.Pow(10, 4-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

func rounded(values []float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = precise(v)
	}
	return out
}

func roundedAll(values []*float64) []*float64 {
	if values == nil {
		return nil
	}
	out := make([]*float64, len(values))
	for i, v := range values {
		if v != nil && !math.IsInf(*v, 0) && !math.IsNaN(*v) {
			r := precise(*v)
			out[i] = &r
		}
	}
	return out
}
