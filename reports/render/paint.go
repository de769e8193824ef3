package render

import v1 "github.com/netassay/netassay/reports/v1"

// painter is a writer that can show what is right, wrong and in doubt by colour.
type painter interface {
	Good(text string) string
	Bad(text string) string
	Doubtful(text string) string
}

// unpainted is text as it is.
type unpainted struct{}

func (unpainted) Good(text string) string     { return text }
func (unpainted) Bad(text string) string      { return text }
func (unpainted) Doubtful(text string) string { return text }

// outcome is text about an outcome, in its colour where the writer has any.
func (t *text) outcome(o v1.Outcome, text string) string {
	switch o {
	case v1.Pass:
		return t.paint.Good(text)
	case v1.Fail, v1.Error:
		return t.paint.Bad(text)
	case v1.Inconclusive, v1.Unfinished:
		return t.paint.Doubtful(text)
	case v1.Skipped, v1.NotSupported:
	}
	return text
}

// verdict is text about a verdict, the same.
func (t *text) verdict(v v1.Verdict, text string) string {
	switch v {
	case v1.VerdictPass:
		return t.paint.Good(text)
	case v1.VerdictFail:
		return t.paint.Bad(text)
	case v1.VerdictVoid:
		return t.paint.Doubtful(text)
	}
	return text
}
