package agent

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/netassay/netassay/enforcer/watch"
)

// TestOneExplanationAtATime: whoever asks while a flow is explained is told to ask again, as
// each explanation takes as much memory as the plan.
func TestOneExplanationAtATime(t *testing.T) {
	a := New(Config{Clients: &watch.Clients{}})
	ask := func() int {
		w := httptest.NewRecorder()
		a.explain(w, httptest.NewRequest(http.MethodGet, ExplainPath+"?flow=10.0.0.1,10.0.0.2,TCP,80", nil))
		return w.Code
	}
	a.explains.Lock()
	if code := ask(); code != http.StatusTooManyRequests {
		t.Errorf("beside another: %d, want %d", code, http.StatusTooManyRequests)
	}
	a.explains.Unlock()
	for range 2 {
		if code := ask(); code != http.StatusServiceUnavailable {
			t.Errorf("alone, before the first sync: %d, want %d", code, http.StatusServiceUnavailable)
		}
	}
}
