package watch

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/netassay/netassay/model"
)

// TestTrim: what is held stays, in its order, and takes no more room than it needs.
func TestTrim(t *testing.T) {
	w := New(&Clients{}, "n")
	w.ledger.now = func() time.Time { return time.Unix(1000, 0) }
	made := func(i int) *pod {
		return &pod{record: model.Pod{
			Namespace: "x", Name: fmt.Sprintf("p%d", i), UID: fmt.Sprint(i), Labels: map[string]string{"app": fmt.Sprint(i % 500)},
			IPs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})},
		}}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		do(w.pods.Add(made(i)))
	}
	for i := range 990 {
		do(w.pods.Delete(made(i)))
	}
	before, _ := w.Peek()
	w.Trim()
	after, _ := w.Peek()
	if diff := cmp.Diff(before, after, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" || len(after.Pods) != 10 {
		t.Errorf("%d pods after it (-before +after):\n%s", len(after.Pods), diff)
	}
	if cap(w.pods.items) > 10 || cap(w.pods.keys) > 10 {
		t.Errorf("room for %d pods and %d keys, want 10", cap(w.pods.items), cap(w.pods.keys))
	}
	if _, labels := w.Sizes(); w.Held() != 10 || labels != 10 {
		t.Errorf("%d objects with %d label sets are held, want 10 of each", w.Held(), labels)
	}
	for i := 990; i < 1000; i++ {
		do(w.pods.Add(made(i)))
		do(w.pods.Delete(made(i)))
	}
	if _, labels := w.Sizes(); w.Held() != 0 || labels != 0 {
		t.Errorf("%d objects with %d label sets are left", w.Held(), labels)
	}
}
