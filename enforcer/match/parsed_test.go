package match

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What was parsed is kept as long as somebody asks for it, errors too.
func TestParsedIsKeptWhileItIsAskedFor(t *testing.T) {
	var c Parsed
	kept := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	bad := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Near"}}}
	left := &metav1.LabelSelector{}
	for round, asked := range [][]*metav1.LabelSelector{{kept, bad, left, nil}, {kept, bad}, {kept}, {}} {
		for _, s := range asked {
			got, err := c.Parse(s)
			want, wantErr := ParseSelector(s)
			if got.Key() != want.Key() || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("round %d: %v is %q, %v, want %q, %v", round, s, got.Key(), err, want.Key(), wantErr)
			}
		}
		if c.Sweep(); len(c.known) != len(asked) {
			t.Errorf("round %d: %d are kept, want %d", round, len(c.known), len(asked))
		}
	}
}
