package engines_test

import (
	"testing"

	"github.com/netassay/netassay/engines"
)

type plain struct{ engines.Node }

type wrapped struct{ engines.Node }

func (w wrapped) Unwrap() engines.Node { return w.Node }

type chainer struct{ engines.Node }

func (chainer) Chain(engines.Plugin) {}

// What a node stands for is found, however deep; what hides it is not looked through.
func TestAs(t *testing.T) {
	for name, tc := range map[string]struct {
		node  engines.Node
		finds bool
	}{
		"itself": {chainer{}, true}, "wrapped": {wrapped{chainer{}}, true}, "twice": {wrapped{wrapped{chainer{}}}, true},
		"another": {plain{}, false}, "wrapped another": {wrapped{plain{}}, false}, "hidden": {plain{chainer{}}, false},
	} {
		if got, ok := engines.As[engines.Chainer](tc.node); ok != tc.finds || ok && got == nil {
			t.Errorf("%s: %v, %t", name, got, ok)
		}
	}
}
