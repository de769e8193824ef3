package asserttest_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netassay/netassay/reach/assert/asserttest"
	"github.com/netassay/netassay/reach/mutate"
)

// fewest is how many shapes of policies that people publish there must be.
const fewest = 20

// slowest is what a shape may take on paper, mistakes left aside.
const slowest = time.Second

// Small reproductions of what people publish keep what is expected of them, each in a moment, and
// the mistakes that could be made in them are noticed.
func TestShapes(t *testing.T) {
	paths, err := filepath.Glob("../../../examples/assert/shapes/*.yaml")
	if err != nil || len(paths) < fewest {
		t.Fatalf("%d shapes, want %d at least (%v)", len(paths), fewest, err)
	}
	var all mutate.Matrix
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			began := time.Now()
			asserttest.Files(t, path)
			if took := time.Since(began); took > slowest {
				t.Errorf("took %s on paper, want %s at most", took, slowest)
			} else {
				t.Logf("%s on paper", took.Round(time.Millisecond))
			}
			all.Mistakes = append(all.Mistakes, asserttest.Mutate(t, 90, path).Mistakes...)
		})
	}
	var b strings.Builder
	if err := all.Table(&b); err != nil {
		t.Fatal(err)
	}
	kinds, _, _ := strings.Cut(b.String(), "POLICY")
	t.Logf("%d shapes: %d of %d mistakes that change a flow are noticed, %d change none\n%s",
		len(paths), all.Count(mutate.Noticed), all.Count(mutate.Noticed)+all.Count(mutate.Unnoticed), all.Count(mutate.Same), kinds)
}
