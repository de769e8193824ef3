package cases_test

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/netassay/netassay/suites/cases"
)

// asValue compares JSON by what it says.
var asValue = cmp.Transformer("JSON", func(text json.RawMessage) (v any) {
	if err := json.Unmarshal(text, &v); err != nil {
		panic(err)
	}
	return v
})

// Every case of the catalogue is the same when it is written and read again.
func TestFormatRoundTrip(t *testing.T) {
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		text, err := cases.Format(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := cases.Parse(c.Name+".txtar", text)
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			continue
		}
		opts := cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.IgnoreFields(cases.Expect{}, "Line"), asValue}
		if diff := cmp.Diff(c, again, opts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.Name, diff)
		}
	}
}
