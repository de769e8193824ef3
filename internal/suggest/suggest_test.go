package suggest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNearest(t *testing.T) {
	engines := []string{"reference", "none", "deny-all", "azure-npm"}
	for _, tc := range []struct {
		name string
		want []string
	}{
		{"refrence", []string{"reference"}},
		{"non", []string{"none"}},
		{"denyall", []string{"deny-all"}},
		{"npm", []string{"azure-npm"}},
		{"NONE", []string{"none"}},
		{"calico", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Nearest(tc.name, engines)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNearestOffersAtMostThree(t *testing.T) {
	if got := Nearest("case", []string{"case1", "case2", "case3", "case4"}); len(got) != 3 {
		t.Errorf("got %d names, want 3: %v", len(got), got)
	}
}

func TestUnknownListsAllWhenNoneIsNear(t *testing.T) {
	got := Unknown("engine", "calico", []string{"reference", "none"}).Error()
	if want := `unknown engine "calico": valid are reference, none`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"abc", "abc", 0}} {
		if got := distance(tc.a, tc.b); got != tc.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}
