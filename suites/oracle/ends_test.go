package oracle_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	netv1 "k8s.io/api/networking/v1"

	"github.com/netassay/netassay/model"
	"github.com/netassay/netassay/suites/oracle"
)

// A policy can decide a flow when it selects the client and is about egress, or the server and
// about ingress.
func TestDeciding(t *testing.T) {
	s := world()
	s.Policies = []*netv1.NetworkPolicy{
		policy(t, "{podSelector: {}, policyTypes: [Egress]}", "x", "out"),
		policy(t, "{podSelector: {}, policyTypes: [Ingress]}", "x", "in"),
		policy(t, "{podSelector: {matchLabels: {pod: b}}}", "y", "b-in"),
		policy(t, "{podSelector: {matchLabels: {pod: a}}}", "y", "a-in"),
	}
	for _, tc := range []struct {
		flow model.Flow
		want []string
	}{
		{flow(xa, yb, "TCP", 80), []string{"out", "b-in"}},
		{flow(ya, xb, "TCP", 80), []string{"in"}},
		{flow(outside, yb, "TCP", 80), []string{"b-in"}},
		{flow(xa, outside, "TCP", 80), []string{"out"}},
		{flow(za, outside, "TCP", 80), nil},
		{flow(xa, xa, "TCP", 80), nil},
	} {
		var got []string
		for _, p := range oracle.Deciding(s, tc.flow) {
			got = append(got, p.Name)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.flow, diff)
		}
	}
}
