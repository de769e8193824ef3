package reference

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/engines"
	"github.com/netassay/netassay/model"
)

// here is a node whose network is the test's own.
type here struct{ engines.Node }

func (here) Name() string             { return "n1" }
func (here) Do(fn func() error) error { return fn() }

func TestAsk(t *testing.T) {
	flow := model.Flow{Client: netip.MustParseAddr("10.0.0.1"), Server: netip.MustParseAddr("10.0.1.2"), Protocol: "TCP", Port: 80}
	for _, tc := range []struct {
		name, answer string
		status       int
		want         []string
		err          string
	}{
		{
			"of the server's node", `{"node":"n1","verdict":"dropped","egress":{"verdict":"not judged","reason":"not judged here"},"ingress":{"verdict":"dropped","reason":"dropped: x/b is isolated by x/in, and no rule matches","isolatedBy":["x/in"]}}`,
			200,
			[]string{"ingress on n1: dropped: x/b is isolated by x/in, and no rule matches"},
			"",
		},
		{
			"of both ends", `{"node":"n1","egress":{"verdict":"allowed","reason":"A"},"ingress":{"verdict":"allowed","reason":"B"}}`,
			200,
			[]string{"egress on n1: A", "ingress on n1: B"},
			"",
		},
		{"of another node", `{"node":"n1","egress":{"verdict":"not judged"},"ingress":{"verdict":"not judged"}}`, 200, nil, ""},
		{"refused", "another flow is being explained: ask again", 429, nil, "status 429: another flow"},
		{"no answer", "ok", 200, nil, "read the answer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.URL.Path + " " + r.URL.Query().Get("flow"); got != "/explain 10.0.0.1,10.0.1.2,TCP,80" {
					t.Errorf("asked %s", got)
				}
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.answer))
			}))
			defer agent.Close()
			got, err := ask(t.Context(), here{}, agent.URL, flow)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
		})
	}
	if _, err := (&Engine{}).Explain(context.Background(), flow); err == nil {
		t.Error("an engine that was not started explains a flow")
	}
}
