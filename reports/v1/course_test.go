package v1

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStretches(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for _, tc := range []struct {
		course string
		want   []Stretch
	}{
		{"7-c@0..38 30+d@45..1200", []Stretch{{7, '-', 'c', 0, ms(38)}, {30, '+', 'd', ms(45), ms(1200)}}},
		{"1?i@-12 2+c@-10..-3", []Stretch{{1, '?', 'i', ms(-12), ms(-12)}, {2, '+', 'c', ms(-10), ms(-3)}}},
		{"", []Stretch{}},
		{"7-c@0..38 sleet", nil},
		{"7-c", nil},
		{"7-c@1..", nil},
		{"99999999999-c@1", nil},
	} {
		if diff := cmp.Diff(tc.want, (&Cell{Course: tc.course}).Stretches()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tc.course, diff)
		}
	}
}

func FuzzStretches(f *testing.F) {
	f.Add("7-c@0..38 30+d@45..1200")
	f.Add("1?i@-12")
	f.Fuzz(func(t *testing.T, course string) {
		for _, s := range (&Cell{Course: course}).Stretches() {
			if s.Count < 0 || s.Proof != '+' && s.Proof != '-' && s.Proof != '?' {
				t.Errorf("%q has the stretch %+v", course, s)
			}
		}
	})
}
