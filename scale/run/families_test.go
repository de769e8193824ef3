package run

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/engines/azurenpm"
	"github.com/netassay/netassay/engines/calico"
	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/scale/profile"
)

// dual is a cluster of two families.
type dual struct{ clusters.Cluster }

func (dual) Families() []model.Family { return []model.Family{model.IPv4, model.IPv6} }

// What an engine lacks is not measured, also where that is no excuse and suites judge it.
func TestFamiliesThatTheEngineHas(t *testing.T) {
	for _, tc := range []struct {
		engine engines.Engine
		load   model.Families
		want   []model.Family
	}{
		{calico.New("/bin/x"), model.Dual, []model.Family{model.IPv4, model.IPv6}},
		{calico.New("/bin/x"), model.OnlyIPv6, []model.Family{model.IPv6}},
		{azurenpm.New("/bin/x"), model.Dual, []model.Family{model.IPv4}},
		{nil, model.Dual, []model.Family{model.IPv4, model.IPv6}},
	} {
		c := Config{Guest: &Guest{Cluster: dual{}}, Profile: profile.Profile{Families: tc.load}, Engine: tc.engine}
		if diff := cmp.Diff(tc.want, c.families()); diff != "" {
			t.Errorf("%v, a load of %v (-want +got):\n%s", tc.engine, tc.load, diff)
		}
	}
}
