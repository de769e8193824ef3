package incluster

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/netassay/netassay/incluster/outcome"
)

// worker is Sonobuoy's, as far as progress goes.
type worker struct {
	*httptest.Server
	mu      sync.Mutex
	updates []outcome.Update
	times   []time.Time
}

func newWorker(t *testing.T) *worker {
	t.Helper()
	w := &worker{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var u outcome.Update
		err := json.NewDecoder(r.Body).Decode(&u)
		w.mu.Lock()
		defer w.mu.Unlock()
		if err != nil || r.Method != http.MethodPost {
			t.Errorf("%s: %v", r.Method, err)
		}
		w.updates, w.times = append(w.updates, u), append(w.times, time.Now())
	}))
	t.Cleanup(w.Close)
	return w
}

// Updates come at most once a second, and the latest comes.
func TestPost(t *testing.T) {
	w := newWorker(t)
	p := newPoster(w.URL)
	for i := range 100 {
		p.post(outcome.Update{Completed: int64(i)})
	}
	p.close()
	n := len(w.updates)
	if n == 0 || n > 3 || w.updates[n-1].Completed != 99 {
		t.Errorf("%d updates: %+v", n, w.updates)
	}
	for i := 1; i < n; i++ {
		if gap := w.times[i].Sub(w.times[i-1]); gap < period*9/10 {
			t.Errorf("two updates within %v", gap)
		}
	}
}

// A worker that is away, or never answers, delays nobody for long.
func TestPostToNobody(t *testing.T) {
	silent := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-silent }))
	defer hangs.Close()
	defer close(silent)
	for _, url := range []string{"", "http://127.0.0.1:1/progress", hangs.URL, "::"} {
		began := time.Now()
		p := newPoster(url)
		for range 3 {
			p.post(outcome.Update{})
		}
		if took := time.Since(began); took > postTimeout/2 {
			t.Errorf("%s: posting took %v", url, took)
		}
		p.close()
		if took := time.Since(began); took > 3*postTimeout {
			t.Errorf("%s: it ended after %v", url, took)
		}
	}
}

// Run tells the worker how far the experiment came.
func TestRunTellsProgress(t *testing.T) {
	w, dir := newWorker(t), t.TempDir()
	o := options("fail", dir)
	o.Progress = w.URL
	bounded(t, func() error { return Run(t.Context(), o) })
	if len(w.updates) == 0 {
		t.Fatal("no update")
	}
	if u := w.updates[len(w.updates)-1]; u.Total != 2 || u.Completed != 1 || len(u.Failures) != 1 || u.Failures[0] != "two" {
		t.Errorf("%+v", u)
	}
}
