package render

import "testing"

func TestFirstOf(t *testing.T) {
	for _, tc := range []struct {
		names       []string
		most, count int
		want        string
	}{
		{nil, 3, 0, ""},
		{[]string{"a", "b"}, 3, 2, "a, b"},
		{[]string{"a", "b", "c"}, 2, 3, "a, b and 1 more"},
		{[]string{"a", "b"}, 3, 7, "a, b and 5 more"},
	} {
		if got := FirstOf(tc.names, tc.most, tc.count); got != tc.want {
			t.Errorf("%v of %d: %q, want %q", tc.names, tc.count, got, tc.want)
		}
	}
}
