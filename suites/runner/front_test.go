package runner

import (
	"testing"

	"github.com/netassay/netassay/model"
	v1 "github.com/netassay/netassay/reports/v1"
	"github.com/netassay/netassay/suites/cases"
)

// Whoever goes by whatever Service and port: a correct engine passes, one without policies
// fails what denies.
func TestServicesOfCases(t *testing.T) {
	for _, tc := range []struct {
		want  v1.Outcome
		cases []string
	}{
		{v1.Pass, []string{"service-*", "nodeport-*", "outside-nodeport-*", "outside-balancer-*"}},
		{v1.Fail, []string{"service-target-port*", "service-own-port", "service-headless", "service-after-policy", "nodeport-deny-*", "nodeport-local-*", "outside-nodeport-local-*", "outside-nodeport-deny", "outside-balancer-[!h]*"}},
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

// A pod that a case makes has a Service when the case goes by Services.
func TestOnlyWhoIsDialledHasAService(t *testing.T) {
	for _, fronted := range []bool{false, true} {
		inWorld(t, func(t *testing.T, world *world) {
			a := newDeniedSet(t, world)
			a.fronted = fronted
			made := cases.Pod{Ref: cases.Ref{Namespace: "x", Name: "new"}, Node: 1, Made: true, Ports: cases.DefaultPorts()}
			if err := a.CreatePod(t.Context(), made); err != nil {
				t.Fatal(err)
			}
			if got := len(a.pod(made.Key()).by.ips) > 0; got != fronted {
				t.Errorf("the case goes by Services: %t, the pod has one: %t", fronted, got)
			}
		})
	}
}
