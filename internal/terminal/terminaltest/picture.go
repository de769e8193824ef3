package terminaltest

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// picture is what a terminal shows, with all that has left it at the top.
type picture struct {
	columns int
	rows    [][]rune
	row, at int // of the cursor

	unbroken bool // lines that are too long lose what is too much
	pending  string
	odd      []string // sequences that it does not know
}

// write takes what was written next, which may end within a character or a sequence.
func (p *picture) write(text string) {
	text = p.pending + text
	p.pending = ""
	for text != "" {
		if text[0] == 0x1b {
			end := strings.IndexFunc(text, func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' })
			if end < 0 {
				p.pending = text
				return
			}
			p.sequence(text[:end+1])
			text = text[end+1:]
			continue
		}
		if !utf8.FullRuneInString(text) {
			p.pending = text
			return
		}
		r, n := utf8.DecodeRuneInString(text)
		p.put(r)
		text = text[n:]
	}
}

func (p *picture) sequence(s string) {
	switch {
	case s == "\x1b[J":
		p.grow()
		p.rows[p.row] = p.rows[p.row][:min(p.at, len(p.rows[p.row]))]
		p.rows = p.rows[:p.row+1]
	case s == "\x1b[?7l" || s == "\x1b[?7h":
		p.unbroken = s == "\x1b[?7l"
	case strings.HasSuffix(s, "m"): // colour
	default:
		p.odd = append(p.odd, s)
	}
}

func (p *picture) put(r rune) {
	p.grow()
	switch r {
	case '\r':
		p.at = 0
		return
	case '\n':
		p.row++
		p.grow()
		return
	}
	switch {
	case p.at < p.columns:
	case p.unbroken:
		p.at--
	default:
		p.row, p.at = p.row+1, 0
		p.grow()
	}
	row := p.rows[p.row]
	for len(row) <= p.at {
		row = append(row, ' ')
	}
	row[p.at] = r
	p.rows[p.row] = row
	p.at++
}

func (p *picture) grow() {
	for len(p.rows) <= p.row {
		p.rows = append(p.rows, nil)
	}
}

// resize breaks rows that are too long. The cursor stays with its character.
func (p *picture) resize(columns int) {
	p.columns = columns
	for i := 0; i < len(p.rows); i++ {
		if len(p.rows[i]) <= columns {
			continue
		}
		rest := slices.Clone(p.rows[i][columns:])
		p.rows[i] = p.rows[i][:columns]
		p.rows = slices.Insert(p.rows, i+1, rest)
		switch {
		case p.row > i:
			p.row++
		case p.row == i && p.at >= columns:
			p.row, p.at = p.row+1, p.at-columns
		}
	}
}
