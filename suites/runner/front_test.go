package runner

import (
	"testing"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
)

// Whoever goes by whatever Service and port: a correct engine passes, one without policies
// fails what denies.
func TestServicesOfCases(t *testing.T) {
	for _, tc := range []struct {
		want  v1.Outcome
		cases []string
	}{
		{v1.Pass, []string{"service-*", "nodeport-*"}},
		{v1.Fail, []string{"service-target-port*", "service-own-port", "service-headless", "service-after-policy", "nodeport-deny-*", "nodeport-local-*"}},
	} {
		t.Run(string(tc.want), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				if tc.want == v1.Fail {
					w.verdict = func(model.Flow) model.Verdict { return model.Allow }
				}
				expectAll(t, w.run(t, w.config(loadCases(t, tc.cases...)...)), tc.want)
			})
		})
	}
}
