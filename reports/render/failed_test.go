package render

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/netassay/netassay/internal/golden"
	v1 "github.com/netassay/netassay/reports/v1"
)

// painted marks what a terminal would colour.
type painted struct{ bytes.Buffer }

func (*painted) Good(text string) string     { return "<good " + text + ">" }
func (*painted) Bad(text string) string      { return "<bad " + text + ">" }
func (*painted) Doubtful(text string) string { return "<doubtful " + text + ">" }

// manyWrong is a case of which more is wrong than is told at once.
func manyWrong() *v1.Case {
	c := failed().Cases[0]
	s := c.Steps[0]
	for range 4 {
		for i := range s.Cells {
			if cell := s.Cells[i]; cell.Outcome == v1.Fail {
				cell.Course = "1-c@1 1+d@2 1-c@3 1+d@4 1-c@5 99+d@6..400"
				s.Cells = append(s.Cells, cell)
				break
			}
		}
	}
	c.Steps = []v1.Step{s}
	return &c
}

func TestFailed(t *testing.T) {
	one := failed().Cases[0]
	var got txtar.Archive
	for _, f := range []struct {
		name string
		c    *v1.Case
	}{
		{"one", &one},
		{"many", manyWrong()},
		{"defect", &v1.Case{Name: "odd", Title: "A case that can't be played", Outcome: v1.Error, Reason: "do the step: refused"}},
	} {
		var b bytes.Buffer
		if err := Failed(&b, f.c, "results/page.html"); err != nil {
			t.Fatal(err)
		}
		got.Files = append(got.Files, txtar.File{Name: f.name + ".txt", Data: b.Bytes()})
	}
	var colours painted
	if err := Failed(&colours, &one, "results/page.html"); err != nil {
		t.Fatal(err)
	}
	if err := Text(&colours, void()); err != nil {
		t.Fatal(err)
	}
	got.Files = append(got.Files, txtar.File{Name: "colours.txt", Data: colours.Bytes()})
	golden.Check(t, filepath.Join("testdata", "failed.txtar"), txtar.Format(&got))
}

func TestCourseWords(t *testing.T) {
	want := []string{
		"connected 7 times from 0 to 38 ms, wrong", "dropped 30 times from 45 to 1200 ms, right", "inconclusive at -2 ms, proves nothing",
		"refused 2 times at 9 ms, wrong", "unreachable at 10 ms, wrong",
	}
	if diff := cmp.Diff(want, courseWords("7-c@0..38 30+d@45..1200 1?i@-2 2-r@9 odd 1-x@3 -c@3 1-u@10")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
